"""Quality over the documents of one kind: the mean of an entry, and how sure its difference to another is.

Kinds are never pooled: a set has as many of each as its makers found, so a mean over all says what they looked for.
"""

from dataclasses import dataclass
from functools import lru_cache
from statistics import fmean, median

from edgedoc_bench.bootstrap import Interval, paired_difference
from edgedoc_bench.report_rows import Entry

MEDIAN = frozenset({"wer"})
"""Metrics without an upper limit, of which one looping document would make any mean."""
FEWEST = 5
"""Documents below which a difference gets no interval: a bootstrap of four says what four documents say."""


@dataclass(frozen=True, slots=True)
class Mean:
    """Of a metric over the documents that have it."""

    value: float
    documents: int


def mean(entry: Entry, metric: str, kind: str) -> Mean | None:
    """Mean, of WER the median; None where no document of the kind has a value."""
    values = list(entry.values(metric, kind).values())
    if not values:
        return None
    return Mean(median(values) if metric in MEDIAN else fmean(values), len(values))


# Two reports and their sentences ask for the same ones, and each takes ten thousand resamples.
@lru_cache(maxsize=10_000)
def difference(one: Entry, other: Entry, metric: str, kind: str) -> Interval | None:
    """Mean of `one` less `other` over the documents both have a value for, in pairs; None below FEWEST of them."""
    mine, theirs = one.values(metric, kind), other.values(metric, kind)
    shared = [document for document in mine if document in theirs]
    if len(shared) < FEWEST:
        return None
    return paired_difference([mine[document] for document in shared], [theirs[document] for document in shared])
