"""Segmentation metrics: by hand, against segeval and NLTK where they are installed, and where others trip."""

import random
from collections.abc import Callable
from types import ModuleType

import pytest

from edgedoc_bench.segmentation import Score, Summary, matches, score, window_size

# pk, windows and WindowDiff of segeval 2.0.11, from `segeval.pk(hypothesis, reference, return_parts=True)` and
# `segeval.window_diff(...)` on masses, for machines without it.
RECORDED = [
    # reference, hypothesis, items, (errors, windows), WindowDiff errors
    ((2, 5, 9), (3, 5, 9), 10, (2, 8), 2),
    ((0, 9, 14, 19), (4, 9, 10, 11, 19), 20, (7, 18), 8),
    ((11, 39), (39,), 40, (10, 30), 10),
]


@pytest.mark.parametrize(("reference", "hypothesis", "items", "pk", "wd"), RECORDED)
def test_recorded_values(
    reference: tuple[int, ...], hypothesis: tuple[int, ...], items: int, pk: tuple[int, int], wd: int
) -> None:
    found = score(reference=reference, hypothesis=hypothesis, items=items)

    assert ((found.pk_errors, found.windows), found.wd_errors) == (pk, wd)


def test_by_hand() -> None:
    # Six items, k = 2: the windows join items 0-2, 1-3, 2-4, 3-5. The gold cut, behind item 2, lies in the middle two;
    # a predicted one, behind 1 or 3, in each of the four. So the outer two are wrong.
    found = score(reference=[2, 5], hypothesis=[1, 3, 5], items=6)

    assert (found.windows, found.pk_errors, found.wd_errors) == (4, 2, 2)


def _segeval() -> ModuleType:
    module: ModuleType = pytest.importorskip("segeval")
    return module


def _masses(boundaries: frozenset[int], items: int) -> tuple[int, ...]:
    ends = [*sorted(boundaries - {items - 1}), items - 1]
    return tuple(end - start for start, end in zip([-1, *ends], ends, strict=False))


def _cases(count: int) -> list[tuple[frozenset[int], frozenset[int], int]]:
    draw = random.Random(5)
    cases = []
    for _ in range(count):
        items = draw.randint(3, 120)
        sides = [
            frozenset(item for item in range(items - 1) if draw.random() < rate) | {items - 1}
            for rate in (draw.random() ** 2, draw.random() ** 2)
        ]
        cases.append((sides[0], sides[1], items))
    return cases


def test_equals_segeval() -> None:
    segeval = _segeval()
    for reference, hypothesis, items in _cases(60):
        gold, predicted = _masses(reference, items), _masses(hypothesis, items)
        found = score(reference=reference, hypothesis=hypothesis, items=items)
        if found.windows:
            assert (found.pk_errors, found.windows) == segeval.pk(predicted, gold, return_parts=True)
            assert found.wd == pytest.approx(float(segeval.window_diff(predicted, gold)))
        assert window_size(len(gold), items) == segeval.compute_window_size(gold)


@pytest.mark.parametrize("metric", ["pk", "windowdiff"])
def test_equals_nltk_without_the_final_boundary(metric: str) -> None:
    function: Callable[..., float] = getattr(pytest.importorskip("nltk.metrics.segmentation"), metric)
    for reference, hypothesis, items in _cases(40):
        found = score(reference=reference, hypothesis=hypothesis, items=items)
        k = window_size(len(reference), items)
        gold, predicted = (
            "".join(str(int(item in side)) for item in range(items - 1)) for side in (reference, hypothesis)
        )
        if not found.windows:
            continue
        # NLTK's k counts slots between items: its pk looks at k of them at a time, as ours between k + 1 items.
        assert (found.pk if metric == "pk" else found.wd) == pytest.approx(function(gold, predicted, k=k))


def test_the_final_boundary_counts_for_nothing() -> None:
    with_it = score(reference=[2, 5, 9], hypothesis=[3, 9], items=10)

    assert with_it == score(reference=[2, 5], hypothesis=[3], items=10)
    assert (with_it.gold, with_it.predicted, with_it.hits) == (2, 1, 0)


def test_sides_cannot_be_swapped_unnoticed() -> None:
    one, other = [1, 3, 5, 7, 9, 11], [5, 11]

    assert score(reference=one, hypothesis=other, items=12) != score(reference=other, hypothesis=one, items=12)
    with pytest.raises(TypeError):
        score(one, other, 12)  # type: ignore[call-arg]


def test_one_segment_is_scored_and_no_division_fails() -> None:
    same = score(reference=[9], hypothesis=[], items=10)
    wrong = score(reference=[9], hypothesis=[4], items=10)

    assert (same.pk, same.f1) == (0.0, 1.0)
    assert (wrong.pk, wrong.f1) == (1.0, 0.0)


@pytest.mark.parametrize("items", [1, 2])
def test_documents_too_short_for_a_window_are_skipped_and_counted(items: int) -> None:
    short = score(reference=[items - 1], hypothesis=[], items=items)
    assert short.pk is short.wd is None

    summary = Summary.of([short, score(reference=[4, 9], hypothesis=[4, 9], items=10)])
    assert (summary.documents, summary.skipped, summary.pk_macro) == (2, 1, 0.0)
    assert Summary.of([short]).pk_macro is None


def test_a_boundary_outside_the_document_is_an_error() -> None:
    for wrong in (-1, 10):
        with pytest.raises(ValueError, match="outside a document of 10 items"):
            score(reference=[4, 9], hypothesis=[wrong], items=10)


def test_near_hits_are_one_to_one() -> None:
    assert matches([5], [4, 6], 1) == 1
    assert matches([5, 6], [4, 7], 1) == 2
    assert matches([3, 4, 5], [4, 5, 6], 1) == 3
    assert matches([3], [5], 1) == 0
    assert matches([4, 8], [4, 8], 0) == 2


def test_near_hits_are_as_many_as_can_be() -> None:
    draw = random.Random(2)
    for _ in range(200):
        gold, predicted = ([i for i in range(8) if draw.random() < 0.4] for _ in range(2))
        assert matches(gold, predicted, 1) == _best(gold, predicted)


def _best(gold: list[int], predicted: list[int]) -> int:
    if not gold:
        return 0
    rest = gold[1:]
    taken = [1 + _best(rest, [p for p in predicted if p != q]) for q in predicted if abs(q - gold[0]) <= 1]
    return max([_best(rest, predicted), *taken])


def test_micro_weighs_long_documents_and_macro_does_not() -> None:
    long = score(reference=[49, 99], hypothesis=[], items=100)
    short = score(reference=[4, 9], hypothesis=[4], items=10)
    summary = Summary.of([long, short])

    assert long.pk is not None and summary.pk_macro is not None and summary.pk_micro is not None
    assert summary.pk_macro == pytest.approx(long.pk / 2)
    assert summary.pk_micro == pytest.approx(long.pk_errors / (long.windows + short.windows))
    assert summary.pk_micro > summary.pk_macro
    assert [summary.f1_micro, summary.f1_macro] == pytest.approx([2 / 3, 0.5])
    assert [summary.precision, summary.recall, summary.segment_ratio] == pytest.approx([1.0, 0.5, 3 / 4])
    assert set(summary.as_dict()) >= {"pk_macro", "near_f1_micro", "skipped"}


def test_near_f1_is_never_below_f1() -> None:
    found: list[Score] = [score(reference=r, hypothesis=h, items=n) for r, h, n in _cases(50)]

    assert all(one.near_f1 >= one.f1 for one in found)
