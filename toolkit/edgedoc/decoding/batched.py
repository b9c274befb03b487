"""Answers the requests of many documents together, each on a sequence of its own. Knows no text and no decoding rule.

Documents take part in a step with whatever they ask for, and a prompt goes in pieces between the steps of the others,
as in Agrawal et al., Sarathi-Serve (arXiv 2403.02310, section 4.1). The engine computes each document's tokens apart,
but how many rows share a matrix product decides about the last bits of the logits: an answer may differ from the one
given alone where two tokens tie.
"""

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import Generic, TypeVar

import numpy as np

from edgedoc.decoding.loop import Request
from edgedoc.engines.base import BatchEngine, Feed, Logits
from edgedoc.engines.feeding import PASS_TOKENS
from edgedoc.errors import UsageError

Outcome = TypeVar("Outcome")


def drive_many(
    engine: BatchEngine, jobs: Iterable[Generator[Request, Logits, Outcome]], in_flight: int
) -> Iterator[tuple[Outcome, float, float]]:
    """Answer the requests of `jobs`, up to `in_flight` at once: what `Driver.drive` returns of each, in their order.

    The next job is fetched when a sequence is free. In every step all documents that decode take part, and one piece
    of one prompt in turn, so that none waits for another's prompt. The prefix of a template is computed once, on its
    own, and shared. Seconds add up to the wall time, without that of fetching jobs: a step's are divided by the tokens
    that each document fed, so one that is read while others are written is billed most of their common steps.
    What a job raises ends the others too; who wants them to go on lets it return its error. Raises EngineError when
    the engine fails, UsageError for less than one in flight.
    """
    if in_flight < 1:
        raise UsageError("At least 1 document must be in flight.")
    return _Flight[Outcome](engine, min(in_flight, engine.sequences)).run(jobs)


@dataclass(eq=False)
class _Document(Generic[Outcome]):
    """One job on its sequence, and how far its present request has come."""

    index: int
    steps: Generator[Request, Logits, Outcome]
    sequence: int
    request: Request = field(default_factory=lambda: Request(()))
    fed: int = 0
    rows: list[Logits] = field(default_factory=list)
    answered: bool = False
    prefill_seconds: float = 0.0
    decode_seconds: float = 0.0

    @property
    def left(self) -> int:
        """Tokens of the request that are still to be fed."""
        return len(self.request.tokens) - self.fed

    def next_feed(self) -> Feed:
        """The next of them, at most PASS_TOKENS."""
        end = self.fed + min(self.left, PASS_TOKENS)
        wanted = end - max(self.fed, len(self.request.tokens) - self.request.logits)
        return Feed(self.sequence, self.request.tokens[self.fed : end], max(0, wanted))

    def bill(self, seconds: float) -> None:
        """Count seconds spent on this document."""
        if self.answered:
            self.decode_seconds += seconds
        else:
            self.prefill_seconds += seconds


class _Flight(Generic[Outcome]):
    """The documents in the air, what their sequences hold of prefixes, and the answers whose turn has not come."""

    def __init__(self, engine: BatchEngine, in_flight: int) -> None:
        self._engine = engine
        self._free = deque(range(in_flight))
        self._prefixes: dict[int, tuple[int, ...]] = {}
        self._documents: list[_Document[Outcome]] = []
        self._finished: dict[int, tuple[Outcome, float, float]] = {}
        self._lapped = 0.0

    def run(self, jobs: Iterable[Generator[Request, Logits, Outcome]]) -> Iterator[tuple[Outcome, float, float]]:
        coming = enumerate(jobs)
        following = 0
        try:
            while True:
                while self._free and (job := next(coming, None)) is not None:
                    self._start(*job)
                self._lap()
                if self._documents:
                    self._step()
                elif not self._finished:
                    return
                while following in self._finished:
                    yield self._finished.pop(following)
                    following += 1
        finally:
            for document in self._documents:
                document.steps.close()

    def _start(self, index: int, steps: Generator[Request, Logits, Outcome]) -> None:
        self._lap()
        document = _Document(index, steps, self._free.popleft())
        self._documents.append(document)
        try:
            document.request = next(steps)
        except StopIteration as end:
            self._finish(document, end.value)
            return
        prefix = tuple(document.request.tokens[: document.request.prefix])
        self._seat(document.sequence, prefix)
        document.fed = len(prefix)
        document.bill(self._lap())

    def _seat(self, sequence: int, prefix: tuple[int, ...]) -> None:
        """Leave nothing but `prefix` in the sequence."""
        held = next((other for other, found in self._prefixes.items() if prefix and found == prefix), None)
        if self._prefixes.get(sequence) == prefix:
            self._engine.forget(sequence, len(prefix))
        elif held is not None:
            self._engine.share(held, sequence, len(prefix))
        else:
            self._engine.forget(sequence, 0)
            if prefix:
                # Alone, or what the cache holds of it would depend on the company.
                self._engine.step([Feed(sequence, prefix, 0)])
        self._prefixes[sequence] = prefix

    def _step(self) -> None:
        """One step of all that decode and of the one that has waited longest among those being read."""
        reading = [document for document in self._documents if not document.answered or document.left > PASS_TOKENS]
        together = [document for document in self._documents if document not in reading] + reading[:1]
        for document in reading[:1]:
            self._documents.remove(document)
            self._documents.append(document)
        feeds = [document.next_feed() for document in together]
        answers = self._engine.step(feeds)
        seconds = self._lap()
        tokens = sum(len(feed.tokens) for feed in feeds)
        for document, feed, rows in zip(together, feeds, answers, strict=True):
            document.bill(seconds * len(feed.tokens) / max(1, tokens))
            document.fed += len(feed.tokens)
            document.rows.append(rows)
            if not document.left:
                self._answer(document)

    def _answer(self, document: _Document[Outcome]) -> None:
        """Hand the document the logits it asked for and take its next request."""
        rows = document.rows[0] if len(document.rows) == 1 else np.concatenate(document.rows)
        document.answered = True
        try:
            request = document.steps.send(rows)
        except StopIteration as end:
            self._finish(document, end.value)
            return
        if request.rewind is not None:
            self._engine.forget(document.sequence, request.rewind)
            if request.rewind < len(self._prefixes[document.sequence]):
                self._prefixes[document.sequence] = ()
        document.request, document.fed, document.rows = request, 0, []
        document.bill(self._lap())

    def _finish(self, document: _Document[Outcome], outcome: Outcome) -> None:
        document.bill(self._lap())
        self._documents.remove(document)
        self._free.append(document.sequence)
        self._finished[document.index] = outcome, document.prefill_seconds, document.decode_seconds

    def _lap(self) -> float:
        """Seconds since the last lap."""
        last, self._lapped = self._lapped, perf_counter()
        return self._lapped - last
