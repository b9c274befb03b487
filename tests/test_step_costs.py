"""Measuring step costs: what is fed, what comes out, and the unit of steps that agree."""

from collections.abc import Sequence

import numpy as np
import pytest

from edgedoc.decoding.step_costs import DEPTH, SIZES, exact_unit, measure
from edgedoc.engines.base import Logits
from edgedoc.engines.scripted import ScriptedEngine


class Tiled(ScriptedEngine):
    """Logits differ in the last bit with the remainder of a step's size by `tile`."""

    tile = 1

    def extend(self, tokens: Sequence[int], logits: int = 1) -> Logits:
        rows = super().extend(tokens, logits)
        return rows + np.float32(1e-6) * (len(tokens) % self.tile)


def scripted(tile: int = 1, context_length: int = 2048) -> Tiled:
    engine = Tiled(lambda _: 3, context_length=context_length)
    engine.tile = tile
    return engine


def test_every_size_is_timed_at_one_depth_with_all_its_rows() -> None:
    engine = scripted()
    found = measure(engine)
    assert tuple(found) == SIZES
    assert all(seconds > 0 for seconds in found.values())
    assert engine.calls[0] == (DEPTH, 0)
    assert set(engine.calls[1:]) == {(size, size) for size in SIZES}
    assert engine.position == 0


def test_a_short_context_has_fewer_sizes() -> None:
    assert tuple(measure(scripted(context_length=40))) == tuple(size for size in SIZES if size <= 20)


@pytest.mark.parametrize(("tile", "unit"), [(1, 2), (2, 2), (4, 4), (8, 8), (5, None)])
def test_the_unit_is_the_least_that_agrees(tile: int, unit: int | None) -> None:
    assert exact_unit(scripted(tile)) == unit


def test_no_unit_in_a_context_too_short_to_tell() -> None:
    assert exact_unit(scripted(context_length=64)) is None
