"""Measures what a step of k tokens costs on an engine, and how large steps must be to agree bit for bit.

Knows engines as a whole: no file, no machine and no document.
"""

from collections.abc import Sequence
from time import perf_counter

import numpy as np

from edgedoc.engines.base import Engine, Logits
from edgedoc.errors import EngineError

SIZES = (1, 2, 4, 6, 8, 12, 16, 24, 32, 48)
"""Tokens of the steps measured. Kernels work in tiles of 4 or 8, so that sizes between cost what the next one does."""

DEPTH = 192
"""Tokens in the cache while measuring; attention over a longer one adds the same to every size."""

ROUNDS = 3
SECONDS = 0.5
"""Fewest rounds over all sizes, and the time after which no further one is begun."""

UNITS = (2, 4, 8)
"""Not 1: one row is a product of a matrix and a vector, which has kernels of its own that agree now and then."""

SPAN = 48
"""Tokens whose logits are compared; a multiple of every unit."""

PROBED = (37, 600)
"""Tokens in the cache while comparing: from 512 on llama.cpp shares one query's keys out among its threads."""


def measure(engine: Engine) -> dict[int, float]:
    """Seconds of a step of k tokens with logits for all, by k: the fastest of several rounds. Empties the cache.

    Fewer sizes where the context is short. Raises EngineError.
    """
    depth = min(DEPTH, engine.context_length // 2)
    sizes = [size for size in SIZES if depth + size <= engine.context_length]
    tokens = _tokens(engine, depth + SIZES[-1])
    engine.rewind(0)
    engine.extend(tokens[:depth], 0)
    fastest = dict.fromkeys(sizes, float("inf"))
    started, rounds = perf_counter(), 0
    # The first round warms up: buffers are allocated at their sizes, code and weights come into memory.
    while rounds <= ROUNDS or perf_counter() - started < SECONDS:
        for size in sizes:
            begin = perf_counter()
            engine.extend(tokens[depth : depth + size], size)
            seconds = perf_counter() - begin
            engine.rewind(depth)
            fastest[size] = min(fastest[size], seconds) if rounds else fastest[size]
        rounds += 1
    engine.rewind(0)
    return fastest


def exact_unit(engine: Engine) -> int | None:
    """The least unit of tokens such that logits do not depend, to the last bit, on how many units a step has.

    None where there is none, or the context is too short to tell. Kernels change with the rows of a step: one query or
    several, an odd row at the end, eight rows of logits. The order in which one kernel sums depends on the shape of its
    input and not on the numbers in it, so that these logits stand for all. Empties the cache. Raises EngineError.
    """
    if engine.context_length < 2 * SPAN:
        return None
    fitting, fed = set(UNITS), 0
    tokens = _tokens(engine, PROBED[-1] + SPAN)
    engine.rewind(0)
    for wanted in PROBED:
        depth = min(wanted, engine.context_length - SPAN)
        if depth > fed:
            engine.extend(tokens[fed:depth], 0)
        fed = depth
        span = tokens[depth : depth + SPAN]
        whole = _rows(engine, span, [SPAN])
        fitting = {unit for unit in fitting if _agree(engine, span, unit, whole)}
    engine.rewind(0)
    return min(fitting, default=None)


def _agree(engine: Engine, span: Sequence[int], unit: int, whole: Logits) -> bool:
    """Whether steps of one unit, and of several in turn, give what one step over all gives."""
    turns = [unit, 2 * unit, unit, SPAN - 4 * unit]
    return all(np.array_equal(whole, _rows(engine, span, sizes)) for sizes in ([unit] * (SPAN // unit), turns))


def _rows(engine: Engine, span: Sequence[int], sizes: Sequence[int]) -> Logits:
    depth, at = engine.position, 0
    found = []
    for size in sizes:
        found.append(engine.extend(span[at : at + size], size))
        at += size
    engine.rewind(depth)
    return np.concatenate(found)


def _tokens(engine: Engine, count: int) -> list[int]:
    if engine.vocab_size < 2:
        raise EngineError("A vocabulary of one token leaves nothing to decode.")
    return [int(token) for token in np.random.default_rng(0).integers(0, engine.vocab_size, count)]
