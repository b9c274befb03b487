"""Floors, lexical cohesion and the splitters' adapters: what they promise about boundaries."""

import random
from collections.abc import Callable

import pytest

from edgedoc_bench.bootstrap import paired_difference
from edgedoc_bench.cohesion import boundaries, depths
from edgedoc_bench.cohesion_tune import tune
from edgedoc_bench.segmentation_baselines import (
    FLOORS,
    Cutter,
    floor,
    mean_characters,
    mean_items,
    recursive,
    structural,
)
from edgedoc_bench.segmentation_document import Document


def _document(items: list[str], ends: list[int], id: str = "x") -> Document:
    return Document(id=id, items=tuple(items), boundaries=tuple(ends), titles=None, unit="sentence", joiner=" ")


TEN = _document([f"Item {number}." for number in range(10)], [3, 9])


def test_floors() -> None:
    found = {name: floor(name, TEN, 3.2, seed=1) for name in FLOORS}

    assert (found["none"], found["all"]) == (frozenset(), frozenset(range(9)))
    assert found["uniform"] == {2, 5, 8}
    assert found["random"] <= frozenset(range(9))


def test_chance_cuts_at_the_rate_it_is_told_and_always_the_same() -> None:
    long = _document(["x"] * 5000, [4999])

    assert 900 < len(floor("random", long, 5.0, seed=1)) < 1100
    assert floor("random", long, 5.0, seed=1) == floor("random", long, 5.0, seed=1)
    assert floor("random", long, 5.0, seed=1) != floor("random", long, 5.0, seed=2)


def test_means() -> None:
    assert mean_items([TEN, _document(["a"] * 4, [0, 1, 2, 3])]) == pytest.approx(14 / 6)
    assert mean_characters([_document(["ab", "cd", "e"], [1, 2])]) == 3


def _two_topics(seed: int) -> Document:
    draw = random.Random(seed)
    topics = [[f"w{topic}{'abcdefghij'[n]}xyz" for n in range(10)] for topic in "pqr"]
    items = [" ".join(draw.choices(topic, k=8)) for topic in topics for _ in range(10)]
    return _document(items, [9, 19, 29], f"x{seed}")


def test_cohesion_finds_where_the_words_change() -> None:
    assert boundaries(_two_topics(1).items) == {9, 19}


def test_depth_is_that_of_valleys() -> None:
    assert depths([0.9, 0.1, 0.5, 0.5, 0.2, 0.2, 0.8]) == pytest.approx([0, 1.2, 0, 0, 0.9, 0, 0])


@pytest.mark.parametrize("items", [[], ["one"], ["one", "two"], ["", "", ""], ["same"] * 5])
def test_cohesion_of_next_to_nothing(items: list[str]) -> None:
    assert boundaries(items) <= frozenset(range(len(items) - 1))


def test_tuning_prefers_what_cuts_as_often_as_the_documents_do() -> None:
    best = tune([_two_topics(seed) for seed in range(4)])[0]

    assert best[2].segment_ratio == pytest.approx(1, abs=0.2)
    assert best[2].f1_micro > 0.8


@pytest.mark.parametrize("markdown", [False, True])
@pytest.mark.parametrize(
    ("make", "package"), [(structural, "semantic_text_splitter"), (recursive, "langchain_text_splitters")]
)
def test_splitters_answer_with_positions(make: Callable[..., Cutter], package: str, markdown: bool) -> None:
    pytest.importorskip(package)
    text = "\n\n".join(f"# Heading {n}\n\nThe same words every time, {n}." for n in range(4))

    starts = make(40, markdown=markdown)(text)
    assert starts[0] == 0 and starts == sorted(set(starts)) and len(starts) > 2
    assert starts[1] == text.index("The same") or text[starts[1] :].startswith(("#", "The same"))


def test_the_interval_of_paired_differences() -> None:
    draw = random.Random(3)
    hard = [draw.random() for _ in range(200)]
    better = [value - 0.05 + draw.gauss(0, 0.02) for value in hard]
    found = paired_difference(better, hard, resamples=1000)

    assert found.low < found.mean < found.high
    assert found.mean == pytest.approx(-0.05, abs=0.01) and found.certain
    # Unpaired, the spread of the documents themselves would drown it.
    assert found.high - found.low < 0.02
    assert not paired_difference([0.1, -0.1, 0.2], [0.0, 0.0, 0.0], resamples=1000).certain
    assert paired_difference([0.5], [0.25], resamples=10).text(2) == "+0.25 (+0.25 to +0.25)"
