"""Token ids in, token ids out: the decoding loop and its policies. Knows no text and no particular engine."""
