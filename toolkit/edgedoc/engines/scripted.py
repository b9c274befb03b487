"""An engine without a model, for tests and for trying a pipeline: it says what it is told to. Needs numpy only."""

from collections.abc import Callable, Mapping, Sequence
from typing import Self

import numpy as np

from edgedoc.engines.base import Logits
from edgedoc.engines.feeding import check_rewind
from edgedoc.errors import EngineError

NextToken = Callable[[Sequence[int]], int]

PEAK = 10.0
"""Logit of the scripted token; all others are 0, which leaves it on top under any usual repetition penalty."""


class ScriptedEngine:
    """Implements `edgedoc.engines.base.Engine`: the logits after any sequence peak at what `next_token` answers for it.

    `fail_at` makes the call that would feed that position raise EngineError, once for each attempt.
    """

    def __init__(
        self, next_token: NextToken, *, vocab_size: int = 256, context_length: int = 2048, fail_at: int | None = None
    ) -> None:
        self.fed: list[int] = []
        self.calls: list[tuple[int, int]] = []
        """Tokens and rows of every `extend`, in order."""
        self._next_token = next_token
        self._vocab_size = vocab_size
        self._context_length = context_length
        self._fail_at = fail_at
        self._closed = False

    @classmethod
    def replying(
        cls,
        replies: Mapping[tuple[int, ...], Sequence[int]],
        *,
        stop: int,
        vocab_size: int = 256,
        context_length: int = 2048,
        fail_at: int | None = None,
    ) -> Self:
        """An engine that answers each prompt with its reply, then `stop` for ever; EngineError for other prompts."""

        def next_token(fed: Sequence[int]) -> int:
            for prompt in sorted(replies, key=len, reverse=True):
                if tuple(fed[: len(prompt)]) == prompt:
                    said = len(fed) - len(prompt)
                    return replies[prompt][said] if said < len(replies[prompt]) else stop
            raise EngineError("The script has no reply to this prompt.")

        return cls(next_token, vocab_size=vocab_size, context_length=context_length, fail_at=fail_at)

    @property
    def vocab_size(self) -> int:
        """Columns of the logits."""
        self._check_open()
        return self._vocab_size

    @property
    def context_length(self) -> int:
        """Positions there are."""
        self._check_open()
        return self._context_length

    @property
    def position(self) -> int:
        """Tokens fed and not forgotten."""
        self._check_open()
        return len(self.fed)

    def extend(self, tokens: Sequence[int], logits: int = 1) -> Logits:
        """See `Engine.extend`."""
        self._check_open()
        end = len(self.fed) + len(tokens)
        if not 0 <= logits <= len(tokens):
            raise EngineError(f"{logits} rows of logits were asked for {len(tokens)} tokens.")
        if end > self._context_length:
            raise EngineError(f"The context is full: {end} tokens do not fit into {self._context_length}.")
        if any(not 0 <= token < self._vocab_size for token in tokens):
            raise EngineError(f"A token id is outside the vocabulary of {self._vocab_size}.")
        if self._fail_at is not None and len(self.fed) <= self._fail_at < end:
            raise EngineError(f"Scripted failure at position {self._fail_at}.")
        sequence = [*self.fed, *tokens]
        rows = np.zeros((logits, self._vocab_size), np.float32)
        for row in range(logits):
            rows[row, self._next_token(sequence[: end - logits + row + 1])] = PEAK
        self.fed = sequence
        self.calls.append((len(tokens), logits))
        return rows

    def rewind(self, position: int) -> None:
        """See `Engine.rewind`."""
        self._check_open()
        check_rewind(position, len(self.fed))
        del self.fed[position:]

    def close(self) -> None:
        """See `Engine.close`."""
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise EngineError("The engine is closed.")
