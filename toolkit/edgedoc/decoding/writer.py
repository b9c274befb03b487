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
from edgedoc.decoding.pace import Drafter
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

    `room` is the most tokens the answer may have; `stop` are the ids that end it; `prefix`: see `loop.Request`. What
    `drafter` guesses is verified with the next question of a free line.
    """

    def __init__(
        self,
        prompt: Sequence[int],
        *,
        stop: frozenset[int],
        room: int,
        prefix: int = 0,
        drafter: Drafter | None = None,
    ) -> None:
        self.stop = stop
        self.room = room
        self.drafted = self.accepted = 0
        """Tokens of free lines that were guessed, and those of them that were right."""
        self.written: list[int] = []
        """Tokens of the answer, no stop token among them."""
        self.steps = 0
        """Requests made, the prompt's included."""
        self.asked = 0
        """Decisions the model was asked for; every other token was certain."""
        self._pending = list(prompt)
        self._row: NDArray[np.float32] | None = None
        self._prompt, self._prefix, self._drafter = len(prompt), prefix, drafter
        self._fed = 0

    def put(self, tokens: Sequence[int]) -> None:
        """Dictate `tokens`. Raises FullError."""
        if len(self.written) + len(tokens) > self.room:
            raise FullError
        if tokens:
            self._write(tokens)
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
                self._write(ahead)
                self._row = rows[-1]
            else:
                self.put((token,))
            live, depth = followers[token], depth + max(1, len(ahead))

    def line(self, limit: int, ends: Callable[[int], bool]) -> Steps[bool]:
        """Free greedy tokens up to and including the first for which `ends` is true, or up to a stop token.

        False when `limit` tokens were not enough. Raises FullError.
        """
        last = len(self.written) + limit
        while len(self.written) < last:
            most = min(last, self.room) - len(self.written) - 1
            guess = self._drafter.propose(most) if self._drafter is not None else []
            rows = yield from self._logits(guess)
            self.drafted += len(guess)
            for right, row in enumerate(rows):
                self.asked += 1
                token = _best(row)
                if token in self.stop:
                    self._row = row
                    return True
                agreed = right < len(guess) and token == guess[right]
                if agreed:
                    # It is fed already, and so is what comes after it in the guess.
                    self.accepted += 1
                    self._write((token,))
                    self._row = rows[right + 1]
                else:
                    self.put((token,))
                if ends(token):
                    return True
                if not agreed:
                    break
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
            self._write(taken)
            self._row = rows[-1]
        return found

    def read(self, places: Sequence[int], tokens: Sequence[int]) -> Steps[NDArray[np.float32]]:
        """Logits of `tokens` after each of `places`, ascending positions in the prompt: shape (places, tokens).

        Feeds the prompt up to the last of them, and is the first thing asked of it. Raises EngineError.
        """
        prompt, found = list(self._pending), [np.empty((0, len(tokens)), np.float32)]
        for group in _near(places, WEIGHED_ROWS):
            last = group[-1] + 1
            prefix = 0 if self._fed else min(self._prefix, group[0])
            rows = yield Request(prompt[self._fed : last], last - group[0], None, prefix)
            found.append(rows[np.ix_([place - group[0] for place in group], tokens)])
            if np.isnan(found[-1]).any():
                raise EngineError(NOT_A_NUMBER)
            self._fed, self._pending = last, prompt[last:]
            self.steps += 1
            self.asked += len(group)
        return np.concatenate(found)

    def _write(self, tokens: Sequence[int]) -> None:
        self.written.extend(tokens)
        if self._drafter is not None:
            for token in tokens:
                self._drafter.add(token)

    def _logits(self, ahead: Sequence[int] = ()) -> Steps[Logits]:
        """Rows after what was put and after each token of `ahead`: shape (1 + len(ahead), vocabulary)."""
        known = self._row
        if known is not None and not ahead:
            return known[None]
        tokens = [*self._pending, *ahead]
        right = self._prompt + len(self.written) - len(self._pending)
        wanted = len(ahead) + (known is None)
        # What was guessed wrong is still in the cache.
        rows = yield Request(tokens, wanted, right if self._fed > right else None, 0 if self._fed else self._prefix)
        self._fed = right + len(tokens)
        self._pending.clear()
        self.steps += 1
        if known is not None:
            rows = np.concatenate([known[None], rows])
        self._row = rows[-1] if not ahead else None
        return rows


def _near(places: Sequence[int], reach: int) -> list[list[int]]:
    """Runs of `places` in each of which the last is less than `reach` after the first."""
    groups: list[list[int]] = []
    for place in places:
        if groups and place - groups[-1][0] < reach:
            groups[-1].append(place)
        else:
            groups.append([place])
    return groups


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
