"""Which artifact to ship: the best of those within the limits, the next, and what each of the others failed by.

Limits are the user's; what is within them is ranked by one figure, since a mixture of figures is a taste. Knows no
report.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from edgedoc_bench.report_columns import mega, significant
from edgedoc_bench.report_rows import Entry, Group

MIN_AGREEMENT = 0.99
"""Share of equal tokens asked for when nothing is said: MLPerf's lower accuracy target is 99 % of full precision's
(mlcommons/inference_policies)."""
EVEN = 0.05
"""Figures that differ by less are even, and the smaller file is taken: repeated runs differ by as much."""


class Prefer(StrEnum):
    """What decides among those within the limits."""

    SECONDS = "seconds"
    MEMORY = "memory"
    SIZE = "size"
    AGREEMENT = "agreement"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bytes at peak, seconds a document at the 95th percentile, share of tokens equal to full precision's."""

    memory: int | None = None
    seconds: float | None = None
    agreement: float | None = MIN_AGREEMENT

    def text(self) -> str:
        """In words."""
        words = []
        if self.memory is not None:
            words.append(f"at most {mega(self.memory)} MB of memory")
        if self.seconds is not None:
            words.append(f"at most {significant(self.seconds)} s for 95 % of the documents")
        if self.agreement is not None:
            words.append(f"at least {self.agreement:.2%} of full precision's tokens")
        return ", ".join(words) or "no limits"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """`best` is None when nothing is within the limits; `fallen`: the others with their reasons, as they stood."""

    limits: Limits
    prefer: Prefer
    best: Entry | None
    runner_up: Entry | None
    why: str
    fallen: tuple[tuple[Entry, str], ...]

    def as_dict(self, group: Group) -> dict[str, object]:
        """For JSON; `group` is what was chosen from."""
        return {
            "task": group.task,
            "set": group.set,
            "prefer": self.prefer,
            "best": self.best.name if self.best is not None else None,
            "runner_up": self.runner_up.name if self.runner_up is not None else None,
            "why": self.why,
            "fallen": {entry.name: reason for entry, reason in self.fallen},
        }


def choose(group: Group, limits: Limits, prefer: Prefer = Prefer.SECONDS) -> Choice:
    """Among the group's artifacts that were measured; peers and baselines are nothing to ship."""
    fallen: list[tuple[Entry, str]] = []
    within: list[Entry] = []
    for entry in group.entries:
        if entry.kind != "artifact":
            continue
        reasons = _misses(entry, limits, prefer)
        if reasons:
            fallen.append((entry, "; ".join(reasons)))
        else:
            within.append(entry)
    ranked = _ranked(within, prefer)
    fallen += [(entry, f"within the limits, but {_figure(entry, prefer)}") for entry in ranked[2:]]
    best, runner_up = (*ranked[:2], None, None)[:2]
    return Choice(
        limits=limits, prefer=prefer, best=best, runner_up=runner_up, why=_why(ranked, prefer), fallen=tuple(fallen)
    )


def _misses(entry: Entry, limits: Limits, prefer: Prefer) -> list[str]:
    if not entry.measured:
        return [f"{entry.status}: {entry.reason}" if entry.reason else entry.status]
    if entry.failed:
        return [f"failed on {len(entry.failed)} of the documents"]
    reasons = []
    if limits.memory is not None:
        if entry.peak_memory is None:
            reasons.append("its memory was not measured")
        elif entry.peak_memory > limits.memory:
            reasons.append(f"needs {mega(entry.peak_memory)} MB, {mega(entry.peak_memory - limits.memory)} too many")
    if limits.seconds is not None:
        if entry.slow_seconds is None:
            reasons.append("its seconds were not measured")
        elif entry.slow_seconds > limits.seconds:
            reasons.append(f"takes {significant(entry.slow_seconds)} s")
    if limits.agreement is not None:
        if entry.agreement is None:
            reasons.append("its agreement with full precision was not measured")
        elif entry.agreement < limits.agreement:
            reasons.append(f"has {entry.agreement:.2%} of full precision's tokens")
    if not reasons and _cost(entry, prefer) is None:
        reasons.append(f"its {prefer} was not measured")
    return reasons


def _ranked(entries: Sequence[Entry], prefer: Prefer) -> list[Entry]:
    """The best first. Of those even with the best the smallest file is first, and so on with the rest."""
    left = sorted(entries, key=lambda entry: _cost(entry, prefer) or 0.0)
    ranked: list[Entry] = []
    while left:
        least = _cost(left[0], prefer) or 0.0
        even = [entry for entry in left if (_cost(entry, prefer) or 0.0) <= least + abs(least) * _even(prefer)]
        first = min(even, key=lambda entry: entry.file_bytes or 0.0)
        ranked.append(first)
        left.remove(first)
    return ranked


def _even(prefer: Prefer) -> float:
    # Only times and memory differ from run to run.
    return EVEN if prefer in (Prefer.SECONDS, Prefer.MEMORY) else 0.0


def _cost(entry: Entry, prefer: Prefer) -> float | None:
    """What is to be low."""
    if prefer is Prefer.AGREEMENT:
        return None if entry.agreement is None else -entry.agreement
    figures = {Prefer.SECONDS: entry.seconds, Prefer.MEMORY: entry.peak_memory, Prefer.SIZE: entry.file_bytes}
    return figures[prefer]


def _figure(entry: Entry, prefer: Prefer) -> str:
    cost = _cost(entry, prefer) or 0.0
    return {
        Prefer.SECONDS: f"{significant(cost)} s a document",
        Prefer.MEMORY: f"{mega(cost)} MB at peak",
        Prefer.SIZE: f"{mega(cost)} MB on disk",
        Prefer.AGREEMENT: f"{-cost:.2%} of full precision's tokens",
    }[prefer]


def _why(ranked: Sequence[Entry], prefer: Prefer) -> str:
    if not ranked:
        return "nothing measured is within the limits"
    if len(ranked) == 1:
        return f"the only one within the limits, with {_figure(ranked[0], prefer)}"
    words = f"{_figure(ranked[0], prefer)}, against {_figure(ranked[1], prefer)}"
    if (_cost(ranked[0], prefer) or 0.0) > (_cost(ranked[1], prefer) or 0.0):
        return f"{words}: even within {EVEN:.0%}, and the smaller file"
    return words


def describe(choice: Choice, group: Group) -> str:
    """The choice for people."""
    lines = [f"{group.task} on {group.title}, {choice.limits.text()}, by {choice.prefer}:"]
    if choice.best is None:
        lines.append(f"  nothing: {choice.why}")
    else:
        lines.append(f"  {choice.best.name}: {choice.why}")
    if choice.runner_up is not None:
        lines.append(f"  runner-up: {choice.runner_up.name}")
    lines += [f"  not {entry.name}: {reason}" for entry, reason in choice.fallen]
    return "\n".join(lines)
