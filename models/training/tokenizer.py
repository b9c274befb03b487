"""The nano tokenizer: byte-level BPE with Qwen2's normaliser, splitting rules and control tokens. Knows no model.

Source of the rules: Qwen/Qwen2-0.5B-Instruct tokenizer.json; both runtimes recognise them as `qwen2`.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
UNITS = (
    r"<[a-z]+| (?:href|src|alt|class)(?==)|</|=\"|\">|://|]\(|\*\*|`+|-+|#+|~~"
    r"|\p{L}+|\p{N}| +|[\r\n]+|[^\s\p{L}\p{N}]|\s"
)
"""What merges may not cross while they are learnt. Qwen2's rules leave a space or a bracket with the word after it, so
that `>word`, ` word` and `[word` would be cut into different tokens, and copying from HTML to Markdown would mean
spelling every word anew. Here a word is the same tokens wherever it stands."""
CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
VOCABULARY = 2048


def train(texts: Iterable[str], out: Path) -> Tokenizer:
    """Train on `texts` and write tokenizer.json to `out`; control tokens take the last three ids."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=False))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = _split(UNITS)
    tokenizer.decoder = decoders.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(CONTROL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
        max_token_length=16,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.pre_tokenizer = _split(SPLIT)
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in CONTROL])
    tokenizer.save(str(out))
    return tokenizer


def _split(rule: str) -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(rule), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False),
        ]
    )


def without_added(path: Path) -> Tokenizer:
    """The same tokenizer with no added tokens: it reads `<|im_end|>` in a document as text."""
    content = json.loads(path.read_text(encoding="utf-8"))
    content["added_tokens"], content["post_processor"] = [], None
    return Tokenizer.from_str(json.dumps(content))
