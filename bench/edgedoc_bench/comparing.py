"""Two folders of results side by side: what changed between them, and whether it is more than chance.

Only what was measured alike is compared: another machine, other documents or another artifact behind the same name make
two figures that have nothing to do with each other. Knows no table.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgedoc.errors import UsageError
from edgedoc_bench.bootstrap import Interval, paired_difference
from edgedoc_bench.quality_metrics import METRICS
from edgedoc_bench.quality_summary import FEWEST, difference
from edgedoc_bench.report_rows import Entry, Group, groups
from edgedoc_bench.results import Results


@dataclass(frozen=True, kw_only=True)
class Change:
    """B against A in one figure of one cell: `interval` of B less A, for seconds of B over A in hundredths."""

    cell: str
    figure: str
    kind: str
    one: float
    other: float
    interval: Interval | None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        found = self.interval
        return {
            **{"cell": self.cell, "figure": self.figure, "kind": self.kind, "a": self.one, "b": self.other},
            "difference": None if found is None else {"mean": found.mean, "low": found.low, "high": found.high},
            "certain": found is not None and found.certain,
        }


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """`labels` are what makes figures doubtful although they were asked for; `alone` the cells only one side has."""

    changes: tuple[Change, ...]
    labels: tuple[str, ...]
    alone: tuple[str, ...] = field(default=())


def compare(one: Results, other: Results, *, anyway: bool = False) -> Comparison:
    """What `other` has changed against `one`, cell by cell of the same name.

    Raises UsageError where the machines, the documents or an artifact's files differ, and where no cell is in both;
    with `anyway` such differences become labels instead.
    """
    unlike = differences(one, other)
    if unlike and not anyway:
        raise UsageError(
            f"These results cannot be compared: {'; '.join(unlike)}. Measure both on one machine with the same suite, "
            "or name --anyway to see them with that label."
        )
    pairs, alone = _pairs(groups(one), groups(other))
    if not pairs:
        raise UsageError(f"{one.folder} and {other.folder} have no cell in common.")
    changes = [change for a, b in pairs for change in (*_costs(one, other, a, b), *_scores(a, b))]
    return Comparison(changes=tuple(changes), labels=(*unlike, *_versions(one, other)), alone=tuple(alone))


def differences(one: Results, other: Results) -> list[str]:
    """Why figures of the two say nothing about each other, in words."""
    found = []
    if one.header["fingerprint"] != other.header["fingerprint"]:
        found.append(f"another machine ({one.machine['cpu']} and {other.machine['cpu']})")
    sets = [{(row["name"], row["task"]): row["sha256"] for row in side.header["sets"]} for side in (one, other)]
    found += [
        f"other documents in {key[0]} for a {key[1]}"
        for key in sets[0]
        if key in sets[1] and sets[0][key] != sets[1][key]
    ]
    found += [
        f"another artifact behind the name {label}"
        for label, row in one.artifacts.items()
        if label in other.artifacts and other.artifacts[label]["sha256"] != row["sha256"]
    ]
    return found


def _versions(one: Results, other: Results) -> list[str]:
    """Packages that were upgraded in between: often the very question, so a label and no refusal."""
    mine, theirs = one.machine["packages"], other.machine["packages"]
    changed = sorted(name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name))
    told = ", ".join(f"{name} {mine.get(name, 'none')} and {theirs.get(name, 'none')}" for name in changed)
    return [f"other versions: {told}"] if changed else []


def _pairs(one: Sequence[Group], other: Sequence[Group]) -> tuple[list[tuple[Entry, Entry]], list[str]]:
    sides = [{(e.task, e.set, e.name): e for g in side for e in g.entries if e.measured} for side in (one, other)]
    pairs = [(entry, sides[1][key]) for key, entry in sides[0].items() if key in sides[1]]
    return pairs, [
        entry.name
        for key, entry in (*sides[0].items(), *sides[1].items())
        if key not in sides[0].keys() & sides[1].keys()
    ]


def _costs(one: Results, other: Results, a: Entry, b: Entry) -> list[Change]:
    found = []
    if a.seconds and b.seconds:
        seconds = [_seconds(side, entry) for side, entry in ((one, a), (other, b))]
        shared = [document for document in seconds[0] if document in seconds[1]]
        # As a ratio, document by document: a mean of differences would be that of the longest documents.
        logs = [[float(np.log(side[document])) for document in shared] for side in seconds]
        found.append(
            Change(cell=a.name, figure="s/document", kind="", one=a.seconds, other=b.seconds, interval=_ratio(logs))
        )
    for figure, mine, theirs in (
        ("peak MB", a.peak_memory, b.peak_memory),
        ("same tokens", a.agreement if a.fidelity else None, b.agreement if b.fidelity else None),
    ):
        if mine is not None and theirs is not None:
            scale = 1e6 if figure == "peak MB" else 1
            found.append(
                Change(cell=a.name, figure=figure, kind="", one=mine / scale, other=theirs / scale, interval=None)
            )
    return found


def _ratio(logs: Sequence[Sequence[float]]) -> Interval | None:
    if len(logs[0]) < FEWEST:
        return None
    found = paired_difference(logs[1], logs[0])
    mean, low, high = (float(np.expm1(value)) for value in (found.mean, found.low, found.high))
    return Interval(mean=mean, low=low, high=high)


def _scores(a: Entry, b: Entry) -> list[Change]:
    from statistics import fmean

    found = []
    kinds = dict.fromkeys(row["document_kind"] for row in a.quality)
    for name, metric in METRICS[a.task].items():
        if not metric.against:
            continue
        for kind in kinds:
            mine, theirs = a.values(name, kind), b.values(name, kind)
            shared = [document for document in mine if document in theirs]
            if shared:
                found.append(
                    Change(
                        cell=a.name,
                        figure=metric.label,
                        kind=kind,
                        one=fmean(mine[document] for document in shared),
                        other=fmean(theirs[document] for document in shared),
                        interval=difference(b, a, name, kind),
                    )
                )
    return found


def _seconds(results: Results, entry: Entry) -> dict[str, float]:
    """Median seconds of each document over its rounds."""
    from statistics import median

    found: dict[str, list[float]] = {}
    for row in results.samples(entry.cell):
        found.setdefault(row["document"], []).append(max(row["seconds"], 1e-9))
    return {document: median(values) for document, values in found.items()}


def describe(found: Comparison, *, everything: bool = False) -> str:
    """The changes for people: those that are certain, the costs always; `everything`: all of them."""
    from edgedoc.catalogue import align

    rows: list[tuple[str, ...]] = [("CELL", "FIGURE", "KIND", "A", "B", "CHANGE")]
    for change in found.changes:
        certain = change.interval is not None and change.interval.certain
        if everything or certain or not change.kind:
            rows.append(
                (change.cell, change.figure, change.kind, f"{change.one:.4g}", f"{change.other:.4g}", _text(change))
            )
    lines = [f"Not alike: {label}." for label in found.labels]
    lines.append(align(rows, right=frozenset((3, 4))))
    hidden = len(found.changes) - len(rows) + 1
    if hidden:
        lines.append(f"{hidden} differences in quality that may be chance are left out; --all shows them.")
    lines.append("Intervals are over documents. Seconds of one and the same thing differ from run to run as well.")
    lines += [f"only in one of the two: {name}" for name in found.alone]
    return "\n".join(lines)


def _text(change: Change) -> str:
    if change.interval is None:
        return "no interval"
    if change.figure == "s/document":
        low, high = change.interval.low, change.interval.high
        text = f"{change.interval.mean:+.1%} ({low:+.1%} to {high:+.1%})"
    else:
        text = change.interval.text(4)
    return text if change.interval.certain else f"{text}, may be chance"
