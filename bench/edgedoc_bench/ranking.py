"""Artifacts in the order of one figure, the best first, and that figure in words. Knows no limits."""

from collections.abc import Sequence
from enum import StrEnum

from edgedoc_bench.report_columns import mega, significant
from edgedoc_bench.report_rows import Entry

EVEN = 0.05
"""Figures that differ by less are even, and the smaller file is taken: repeated runs differ by as much."""


class Prefer(StrEnum):
    """What decides among those within the limits."""

    SECONDS = "seconds"
    MEMORY = "memory"
    SIZE = "size"
    AGREEMENT = "agreement"


def ranked(entries: Sequence[Entry], prefer: Prefer) -> list[Entry]:
    """The best first. Of those even with the best the smallest file is first, and so on with the rest."""
    left = sorted(entries, key=lambda entry: cost(entry, prefer) or 0.0)
    found: list[Entry] = []
    while left:
        least = cost(left[0], prefer) or 0.0
        even = [entry for entry in left if (cost(entry, prefer) or 0.0) <= least + abs(least) * _even(prefer)]
        first = min(even, key=lambda entry: entry.file_bytes or 0.0)
        found.append(first)
        left.remove(first)
    return found


def _even(prefer: Prefer) -> float:
    # Only times and memory differ from run to run.
    return EVEN if prefer in (Prefer.SECONDS, Prefer.MEMORY) else 0.0


def cost(entry: Entry, prefer: Prefer) -> float | None:
    """What is to be low; None where it was not measured."""
    if prefer is Prefer.AGREEMENT:
        return None if entry.agreement is None else -entry.agreement
    figures = {Prefer.SECONDS: entry.seconds, Prefer.MEMORY: entry.peak_memory, Prefer.SIZE: entry.file_bytes}
    return figures[prefer]


def figure(entry: Entry, prefer: Prefer) -> str:
    """What `prefer` goes by, in words."""
    value = cost(entry, prefer) or 0.0
    return {
        Prefer.SECONDS: f"{significant(value)} s a document",
        Prefer.MEMORY: f"{mega(value)} MB at peak",
        Prefer.SIZE: f"{mega(value)} MB on disk",
        Prefer.AGREEMENT: f"{-value:.2%} of full precision's tokens",
    }[prefer]


def why(order: Sequence[Entry], prefer: Prefer) -> str:
    """Why the first of the `order` is first."""
    if not order:
        return "nothing measured is within the limits"
    if len(order) == 1:
        return f"the only one within the limits, with {figure(order[0], prefer)}"
    words = f"{figure(order[0], prefer)}, against {figure(order[1], prefer)}"
    if (cost(order[0], prefer) or 0.0) > (cost(order[1], prefer) or 0.0):
        return f"{words}: even within {EVEN:.0%}, and the smaller file"
    return words
