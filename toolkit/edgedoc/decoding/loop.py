"""Greedy decoding of one document, written once for every way of running it.

`decode` is a generator that asks for logits and never touches an engine, so the same code can be driven alone, as
`run` does, or together with other documents in one batch. It knows token ids only: no text, no tokenizer.
"""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from time import perf_counter
from typing import NamedTuple, TypeVar

from edgedoc.decoding.guard import LoopGuard
from edgedoc.decoding.penalty import RepetitionPenalty
from edgedoc.engines.base import Engine, Logits
from edgedoc.errors import EngineError

Outcome = TypeVar("Outcome")
NOT_A_NUMBER = "The model's output is not a number: the weights are damaged. Export the model again."


class FinishReason(StrEnum):
    """Why decoding ended. Only STOP means that the model considered the document done."""

    STOP = "stop"
    LENGTH = "length"
    LOOP = "loop"
    CONTEXT = "context"


class Request(NamedTuple):
    """Forget all from position `rewind` on, if given; feed `tokens`; send back the last `logits` rows of logits."""

    tokens: Sequence[int]
    logits: int = 1
    rewind: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Generation:
    """The outcome of one document. `tokens` has neither the stop token nor the repeats a loop was stopped for.

    `steps` counts requests, the prompt's included; `drafted` and `accepted` count tokens; seconds are wall time.
    """

    tokens: tuple[int, ...]
    finish: FinishReason
    prompt_tokens: int
    steps: int
    drafted: int = 0
    accepted: int = 0
    prefill_seconds: float = 0.0
    decode_seconds: float = 0.0


def decode(
    prompt: Sequence[int],
    *,
    stop: frozenset[int],
    budget: int,
    context_length: int,
    penalty: RepetitionPenalty | None = None,
    guard: LoopGuard | None = None,
) -> Generator[Request, Logits, Generation]:
    """Yield requests, receive their logits (rows, vocabulary), return the Generation without its timings.

    `budget` is the most tokens to put out and `context_length` the positions the engine has. The first request is the
    whole prompt. Raises EngineError when the logits are not numbers.
    """
    output: list[int] = []
    finish = FinishReason.LENGTH
    steps = 0
    pending = prompt
    if penalty is not None:
        penalty.start(prompt)
    while len(output) < budget:
        if len(prompt) + len(output) > context_length:
            finish = FinishReason.CONTEXT
            break
        row = (yield Request(pending))[-1]
        steps += 1
        if penalty is not None:
            penalty.apply(row)
        token = int(row.argmax())
        # argmax returns the first NaN if there is one, so one look is enough.
        if math.isnan(row[token]):
            raise EngineError(NOT_A_NUMBER)
        if token in stop:
            finish = FinishReason.STOP
            break
        output.append(token)
        pending = (token,)
        if penalty is not None:
            penalty.add(token)
        if guard is not None:
            loop_start = guard.add(token)
            if loop_start is not None:
                finish = FinishReason.LOOP
                del output[loop_start:]
                break
    return Generation(tokens=tuple(output), finish=finish, prompt_tokens=len(prompt), steps=steps)


def run(
    engine: Engine,
    prompt: Sequence[int],
    *,
    stop: frozenset[int],
    budget: int,
    penalty: RepetitionPenalty | None = None,
    guard: LoopGuard | None = None,
) -> Generation:
    """Decode one document on `engine`, whose cache is emptied first.

    A prompt that does not fit ends as CONTEXT without a token. Raises EngineError when the engine fails.
    """
    steps = decode(prompt, stop=stop, budget=budget, context_length=engine.context_length, penalty=penalty, guard=guard)
    outcome, prefill, rest = drive(engine, steps)
    return replace(outcome, prefill_seconds=prefill, decode_seconds=rest)


def drive(engine: Engine, steps: Generator[Request, Logits, Outcome]) -> tuple[Outcome, float, float]:
    """Answer the requests of `steps` with `engine`, emptied first: its outcome, seconds of the first request and after.

    Raises EngineError when the engine fails.
    """
    engine.rewind(0)
    begin = prefilled = perf_counter()
    try:
        request = next(steps)
        logits = engine.extend(request.tokens, request.logits)
        prefilled = perf_counter()
        while True:
            request = steps.send(logits)
            if request.rewind is not None:
                engine.rewind(request.rewind)
            logits = engine.extend(request.tokens, request.logits)
    except StopIteration as end:
        outcome: Outcome = end.value
    finally:
        steps.close()
    return outcome, prefilled - begin, perf_counter() - prefilled
