"""Answers the requests of one document with an engine, alone and timed. Knows no text and no decoding rule."""

from collections.abc import Generator, Sequence
from dataclasses import replace
from time import perf_counter
from typing import TypeVar

from edgedoc.decoding.guard import LoopGuard
from edgedoc.decoding.loop import Generation, Request, decode
from edgedoc.decoding.pace import Drafter
from edgedoc.decoding.penalty import RepetitionPenalty
from edgedoc.engines.base import Engine, Logits

Outcome = TypeVar("Outcome")


class Driver:
    """Runs documents one after the other; what the template puts before each of them is computed once.

    Between documents the cache holds that prefix, so an engine has one driver, and nobody else feeds it meanwhile.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._prefix: tuple[int, ...] = ()
        self._left = 0

    def drive(self, steps: Generator[Request, Logits, Outcome]) -> tuple[Outcome, float, float]:
        """Answer the requests of `steps`: its outcome, seconds of the first request and after.

        Raises EngineError when the engine fails.
        """
        begin = prefilled = perf_counter()
        left, self._left = self._left, -1
        try:
            request = next(steps)
            logits = self._prefill(request, left)
            prefilled = perf_counter()
            while True:
                request = steps.send(logits)
                if request.rewind is not None:
                    self.engine.rewind(request.rewind)
                logits = self.engine.extend(request.tokens, request.logits)
        except StopIteration as end:
            outcome: Outcome = end.value
            self._left = self.engine.position
        finally:
            steps.close()
        return outcome, prefilled - begin, perf_counter() - prefilled

    def _prefill(self, request: Request, left: int) -> Logits:
        prefix = tuple(request.tokens[: request.prefix])
        # Where the last document ended: another position means that somebody else has fed the engine, or a failure. One
        # short of the prefix is no document's end: nothing was fed since another adapter emptied the cache.
        if prefix and prefix == self._prefix and self.engine.position == left >= len(prefix):
            self.engine.rewind(len(prefix))
        else:
            self.engine.rewind(0)
            if prefix:
                self.engine.extend(prefix, 0)
            self._prefix = prefix
        return self.engine.extend(request.tokens[len(prefix) :], request.logits)


def drive(engine: Engine, steps: Generator[Request, Logits, Outcome]) -> tuple[Outcome, float, float]:
    """`Driver.drive` for one document on an engine whose cache is emptied first."""
    return Driver(engine).drive(steps)


def run(
    engine: Engine,
    prompt: Sequence[int],
    *,
    stop: frozenset[int],
    budget: int,
    penalty: RepetitionPenalty | None = None,
    guard: LoopGuard | None = None,
    drafter: Drafter | None = None,
    unit: int = 1,
) -> Generation:
    """Decode one document on `engine`, whose cache is emptied first; options as for `decode`.

    A prompt that does not fit ends as CONTEXT without a token. Raises EngineError when the engine fails.
    """
    steps = decode(
        prompt,
        stop=stop,
        budget=budget,
        context_length=engine.context_length,
        penalty=penalty,
        guard=guard,
        drafter=drafter,
        unit=unit,
    )
    outcome, prefill, rest = drive(engine, steps)
    return replace(outcome, prefill_seconds=prefill, decode_seconds=rest)
