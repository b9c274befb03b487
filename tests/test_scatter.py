"""Plots: every mark and label within the drawing, no label over another, ticks a person would choose."""

import math
import random
import xml.etree.ElementTree as ElementTree
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedoc_bench.axis import MOST_TICKS, Axis
from edgedoc_bench.labels import Box, place
from edgedoc_bench.scatter import AREA, FONT, HEIGHT, LETTER, SERIES, WIDTH, Point, draw

NAMES = [
    "gguf f32",
    "gguf int8",
    "gguf int4",
    "onnx f32",
    "onnx int8",
    "onnx int4",
    "trafilatura",
    "readability+markdownify",
]


def _points(seed: int, count: int = 8, spread: float = 1.0) -> list[Point]:
    draw_ = random.Random(seed)
    return [
        Point(
            x=math.exp(spread * draw_.uniform(-4, 4)),
            y=0.9 + spread * draw_.uniform(0, 0.1),
            label=NAMES[index % len(NAMES)],
            series=draw_.choice(SERIES),
            told="<&>",
            ringed=index == 0,
        )
        for index in range(count)
    ]


def _labels(svg: str) -> list[Box]:
    """Where the labels are, as the drawing itself says."""
    root = ElementTree.fromstring(svg)
    found = []
    for text in root.iter("text"):
        if text.get("class") == "label":
            left, bottom, width = (float(text.get(name) or 0) for name in ("x", "y", "textLength"))
            found.append(Box(left, bottom - FONT + 2, left + width, bottom + 1))
    return found


@pytest.mark.parametrize("seed", range(12))
def test_labels_lie_in_the_plot_and_not_over_each_other(seed: int) -> None:
    # A spread of 0.01 puts all points in one place.
    for spread in (1.0, 0.2, 0.01):
        svg = draw(_points(seed, spread=spread), x="seconds", y="quality", title="A plot")
        labels = _labels(svg)
        assert len(labels) >= 6, "hardly a point is named"
        assert all(box.within(AREA) for box in labels)
        assert not any(one.overlaps(other) for one, other in combinations(labels, 2))


@pytest.mark.parametrize("seed", range(4))
def test_everything_lies_in_the_drawing(seed: int) -> None:
    root = ElementTree.fromstring(draw(_points(seed), x="seconds", y="quality", title="A <plot>"))

    assert root.get("viewBox") == f"0 0 {WIDTH:g} {HEIGHT:g}"
    for mark in root.iter("circle"):
        assert 0 < float(mark.get("cx") or 0) < WIDTH and 0 < float(mark.get("cy") or 0) < HEIGHT
    for text in root.iter("text"):
        if text.get("class") == "tick":
            half = len(text.text or "") * FONT * LETTER / 2
            left = float(text.get("x") or 0) - half * (2 if text.get("text-anchor") == "end" else 1)
            assert left > 14, "a tick runs into the axis's name"
            assert left + 2 * half < WIDTH + 2


def test_a_plot_names_its_points_its_axes_and_its_frontier() -> None:
    points = [Point(x=x, y=y, label=f"p{x}", series="gguf", told="t") for x, y in ((1, 0.5), (2, 0.9), (3, 0.7))]
    svg = draw(points, x="seconds", y="quality", title="Quality")
    title = ElementTree.fromstring(svg)[0].text

    assert title == "Quality. quality against seconds; on the frontier: p1, p2."
    assert draw([], x="a", y="b", title="c") == ""
    far = Point(x=100, y=0.95, label="far", series="onnx", told="")
    assert "log scale" in draw([*points, far], x="s", y="q", title="t")


@given(st.lists(st.floats(1e-9, 1e9), min_size=1, max_size=9), st.booleans())
def test_an_axis_holds_its_figures_and_few_ticks(values: list[float], logarithmic: bool) -> None:
    axis = Axis.of(values, may_be_logarithmic=logarithmic)

    assert all(0 <= axis.at(value) <= 1 for value in values)
    assert all(-1e-6 <= axis.at(tick) <= 1 + 1e-6 for tick in axis.ticks)
    assert 1 <= len(axis.ticks) <= MOST_TICKS + 1


def test_ticks_are_round_and_differ() -> None:
    assert [Axis.of([0.0, 1.0]).text(tick) for tick in Axis.of([0.0, 1.0]).ticks] == [
        "0.0",
        "0.2",
        "0.4",
        "0.6",
        "0.8",
        "1.0",
    ]
    assert Axis.of([1, 1000], may_be_logarithmic=True).ticks == (1, 3, 10, 30, 100, 300, 1000)
    narrow = Axis.of([0.9993, 1.0])
    assert len({narrow.text(tick) for tick in narrow.ticks}) == len(narrow.ticks)
    assert Axis.of([5.0]).at(5.0) == pytest.approx(0.5)


def test_a_label_without_a_free_place_is_left_out() -> None:
    assert place([(5, 5)], [(100, 10)], Box(0, 0, 20, 20), 1) == [None]
