"""An engine without a model, for tests and for trying a pipeline: it says what it is told to. Needs numpy only."""

from collections.abc import Callable, Mapping, Sequence
from typing import Self

import numpy as np

from edgedoc.engines.base import Feed, Logits
from edgedoc.engines.feeding import check_rewind
from edgedoc.errors import EngineError

NextToken = Callable[[Sequence[int]], int]

PEAK = 10.0
"""Logit of the scripted token; all others are 0, which leaves it on top under any usual repetition penalty."""


class ScriptedEngine:
    """Implements `BatchEngine`: the logits after any tokens of a sequence peak at what `next_token` answers for them.

    `fail_at` makes the call that would feed that position raise EngineError, once for each attempt.
    """

    def __init__(
        self,
        next_token: NextToken,
        *,
        vocab_size: int = 256,
        context_length: int = 2048,
        fail_at: int | None = None,
        sequences: int = 1,
    ) -> None:
        self.held: list[list[int]] = [[] for _ in range(sequences)]
        """What each sequence was fed and has not forgotten."""
        self.calls: list[tuple[int, int]] = []
        """Tokens and rows of every `extend` and of every feed of a `step`, in order."""
        self.steps: list[tuple[Feed, ...]] = []
        """The feeds of every `step`, in order."""
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
        sequences: int = 1,
    ) -> Self:
        """An engine that answers each prompt with its reply, then `stop` for ever; EngineError for other prompts."""

        def next_token(fed: Sequence[int]) -> int:
            for prompt in sorted(replies, key=len, reverse=True):
                if tuple(fed[: len(prompt)]) == prompt:
                    said = len(fed) - len(prompt)
                    return replies[prompt][said] if said < len(replies[prompt]) else stop
            raise EngineError("The script has no reply to this prompt.")

        return cls(
            next_token, vocab_size=vocab_size, context_length=context_length, fail_at=fail_at, sequences=sequences
        )

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
    def fed(self) -> list[int]:
        """What sequence 0 holds."""
        return self.held[0]

    @property
    def position(self) -> int:
        """Tokens fed to sequence 0 and not forgotten."""
        self._check_open()
        return len(self.fed)

    @property
    def sequences(self) -> int:
        """See `BatchEngine.sequences`."""
        self._check_open()
        return len(self.held)

    def length(self, sequence: int) -> int:
        """See `BatchEngine.length`."""
        self._check_open()
        if not 0 <= sequence < len(self.held):
            raise EngineError(f"There is no sequence {sequence}; there are {len(self.held)}, numbered from 0.")
        return len(self.held[sequence])

    def extend(self, tokens: Sequence[int], logits: int = 1) -> Logits:
        """See `Engine.extend`."""
        [rows] = self._feed([Feed(0, tokens, logits)])
        return rows

    def step(self, feeds: Sequence[Feed]) -> list[Logits]:
        """See `BatchEngine.step`."""
        if len({feed.sequence for feed in feeds}) < len(feeds):
            raise EngineError("A sequence is fed twice in one step.")
        rows = self._feed(feeds)
        self.steps.append(tuple(feeds))
        return rows

    def rewind(self, position: int) -> None:
        """See `Engine.rewind`."""
        self.forget(0, position)

    def forget(self, sequence: int, position: int) -> None:
        """See `BatchEngine.forget`."""
        check_rewind(position, self.length(sequence))
        del self.held[sequence][position:]

    def share(self, source: int, target: int, length: int) -> None:
        """See `BatchEngine.share`."""
        check_rewind(length, self.length(source))
        self.length(target)
        self.held[target][:] = self.held[source][:length]

    def close(self) -> None:
        """See `Engine.close`."""
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise EngineError("The engine is closed.")

    def _feed(self, feeds: Sequence[Feed]) -> list[Logits]:
        """Nothing is kept of feeds of which one fails."""
        fed = [self._after(feed) for feed in feeds]
        rows = [self._rows(tokens, feed.logits) for tokens, feed in zip(fed, feeds, strict=True)]
        for tokens, feed in zip(fed, feeds, strict=True):
            self.held[feed.sequence] = tokens
            self.calls.append((len(feed.tokens), feed.logits))
        return rows

    def _after(self, feed: Feed) -> list[int]:
        """What the sequence will hold."""
        begin = self.length(feed.sequence)
        end = begin + len(feed.tokens)
        if not 0 <= feed.logits <= len(feed.tokens):
            raise EngineError(f"{feed.logits} rows of logits were asked for {len(feed.tokens)} tokens.")
        if end > self._context_length:
            raise EngineError(f"The context is full: {end} tokens do not fit into {self._context_length}.")
        if any(not 0 <= token < self._vocab_size for token in feed.tokens):
            raise EngineError(f"A token id is outside the vocabulary of {self._vocab_size}.")
        if self._fail_at is not None and begin <= self._fail_at < end:
            raise EngineError(f"Scripted failure at position {self._fail_at}.")
        return [*self.held[feed.sequence], *feed.tokens]

    def _rows(self, tokens: Sequence[int], count: int) -> Logits:
        rows = np.zeros((count, self._vocab_size), np.float32)
        for row in range(count):
            rows[row, self._next_token(tokens[: len(tokens) - count + row + 1])] = PEAK
        return rows
