"""Which artifact to ship: the best of those within the limits, the next, and what each of the others failed by.

Limits are the user's; what is within them is ranked by one figure, since a mixture of figures is a taste. Where nobody
measured agreement, full precision would be the only one known to agree with itself: then agreement decides nothing, and
the choice says so. Knows no report.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from edgedoc_bench.ranking import Prefer, cost, figure, ranked, why
from edgedoc_bench.report_columns import mega, significant
from edgedoc_bench.report_rows import ARTIFACT, Entry, Group

MIN_AGREEMENT = 0.99
"""Share of equal tokens asked for when nothing is said: MLPerf's lower accuracy target is 99 % of full precision's
(mlcommons/inference_policies)."""
ALONE = {Prefer.SECONDS: "Fastest", Prefer.MEMORY: "Least memory", Prefer.SIZE: "Smallest"}
"""What the best is called where agreement was not measured: not what to ship."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bytes at peak, seconds a document at the 95th percentile, share of tokens equal to full precision's.

    Of `agreement` None is MIN_AGREEMENT where that was measured, 0 is no limit.
    """

    memory: int | None = None
    seconds: float | None = None
    agreement: float | None = None

    def text(self) -> str:
        """In words."""
        words = []
        if self.memory is not None:
            words.append(f"at most {mega(self.memory)} MB of memory")
        if self.seconds is not None:
            words.append(f"at most {significant(self.seconds)} s for 95 % of the documents")
        least = MIN_AGREEMENT if self.agreement is None else self.agreement
        if least:
            words.append(f"at least {least:.2%} of full precision's tokens")
        return ", ".join(words) or "no limits"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """`best` is None when nothing is within the limits; `fallen`: the others with their reasons, as they stood.

    `limits` are those that could be judged. `title` is what the best is; `beside`, where that is not "To ship", the
    best by other figures. `caveat` is what could not be judged, and what to do about it; "" where all could.
    """

    limits: Limits
    prefer: Prefer
    best: Entry | None
    runner_up: Entry | None
    why: str
    fallen: tuple[tuple[Entry, str], ...]
    title: str
    beside: tuple[str, ...]
    caveat: str

    def as_dict(self, group: Group) -> dict[str, object]:
        """For JSON; `group` is what was chosen from."""
        return {
            "task": group.task,
            "set": group.set,
            "limits": self.limits.text(),
            "prefer": self.prefer,
            "title": self.title,
            "best": self.best.name if self.best is not None else None,
            "runner_up": self.runner_up.name if self.runner_up is not None else None,
            "why": self.why,
            "beside": list(self.beside),
            "caveat": self.caveat or None,
            "fallen": {entry.name: reason for entry, reason in self.fallen},
        }


def choices(groups: Iterable[Group], limits: Limits, prefer: Prefer = Prefer.SECONDS) -> list[tuple[Group, Choice]]:
    """A choice for every group that has artifacts, measured or not."""
    return [
        (one, choose(one, limits, prefer)) for one in groups if any(entry.kind == ARTIFACT for entry in one.entries)
    ]


def choose(group: Group, limits: Limits, prefer: Prefer = Prefer.SECONDS) -> Choice:
    """Among the group's artifacts that were measured; peers and baselines are nothing to ship."""
    artifacts = [entry for entry in group.entries if entry.kind == ARTIFACT]
    lossy = [entry for entry in group.models if not entry.full]
    unknown = [entry for entry in lossy if entry.agreement is None]
    blind = bool(unknown) and len(unknown) == len(lossy)
    wanted, by_agreement = MIN_AGREEMENT if limits.agreement is None else limits.agreement, prefer is Prefer.AGREEMENT
    if limits.agreement is None:
        limits = replace(limits, agreement=0.0 if blind and not by_agreement else MIN_AGREEMENT)
    decisive = bool(limits.agreement) or by_agreement
    fallen: list[tuple[Entry, str]] = []
    within: list[Entry] = []
    for entry in artifacts:
        reasons = _misses(entry, limits, prefer)
        if blind and decisive and entry.full and entry.measured:
            reasons.append("is full precision itself, with which nothing was compared")
        if reasons:
            fallen.append((entry, "; ".join(reasons)))
        else:
            within.append(entry)
    order = ranked(within, prefer)
    fallen += [(entry, f"within the limits, but {figure(entry, prefer)}") for entry in order[2:]]
    best, runner_up = (*order[:2], None, None)[:2]
    alone = blind and not decisive
    return Choice(
        limits=limits,
        prefer=prefer,
        best=best,
        runner_up=runner_up,
        why=why(order, prefer),
        fallen=tuple(fallen),
        title=ALONE[prefer] if alone else "To ship",
        beside=tuple(_beside(within, prefer)) if alone else (),
        caveat=_caveat(group, unknown, wanted if blind else None) if blind or (unknown and decisive) else "",
    )


def _beside(within: Sequence[Entry], prefer: Prefer) -> list[str]:
    """The best by the figures that did not decide."""
    found = []
    for other, title in ALONE.items():
        known = [entry for entry in within if cost(entry, other) is not None]
        if other is not prefer and known:
            first = ranked(known, other)[0]
            found.append(f"{title}: {first.name}, {figure(first, other)}")
    return found


def _caveat(group: Group, unknown: Sequence[Entry], unjudged: float | None) -> str:
    """`unknown` are the artifacts of unknown agreement; where that is all, `unjudged` is the least asked for."""
    reasons = {entry.name: entry.not_compared or "there was nothing to compare" for entry in unknown}
    alike = len(set(reasons.values())) == 1
    told = "; ".join(dict.fromkeys(reasons.values()) if alike else map(": ".join, reasons.items()))
    todo = f"{told[:1].upper()}{told[1:].rstrip('.')}."
    if unjudged is None:
        names = ", ".join(entry.name for entry in unknown)
        return f"Not judged, since their agreement with full precision was not measured: {names}. {todo}"
    scored = any(entry.quality for entry in group.models)
    what = "Agreement was not measured" if scored else "Neither agreement nor quality was measured"
    limit = f", so whether one has {unjudged:.2%} of full precision's tokens cannot be judged" if unjudged else ""
    return f"{what}{limit}. {todo}"


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
    if limits.agreement:
        if entry.agreement is None:
            reasons.append("its agreement with full precision was not measured")
        elif entry.agreement < limits.agreement:
            reasons.append(f"has {entry.agreement:.2%} of full precision's tokens")
    if not reasons and cost(entry, prefer) is None:
        reasons.append(f"its {prefer} was not measured")
    return reasons


def describe(choice: Choice, group: Group) -> str:
    """The choice for people."""
    lines = [f"{group.task} on {group.title}, {choice.limits.text()}, by {choice.prefer}:"]
    if choice.best is None:
        lines.append(f"  nothing: {choice.why}")
    else:
        lines.append(f"  {choice.title.lower()}: {choice.best.name}: {choice.why}")
    if choice.runner_up is not None:
        lines.append(f"  runner-up: {choice.runner_up.name}")
    lines += [f"  {line[:1].lower()}{line[1:]}" for line in choice.beside]
    lines += [f"  {choice.caveat}"] if choice.caveat else []
    lines += [f"  not {entry.name}: {reason}" for entry, reason in choice.fallen]
    return "\n".join(lines)
