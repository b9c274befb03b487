"""The engine contract: token ids in, logits out. Knows no text, no tokenizer, no file format."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.float32]


class Engine(Protocol):
    """One model, one sequence, one KV cache. Not thread-safe: one engine, one thread."""

    @property
    def vocab_size(self) -> int:
        """Columns of the logits."""

    @property
    def context_length(self) -> int:
        """Positions the KV cache holds."""

    @property
    def position(self) -> int:
        """Tokens fed and not forgotten: the position the next token takes."""

    def extend(self, tokens: Sequence[int], logits: int = 1) -> Logits:
        """Feed `tokens` and return float32 logits of the last `logits` of them, shape (logits, vocab_size).

        The array belongs to the caller. `logits=0` returns shape (0, vocab_size) and skips the head.
        Raises EngineError when the context is full, an id is out of range or the runtime fails.
        """

    def rewind(self, position: int) -> None:
        """Forget every token from `position` on; 0 empties it. Raises EngineError if position > self.position."""

    def close(self) -> None:
        """Free the model. Safe to call twice; any other call afterwards raises EngineError."""
