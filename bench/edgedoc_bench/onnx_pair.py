"""Times an artifact of ours and a peer's graph in turn, in one process. Knows no report and no target.

The order within a round changes from round to round (ABBA), so that a machine that slows down slows both; what is
compared are the two times of a round. Which of the two was loaded first matters by some percent, for where their
weights come to lie: the caller runs this once for either order, each in a fresh process.
"""

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

STEPS = (1, 2, 4, 8, 12, 16, 32)
"""Tokens in a step of drafts."""
PROMPT = 512
DECODED = 4
"""Single tokens timed at once: one takes too little to time, and many would leave the position behind."""
REPEATS = 2

Times = list[list[float | None]]
"""[seconds of ours, of the peer] of each round; None where no peer runs."""


class Side(Protocol):
    """One of the two: feeds tokens, with the logits that the measured use needs, and goes back."""

    def prompt(self, tokens: Sequence[int]) -> None:
        """Feed a prompt; the next token's logits are needed."""

    def step(self, tokens: Sequence[int]) -> None:
        """Feed tokens; the logits of all of them are needed."""

    def back(self, position: int) -> None:
        """Forget everything from `position` on."""


class Ours:
    """An artifact in edgedoc's engine, as users get it."""

    def __init__(self, model: Path, threads: int, context: int) -> None:
        from edgedoc.engines.onnx import OnnxEngine

        self._engine = OnnxEngine.load(model, threads=threads, context_length=context, provider="cpu")
        self.vocab_size = self._engine.vocab_size

    def prompt(self, tokens: Sequence[int]) -> None:
        """See Side."""
        self._engine.extend(tokens)

    def step(self, tokens: Sequence[int]) -> None:
        """See Side."""
        self._engine.extend(tokens, logits=len(tokens))

    def back(self, position: int) -> None:
        """See Side."""
        self._engine.rewind(position)


class Peer:
    """A foreign graph in onnxruntime. Prompts go in `batch` tokens at a time; it has no way to compute fewer logits."""

    def __init__(self, model: Path, threads: int, context: int, batch: int = PROMPT) -> None:
        from edgedoc_bench.onnx_bound import BoundGraph

        self._graph = BoundGraph(model, threads=threads, context=context)
        self._batch = batch
        self.vocab_size = self._graph.vocab_size

    def prompt(self, tokens: Sequence[int]) -> None:
        """See Side."""
        for start in range(0, len(tokens), self._batch):
            self._graph.step(tokens[start : start + self._batch])

    def step(self, tokens: Sequence[int]) -> None:
        """See Side."""
        self._graph.step(tokens)

    def back(self, position: int) -> None:
        """See Side."""
        self._graph.position = position


def measure_pair(ours: Path, peer: Path | None, *, peer_first: bool, threads: int, rounds: int) -> dict[str, Any]:
    """Seconds of every round: "prefill" of PROMPT tokens, "decode" a token, "steps" by their length.

    `rounds` are those of decode; a third as many of each step, a sixth as many prefills, at least two of all.
    """
    context = PROMPT + max(STEPS)
    loaders: list[Callable[[], tuple[str, Ours | Peer]]] = [lambda: ("ours", Ours(ours, threads, context))]
    if peer is not None:
        loaders.insert(0 if peer_first else 1, lambda: ("peer", Peer(peer, threads, context)))
    loaded = dict(load() for load in loaders)
    return measure_sides(loaded["ours"], loaded.get("peer"), loaded["ours"].vocab_size, rounds)


def measure_sides(ours: Side, peer: Side | None, vocab_size: int, rounds: int) -> dict[str, Any]:
    """`measure_pair` of what is loaded already; both are empty."""
    generator = random.Random(0)

    def tokens(count: int) -> list[int]:
        return [generator.randrange(vocab_size) for _ in range(count)]

    def prefill(side: Side, ids: list[int]) -> float:
        side.back(0)
        started = perf_counter()
        side.prompt(ids)
        return perf_counter() - started

    def decode(side: Side, ids: list[int]) -> float:
        side.back(PROMPT)
        started = perf_counter()
        for token in ids:
            side.step([token])
        return (perf_counter() - started) / len(ids)

    def verify(side: Side, ids: list[int]) -> float:
        seconds = 0.0
        for _ in range(REPEATS):
            side.back(PROMPT)
            started = perf_counter()
            side.step(ids)
            seconds += perf_counter() - started
        return seconds / REPEATS

    def turn(number: int, work: Callable[[Side, list[int]], float], ids: list[int]) -> list[float | None]:
        if peer is None:
            return [work(ours, ids), None]
        if number % 2:
            second, first = work(peer, ids), work(ours, ids)
        else:
            first, second = work(ours, ids), work(peer, ids)
        return [first, second]

    def series(count: int, work: Callable[[Side, list[int]], float], length: int) -> Times:
        # The first is not counted: it faults pages in and wakes threads.
        return [turn(number, work, tokens(length)) for number in range(max(2, count) + 1)][1:]

    found: dict[str, Any] = {"prefill": series(rounds // 6, prefill, PROMPT)}
    found["decode"] = series(rounds, decode, DECODED)
    steps: dict[str, Times] = {str(length): [] for length in STEPS}
    for number in range(max(2, rounds // 3) + 1):
        for length in STEPS:
            times = turn(number, verify, tokens(length))
            if number:
                steps[str(length)].append(times)
    found["steps"] = steps
    return found
