"""The engine contracts: token ids in, logits out. Know no text, no tokenizer, no file format."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

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


class AdapterEngine(Engine, Protocol):
    """One model and adapters for it (LoRA), of which at most one is over it at a time."""

    @property
    def adapters(self) -> tuple[str, ...]:
        """Their names."""

    @property
    def adapter(self) -> str | None:
        """The one that is over the model; None for the model alone."""

    def use(self, adapter: str | None) -> None:
        """Put `adapter` over the model instead of the one that is, None for none; what was fed is forgotten.

        Nothing happens where it is the one already. Raises UsageError for a name that is not among `adapters`.
        """


class Feed(NamedTuple):
    """What one sequence is fed in a shared step, and how many rows of logits it wants of the last of it."""

    sequence: int
    tokens: Sequence[int]
    logits: int = 1


class BatchEngine(Engine, Protocol):
    """One model and several sequences, each with positions of its own that no other sees.

    `extend`, `rewind` and `position` are those of sequence 0; `context_length` is what each sequence has.
    """

    @property
    def sequences(self) -> int:
        """How many there are, numbered from 0."""

    def length(self, sequence: int) -> int:
        """Tokens that `sequence` was fed and has not forgotten. Raises EngineError for one that is not there."""

    def step(self, feeds: Sequence[Feed]) -> list[Logits]:
        """Feed several sequences at once: the logits of each feed as `extend` returns them, in the order of `feeds`.

        Raises what `extend` raises, and EngineError for a sequence that is not there or is fed twice; every sequence
        then holds what it held before the call.
        """

    def forget(self, sequence: int, position: int) -> None:
        """`rewind` for one sequence."""

    def share(self, source: int, target: int, length: int) -> None:
        """Give `target` the first `length` positions of `source`, instead of all it holds; nothing is computed.

        Raises EngineError when `source` holds fewer.
        """
