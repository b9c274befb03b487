"""The plots of a group: quality against what it costs, kind by kind, and agreement with full precision. No markup."""

from collections.abc import Callable
from dataclasses import dataclass

from edgedoc_bench.baselines import FLOORS
from edgedoc_bench.quality_metrics import MAIN, METRICS
from edgedoc_bench.quality_summary import mean
from edgedoc_bench.report_columns import MONEY
from edgedoc_bench.report_rows import ARTIFACT, BASELINE, Entry, Group, number
from edgedoc_bench.scatter import Point, draw

Figure = Callable[[Entry], float | None]
SERIES = (
    ("gguf", "GGUF, llama.cpp"),
    ("onnx", "ONNX, onnxruntime"),
    ("peer", "other runtimes"),
    ("baseline", "no model"),
)


@dataclass(frozen=True, slots=True)
class Plot:
    """An SVG and what it is called."""

    title: str
    svg: str


def quality_plots(group: Group, kind: str) -> list[Plot]:
    """The main metric on one kind against every cost there is."""
    metric = METRICS[group.task][MAIN[group.task]]

    def quality(entry: Entry) -> float | None:
        found = mean(entry, metric.name, kind)
        return found.value if found else None

    return _plots(group, quality, f"{metric.label}, {kind}")


def agreement_plots(group: Group) -> list[Plot]:
    """Share of full precision's tokens against every cost there is; none where only full precision itself has one."""
    if all(entry.full for entry in group.models if entry.agreement is not None):
        return []
    return _plots(group, lambda entry: entry.agreement, "same tokens as full precision")


def series_of(group: Group) -> list[tuple[str, str]]:
    """Those that occur, with their names."""
    there = {_series(entry) for entry in group.entries if entry.measured}
    return [one for one in SERIES if one[0] in there]


def _plots(group: Group, quality: Figure, what: str) -> list[Plot]:
    found = []
    for title, cost in _costs(group):
        points = [
            _point(group, entry, x, y)
            for entry in group.entries
            # A floor costs nothing and would only stretch the axes; the tables have it.
            if entry.measured
            and entry.subject not in FLOORS
            and (x := cost(entry)) is not None
            and (y := quality(entry)) is not None
        ]
        if len(points) > 1:
            name = f"{what[:1].upper()}{what[1:]}, against {title}"
            found.append(Plot(name, draw(points, x=title, y=what.split(",")[0], title=name)))
    return found


def _costs(group: Group) -> list[tuple[str, Figure]]:
    costs: list[tuple[str, Figure]] = [
        ("seconds a document", lambda entry: entry.seconds),
        ("file, MB", lambda entry: entry.file_bytes / 1e6 if entry.file_bytes else None),
        ("peak memory, MB", lambda entry: entry.peak_memory / 1e6 if entry.peak_memory else None),
    ]
    for convention, name in MONEY.items():
        rows = [entry.money[convention] for entry in group.entries if convention in entry.money]
        if rows:
            title = f"{rows[0]['currency']} for 1,000 documents, {name}"
            costs.insert(0, (title, lambda e, of=convention: number(e.money.get(of, {}), "per_1000_documents")))  # type: ignore[misc]
            # One price is enough for a picture: the others are the same seconds times another figure.
            break
    return costs


def _point(group: Group, entry: Entry, x: float, y: float) -> Point:
    told = f"{entry.name}: {x:.4g}, {y:.4f}"
    return Point(x=x, y=y, label=group.short(entry), series=_series(entry), told=told, ringed=entry.full)


def _series(entry: Entry) -> str:
    if entry.kind == ARTIFACT:
        return str(entry.artifact["format"])
    return "baseline" if entry.kind == BASELINE else "peer"
