"""Segmentation metrics from boundaries: Pk, WindowDiff, precision, recall and F1, and the ratio of segment counts.

A boundary is the index of the last item (sentence, paragraph) of a segment. That of the last item is no decision: it is
dropped wherever it is given. Knows neither texts nor chunkers.

Sources: Pk, Beeferman, Berger and Lafferty 1999, doi 10.1023/A:1007506220214; WindowDiff, Pevzner and Hearst 2002,
doi 10.1162/089120102317341756. Both equal segeval 2.0.11 on masses, and NLTK when the final boundary is dropped and k
is given; the tests compare.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate


@dataclass(frozen=True, kw_only=True)
class Score:
    """One document as counts, so that documents can be summed. `windows` is 0 where no window fits: Pk has no value."""

    items: int
    windows: int
    pk_errors: int
    wd_errors: int
    gold: int
    """Boundaries of the reference, the last item's not counted; so in `predicted`."""
    predicted: int
    hits: int
    near_hits: int
    """Boundaries matched one to one within `tolerance` items, exact ones included."""

    @property
    def pk(self) -> float | None:
        """Share of windows whose ends are wrongly called same or different segments, 0 (best) to 1."""
        return self.pk_errors / self.windows if self.windows else None

    @property
    def wd(self) -> float | None:
        """Share of windows with a wrong number of boundaries, 0 (best) to 1."""
        return self.wd_errors / self.windows if self.windows else None

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 1 where neither side has a boundary."""
        return f1(self.hits, self.predicted, self.gold)

    @property
    def near_f1(self) -> float:
        """The same with matches within the tolerance."""
        return f1(self.near_hits, self.predicted, self.gold)


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A set of documents. Micro: counts summed, so long documents weigh more. Macro: the mean over documents.

    Pk and WD are None when every document is too short for a window; `skipped` counts those, in no Pk or WD.
    """

    documents: int
    skipped: int
    pk_macro: float | None
    pk_micro: float | None
    wd_macro: float | None
    wd_micro: float | None
    precision: float
    recall: float
    f1_micro: float
    f1_macro: float
    near_f1_micro: float
    near_f1_macro: float
    segment_ratio: float
    """Predicted segments over those of the reference."""

    @classmethod
    def of(cls, scores: Sequence[Score]) -> "Summary":
        """Summarise at least one document."""
        scored = [score for score in scores if score.windows]
        windows = sum(score.windows for score in scored)
        hits, near = sum(score.hits for score in scores), sum(score.near_hits for score in scores)
        predicted, gold = sum(score.predicted for score in scores), sum(score.gold for score in scores)
        return cls(
            documents=len(scores),
            skipped=len(scores) - len(scored),
            pk_macro=_mean([score.pk_errors / score.windows for score in scored]),
            pk_micro=sum(score.pk_errors for score in scored) / windows if windows else None,
            wd_macro=_mean([score.wd_errors / score.windows for score in scored]),
            wd_micro=sum(score.wd_errors for score in scored) / windows if windows else None,
            precision=hits / predicted if predicted else 0.0,
            recall=hits / gold if gold else 0.0,
            f1_micro=f1(hits, predicted, gold),
            f1_macro=sum(score.f1 for score in scores) / len(scores),
            near_f1_micro=f1(near, predicted, gold),
            near_f1_macro=sum(score.near_f1 for score in scores) / len(scores),
            segment_ratio=(predicted + len(scores)) / (gold + len(scores)),
        )

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


def score(*, reference: Collection[int], hypothesis: Collection[int], items: int, tolerance: int = 1) -> Score:
    """Score one document of `items` items. By keyword only: the metrics are not symmetric, and k is the reference's.

    Raises ValueError for a boundary outside the document.
    """
    gold, predicted = inner(reference, items), inner(hypothesis, items)
    k = window_size(len(gold) + 1, items)
    before_gold, before_predicted = _before(gold, items), _before(predicted, items)
    pk_errors = wd_errors = 0
    for left in range(items - k):
        in_gold = before_gold[left + k] - before_gold[left]
        in_predicted = before_predicted[left + k] - before_predicted[left]
        pk_errors += (in_gold == 0) != (in_predicted == 0)
        wd_errors += in_gold != in_predicted
    return Score(
        items=items,
        windows=max(0, items - k),
        pk_errors=pk_errors,
        wd_errors=wd_errors,
        gold=len(gold),
        predicted=len(predicted),
        hits=len(gold & predicted),
        near_hits=matches(gold, predicted, tolerance),
    )


def window_size(segments: int, items: int) -> int:
    """k: half the mean segment of the reference, at least 2; halves to even, as segeval has it."""
    return max(2, round(items / (2 * segments)))


def inner(boundaries: Collection[int], items: int) -> frozenset[int]:
    """Boundaries without that of the last item. Raises ValueError for one outside the document."""
    if any(not 0 <= boundary < items for boundary in boundaries):
        raise ValueError(f"a boundary outside a document of {items} items: {sorted(boundaries)}")
    return frozenset(boundaries) - {items - 1}


def matches(gold: Collection[int], predicted: Collection[int], tolerance: int) -> int:
    """Most pairs of a gold and a predicted boundary at most `tolerance` items apart, none used twice."""
    # In order, the first that still fits is never a worse partner than a later one.
    left, right, found = sorted(gold), sorted(predicted), 0
    i = j = 0
    while i < len(left) and j < len(right):
        if abs(left[i] - right[j]) <= tolerance:
            found, i, j = found + 1, i + 1, j + 1
        elif left[i] < right[j]:
            i += 1
        else:
            j += 1
    return found


def f1(hits: int, predicted: int, gold: int) -> float:
    """2 hits / (predicted + gold); 1 where both are 0."""
    return 2 * hits / (predicted + gold) if predicted + gold else 1.0


def _before(boundaries: frozenset[int], items: int) -> list[int]:
    """How many boundaries lie before each item."""
    return list(accumulate((item - 1 in boundaries for item in range(items)), int.__add__))


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
