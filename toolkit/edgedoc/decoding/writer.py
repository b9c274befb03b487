"""Writes an answer that is partly dictated: forced tokens, choices between continuations, free lines.

What is certain is never asked for: forced tokens are collected and fed together with the next question, in one step.
A choice walks the tree of its options and asks the model only where they part. Knows token ids only.
Guided generation over a finite language (Willard and Louf, arXiv 2307.09702); skipping certain tokens is known as
jump-forward decoding (SGLang, arXiv 2312.07104, section 3).
"""

from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from edgedoc.decoding.loop import NOT_A_NUMBER, Request
from edgedoc.engines.base import Logits
from edgedoc.errors import EngineError

T = TypeVar("T")
Steps = Generator[Request, Logits, T]
Options = Sequence[Sequence[int]]
Followers = dict[int, list[int]]

WEIGHED_ROWS = 96
"""Tokens weighed in one step: at Qwen2's vocabulary their logits take 58 MB."""


class FullError(Exception):
    """No room for the next token: budget or context are used up. Callers in `tasks` end the answer there."""


class Writer:
    """One answer behind a prompt. Its methods are generators of requests, driven by `loop.drive`.

    `room` is the most tokens the answer may have; `stop` are the ids that end it.
    """

    def __init__(self, prompt: Sequence[int], *, stop: frozenset[int], room: int) -> None:
        self.stop = stop
        self.room = room
        self.written: list[int] = []
        """Tokens of the answer, no stop token among them."""
        self.steps = 0
        """Requests made, the prompt's included."""
        self.asked = 0
        """Decisions the model was asked for; every other token was certain."""
        self._pending = list(prompt)
        self._row: NDArray[np.float32] | None = None

    def put(self, tokens: Sequence[int]) -> None:
        """Dictate `tokens`. Raises FullError."""
        if len(self.written) + len(tokens) > self.room:
            raise FullError
        if tokens:
            self.written.extend(tokens)
            self._pending.extend(tokens)
            self._row = None

    def choose(self, options: Options) -> Steps[int]:
        """Index of the option the model goes on with, greedily wherever options part; its tokens are put.

        An option may be a single stop token: once it is chosen the answer is over, and nothing may follow. Of equal
        options the first is meant, and none may begin another. Raises FullError, ValueError when there is no option.
        """
        if not options:
            raise ValueError("there is nothing to choose from")
        live, depth = list(range(len(options))), 0
        while True:
            run, live, followers = _certain(options, live, depth)
            self.put(run)
            depth += len(run)
            if not followers:
                return live[0]
            self.asked += 1
            going_on = [token for token in followers if token not in self.stop]
            ahead: list[int] = []
            if len(going_on) == 1 and self._row is None:
                # Nothing is lost by feeding on: either this is what follows, or the answer is over.
                ahead, _, _ = _certain(options, followers[going_on[0]], depth)
                ahead = ahead if len(self.written) + len(ahead) <= self.room else []
            rows = yield from self._logits(ahead)
            token = _best(rows[0], list(followers))
            if token in self.stop:
                return followers[token][0]
            if ahead:
                self.written.extend(ahead)
                self._row = rows[-1]
            else:
                self.put((token,))
            live, depth = followers[token], depth + max(1, len(ahead))

    def line(self, limit: int, ends: Callable[[int], bool]) -> Steps[bool]:
        """Free greedy tokens up to and including the first for which `ends` is true, or up to a stop token.

        False when `limit` tokens were not enough. Raises FullError.
        """
        for _ in range(limit):
            rows = yield from self._logits()
            self.asked += 1
            token = _best(rows[0])
            if token in self.stop:
                return True
            self.put((token,))
            if ends(token):
                return True
        return False

    def weigh(self, choices: Sequence[tuple[Options, int]]) -> Steps[list[float]]:
        """Probability of each choice, had the model been asked: (options, index of the one taken); all are put.

        Each is conditioned on the ones before it. Feeds whole choices, up to WEIGHED_ROWS tokens a step.
        Raises FullError.
        """
        found: list[float] = []
        while len(found) < len(choices):
            taken: list[int] = []
            last = len(found)
            while last < len(choices):
                path = choices[last][0][choices[last][1]]
                if taken and len(taken) + len(path) > WEIGHED_ROWS:
                    break
                taken.extend(path)
                last += 1
            if len(self.written) + len(taken) > self.room:
                raise FullError
            rows = yield from self._logits(taken)
            first = 0
            for options, index in choices[len(found) : last]:
                found.append(_probability(rows[first:], options, index))
                first += len(options[index])
            self.written.extend(taken)
            self._row = rows[-1]
        return found

    def _logits(self, ahead: Sequence[int] = ()) -> Steps[Logits]:
        """Rows after what was put and after each token of `ahead`: shape (1 + len(ahead), vocabulary)."""
        known = self._row
        if known is None:
            rows = yield Request([*self._pending, *ahead], 1 + len(ahead))
        elif ahead:
            rows = np.concatenate([known[None], (yield Request(ahead, len(ahead)))])
        else:
            return known[None]
        self._pending.clear()
        self.steps += 1
        self._row = rows[-1] if not ahead else None
        return rows


def _certain(options: Options, live: list[int], depth: int) -> tuple[list[int], list[int], Followers]:
    """Tokens on which the live options agree from `depth` on, and what follows there: no followers means the end."""
    run: list[int] = []
    while True:
        followers: Followers = {}
        for index in live:
            if depth + len(run) < len(options[index]):
                followers.setdefault(options[index][depth + len(run)], []).append(index)
        if len(followers) != 1:
            return run, live, followers
        token, live = next(iter(followers.items()))
        run.append(token)


def _best(row: NDArray[np.float32], allowed: Sequence[int] | None = None) -> int:
    token = int(row.argmax()) if allowed is None else allowed[int(row[list(allowed)].argmax())]
    if np.isnan(row[token]):
        raise EngineError(NOT_A_NUMBER)
    return token


def _probability(rows: Logits, options: Options, index: int) -> float:
    """Of option `index`, token by token among what the options allow; row d precedes its token d."""
    live, total = list(range(len(options))), 0.0
    for depth, token in enumerate(options[index]):
        followers: Followers = {}
        for other in live:
            if depth < len(options[other]):
                followers.setdefault(options[other][depth], []).append(other)
        if len(followers) > 1:
            scores = rows[depth][list(followers)].astype(np.float64)
            total += float(rows[depth][token]) - float(scores.max() + np.log(np.exp(scores - scores.max()).sum()))
        live = followers[token]
        if len(live) == 1:
            break
    if np.isnan(total):
        raise EngineError(NOT_A_NUMBER)
    return float(np.exp(total))
