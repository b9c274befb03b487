"""Greedy decoding of one document, written once for every way of running it.

`decode` is a generator that asks for logits and never touches an engine, so the same code can be driven alone or
together with other documents in one batch. It knows token ids only: no text, no tokenizer.
"""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgedoc.decoding.guard import LoopGuard
from edgedoc.decoding.pace import Drafter
from edgedoc.decoding.penalty import RepetitionPenalty
from edgedoc.engines.base import Logits
from edgedoc.errors import EngineError

NOT_A_NUMBER = "The model's output is not a number: the weights are damaged. Export the model again."


class FinishReason(StrEnum):
    """Why decoding ended. Only STOP means that the model considered the document done."""

    STOP = "stop"
    LENGTH = "length"
    LOOP = "loop"
    CONTEXT = "context"


class Request(NamedTuple):
    """Forget all from position `rewind` on, if given; feed `tokens`; send back the last `logits` rows of logits.

    In a document's first request the leading `prefix` tokens are the template's, the same for every document. They are
    fed on their own, so that what the cache holds of them does not depend on the document and can be kept for the next.
    """

    tokens: Sequence[int]
    logits: int = 1
    rewind: int | None = None
    prefix: int = 0


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
    drafter: Drafter | None = None,
    prefix: int = 0,
    unit: int = 1,
) -> Generator[Request, Logits, Generation]:
    """Yield requests, receive their logits (rows, vocabulary), return the Generation without its timings.

    `budget` is the most tokens to put out and `context_length` the positions the engine has. The first request is the
    whole prompt, of which `prefix` tokens are the template's. What `drafter` guesses is fed along and kept as far as
    greedy decoding agrees, so that the tokens are those of plain decoding wherever the engine's logits do not depend on
    the size of a step; `unit` makes every step after the prompt a multiple of it, for engines whose logits depend on
    no more than that. Raises EngineError when the logits are not numbers.
    """
    # The last token of an answer is never fed, and the one before it in a whole unit.
    most = context_length + 2 - unit - len(prompt)
    answer = _Answer(prompt, stop=stop, budget=budget, most=most, penalty=penalty, guard=guard, drafter=drafter)
    steps = drafted = accepted = fed = 0
    request, guess = Request(prompt, prefix=prefix), list[int]()
    while answer.finish is None:
        if steps:
            # Of what is known, all but the last token is fed.
            right = len(prompt) + len(answer.tokens) - 1
            room = context_length - right - 1
            guess = drafter.propose(min(room, budget - len(answer.tokens) - 1)) if drafter is not None else []
            size = -(-(1 + len(guess)) // unit) * unit
            size = size if size <= room + 1 else size - unit
            del guess[size - 1 :]
            tokens = [answer.tokens[-1], *guess]
            tokens += tokens[:1] * (size - len(tokens))
            request = Request(tokens, size, right if fed > right else None)
            fed = right
        rows = yield request
        fed += len(request.tokens)
        steps += 1
        drafted += len(guess)
        accepted += answer.take(rows, guess)
    return Generation(
        tokens=tuple(answer.tokens),
        finish=answer.finish,
        prompt_tokens=len(prompt),
        steps=steps,
        drafted=drafted,
        accepted=accepted,
    )


class _Answer:
    """Tokens put out so far, and all that watches them."""

    def __init__(
        self,
        prompt: Sequence[int],
        *,
        stop: frozenset[int],
        budget: int,
        most: int,
        penalty: RepetitionPenalty | None,
        guard: LoopGuard | None,
        drafter: Drafter | None,
    ) -> None:
        self.tokens: list[int] = []
        self.finish = FinishReason.LENGTH if budget <= 0 else FinishReason.CONTEXT if most <= 0 else None
        self._stop, self._budget, self._most = stop, budget, most
        self._penalty, self._guard, self._drafter = penalty, guard, drafter
        if penalty is not None:
            penalty.start(prompt)

    def take(self, rows: Logits, guess: Sequence[int]) -> int:
        """Go on as the rows say while `guess`, which was fed for them, is what they say; how much of it was."""
        for right, row in enumerate(rows[: 1 + len(guess)]):
            token = self._greedy(row)
            agreed = right < len(guess) and token == guess[right]
            self._put(token)
            if self.finish is not None or not agreed:
                return right + agreed
        return len(guess)

    def _greedy(self, row: NDArray[np.float32]) -> int:
        if self._penalty is not None:
            self._penalty.apply(row)
        token = int(row.argmax())
        # argmax returns the first NaN if there is one, so one look is enough.
        if math.isnan(row[token]):
            raise EngineError(NOT_A_NUMBER)
        return token

    def _put(self, token: int) -> None:
        if token in self._stop:
            self.finish = FinishReason.STOP
            return
        self.tokens.append(token)
        if self._penalty is not None:
            self._penalty.add(token)
        if self._drafter is not None:
            self._drafter.add(token)
        loop_start = self._guard.add(token) if self._guard is not None else None
        if loop_start is not None:
            self.finish = FinishReason.LOOP
            del self.tokens[loop_start:]
        elif len(self.tokens) == self._budget:
            self.finish = FinishReason.LENGTH
        elif len(self.tokens) == self._most:
            self.finish = FinishReason.CONTEXT
