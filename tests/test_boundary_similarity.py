"""Boundary similarity: by hand and against segeval."""

import random

import pytest

from edgedoc_bench.boundary_similarity import boundary_similarity


def test_by_hand() -> None:
    # Of two boundaries one is hit and one is an item off, which is worth half.
    assert boundary_similarity(reference=[2, 6], hypothesis=[2, 7], items=10) == 0.75
    assert boundary_similarity(reference=[2, 6], hypothesis=[2, 8], items=10) == pytest.approx(1 / 3)
    assert boundary_similarity(reference=[2, 9], hypothesis=[], items=10) == 0
    assert boundary_similarity(reference=[9], hypothesis=[], items=10) == 1, "the end is no decision"


def test_who_cuts_nowhere_or_everywhere_gets_no_good_mark() -> None:
    gold = [4, 9, 14]

    assert boundary_similarity(reference=gold, hypothesis=[], items=20) == 0
    assert boundary_similarity(reference=gold, hypothesis=range(19), items=20) < 0.2


def test_equals_segeval() -> None:
    segeval = pytest.importorskip("segeval")
    draw = random.Random(2)

    def masses(boundaries: set[int], items: int) -> tuple[int, ...]:
        ends = [*sorted(boundaries), items - 1]
        return tuple(end - start for start, end in zip([-1, *ends], ends, strict=False))

    for _ in range(200):
        items = draw.randint(2, 60)
        one, other = (
            {item for item in range(items - 1) if draw.random() < rate} for rate in (draw.random(), draw.random())
        )
        # segeval fails on two documents without a boundary.
        if one | other:
            expected = float(segeval.boundary_similarity(masses(one, items), masses(other, items), n_t=2))
            assert boundary_similarity(reference=one, hypothesis=other, items=items) == pytest.approx(expected)


def test_a_boundary_outside_is_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        boundary_similarity(reference=[3], hypothesis=[10], items=10)
