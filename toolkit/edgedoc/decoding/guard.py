"""Notices when a model has fallen into a loop, while it decodes. Knows token ids only.

Two signs, each a few microseconds a token:
  period   the output ends in the same 1 to 64 tokens over and over;
  stale    for a long while most 8-grams have already been put out three times or more (longer and ragged loops).

A copying model repeats what its document repeats (rulers, empty table cells, equal lines of code), so both signs are
measured on the document too and only what clearly exceeds the document's own figures counts. The markup of a document
takes more tokens than its Markdown, which makes that comparison a lenient one.
"""

from collections.abc import Sequence

import numpy as np

MAX_PERIOD = 64
DOCUMENT_PERIOD = 4 * MAX_PERIOD
"""A table row takes several times as many tokens in HTML as in Markdown."""

MIN_REPEATS = 6
MIN_TOKENS = 128
GRAM = 8
GRAM_SEEN = 3
MIN_STALE = 256
SLACK = 1.25
"""How far the output may exceed the document's own repetition before it counts as a loop."""


class LoopGuard:
    """For one document: `add` every output token, stop when it answers with an index."""

    def __init__(self, document: Sequence[int]) -> None:
        """`document`: the ids of the document as given to the model; its repetition is tolerated."""
        periods, staleness = _Periods(DOCUMENT_PERIOD), _Staleness()
        repeats = longest = stale = 0
        for token in document:
            for period, run in periods.add(token):
                repeats, longest = max(repeats, run // period + 1), max(longest, run + period)
            stale = max(stale, staleness.add(token))
        self._max_repeats = max(MIN_REPEATS - 1, int(repeats * SLACK))
        self._max_run = max(MIN_TOKENS - 1, int(longest * SLACK))
        self._max_stale = max(MIN_STALE - 1, int(stale * SLACK))
        self._periods = _Periods(MAX_PERIOD)
        self._staleness = _Staleness()

    def add(self, token: int) -> int | None:
        """Count one output token. Returns None, or the index in the output from which on it only repeats itself.

        The tokens before that index hold the repeated passage at least once.
        """
        stale = self._staleness.add(token)
        for period, run in self._periods.add(token):
            if run // period + 1 > self._max_repeats and run + period > self._max_run:
                return self._periods.count - run
        return self._staleness.start if stale > self._max_stale else None


class _Periods:
    """For each period p, how many tokens in a row equalled the one p before them."""

    def __init__(self, longest: int) -> None:
        self.count = 0
        self._longest = longest
        self._recent = np.full(2 * longest, -1, np.int64)  # a ring written twice: its last tokens are always one slice
        self._runs = np.zeros(longest, np.int64)

    def add(self, token: int) -> list[tuple[int, int]]:
        """(period, run) of the shortest period that repeats at least MIN_REPEATS times, if there is one."""
        slot = self.count % self._longest
        window = self._recent[slot : slot + self._longest]
        self._runs += 1
        self._runs *= window == token
        self._recent[slot] = self._recent[slot + self._longest] = token
        self.count += 1
        # A period's multiples repeat as well, later: the longest run belongs to the shortest period.
        period = int(self._runs[::-1].argmax()) + 1
        run = int(self._runs[self._longest - period])
        return [(period, run)] if run >= (MIN_REPEATS - 1) * period else []


class _Staleness:
    """A score that rises by one with every 8-gram seen GRAM_SEEN times before and falls by one with any other."""

    def __init__(self) -> None:
        self.start = 0
        """Index of the token with which the present rise began."""
        self._gram: tuple[int, ...] = ()
        self._seen: dict[tuple[int, ...], int] = {}
        self._score = 0
        self._count = 0

    def add(self, token: int) -> int:
        """Count one token and return the score."""
        self._gram = (*self._gram[1 - GRAM :], token)
        times = self._seen.get(self._gram, 0)
        self._seen[self._gram] = times + 1
        stale = times >= GRAM_SEEN and len(self._gram) == GRAM
        if stale and self._score == 0:
            self.start = self._count
        self._score = max(0, self._score + (1 if stale else -1))
        self._count += 1
        return self._score
