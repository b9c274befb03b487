"""The tables of a report as cells of text with the figures behind them, for whatever writes them. Knows no markup."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from edgedoc_bench.quality_metrics import METRICS
from edgedoc_bench.quality_summary import FEWEST, MEDIAN, difference, mean
from edgedoc_bench.report_columns import Column, columns, mega, significant
from edgedoc_bench.report_rows import ARTIFACT, Entry, Group, number
from edgedoc_bench.results import OK, Results

LESS = (
    "Where there is no rest, the peak stayed below the plan: weights are mapped from their file, and what the engine "
    "has rearranged for itself need not stay in memory."
)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """`text` with a small remark behind it; `figure` is sorted by; `best`: nothing in its column is better."""

    text: str = ""
    remark: str = ""
    figure: float | None = None
    best: bool = False


@dataclass(frozen=True, kw_only=True)
class Table:
    """Titles with what they mean, and rows of a name and its cells."""

    head: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    notes: tuple[str, ...] = field(default=())


def cost_table(group: Group) -> Table:
    """What every cell costs, with the ratio to full precision under the same settings."""
    shown = columns(group)
    rows = []
    # What is no model has no weights to load: its times would be the best of every column.
    best = {column.title: _best(column.better, [column.figure(entry) for entry in group.models]) for column in shown}
    for entry in group.entries:
        reference = group.reference_of(entry)
        cells = [_cell(column, entry, reference, best[column.title]) for column in shown] if entry.measured else []
        if not cells:
            reason = f"{entry.status}: {entry.reason}" if entry.reason else entry.status
            cells = [Cell(text=reason), *(Cell() for _ in shown[1:])]
        rows.append((group.short(entry), tuple(cells)))
    return Table(
        head=tuple((column.title, column.note) for column in shown),
        rows=tuple(rows),
        notes=("In brackets: times full precision's under the same settings.",),
    )


def quality_table(group: Group, kind: str) -> Table:
    """Scores on the documents of one kind, each with its difference to full precision and the bootstrap's 95 %."""
    names = group.metrics(kind)
    known = METRICS[group.task]
    rows = []
    for entry in group.entries:
        if not entry.measured:
            continue
        reference = group.reference_of(entry)
        rows.append((group.short(entry), tuple(_score(group, entry, reference, name, kind) for name in names)))
    notes = ["Means over documents, of WER the median."] if MEDIAN & set(names) else ["Means over documents."]
    few = f"fewer than {FEWEST} documents have the figure: too few for an interval"
    if any(cell.remark for _, cells in rows for cell in cells):
        notes.append(
            "In brackets: difference to full precision in pairs of documents, 95 % of a bootstrap; * is certain. "
            f"There is none where {few}."
        )
    elif any(group.reference_of(entry) for entry in group.models):
        notes.append(f"No differences to full precision are given, since {few}.")
    return Table(
        head=tuple((f"{known[name].label}{_arrow(known[name].better)}", known[name].what) for name in names),
        rows=tuple(rows),
        notes=tuple(notes),
    )


def memory_table(group: Group) -> Table | None:
    """Planned bytes beside the measured peak; None where no cell has a plan."""
    parts = (("weights", "weights"), ("KV cache", "kv_cache"), ("buffers", "buffers"))
    rows = []
    less = False
    for entry in group.models:
        if not entry.memory:
            continue
        figures = [number(entry.memory, name) for _, name in parts]
        planned = sum(figure or 0.0 for figure in figures)
        peak = entry.peak_memory
        less = less or (peak is not None and peak < planned)
        figures += [
            float(peak) if peak else None,
            peak - planned if peak and peak >= planned else None,
            number(entry.memory, "context_length"),
        ]
        texts = [*map(_megabytes, figures[:-1]), "" if figures[-1] is None else f"{figures[-1]:,.0f}"]
        rows.append(
            (
                group.short(entry),
                tuple(Cell(text=text, figure=figure) for text, figure in zip(texts, figures, strict=True)),
            )
        )
    head = [(f"{title} MB", "planned before loading") for title, _ in parts]
    head += [
        ("peak MB", "measured"),
        ("the rest MB", "Python, the engine's code, tokenizer and documents"),
        ("context", "tokens that the KV cache holds"),
    ]
    notes = (LESS,) if less else ()
    return Table(head=tuple(head), rows=tuple(rows), notes=notes) if rows else None


def context_table(results: Results) -> Table | None:
    """Tokens a second as the context fills; None where nobody measured it."""
    cells = [cell for cell in results.cells if cell["measure"] == "context" and cell["status"] == OK]
    speeds = {cell["name"]: _speeds(results, cell["cell"]) for cell in cells}
    depths = sorted({depth for found in speeds.values() for depth in found})
    if not depths:
        return None
    rows = []
    for name, found in speeds.items():
        texts = [f"{significant(found[d][1])} / {significant(found[d][0])}" if d in found else "" for d in depths]
        row = [
            Cell(text=text, figure=found[d][1] if d in found else None) for text, d in zip(texts, depths, strict=True)
        ]
        rows.append((name.removeprefix("context: "), tuple(row)))
    return Table(
        head=tuple((f"{depth:,}", f"with {depth:,} tokens in the cache") for depth in depths),
        rows=tuple(rows),
        notes=("Tokens a second with so many in the cache: decode / prefill, medians over rounds.",),
    )


def _speeds(results: Results, cell: str) -> dict[int, tuple[float, float]]:
    """Depth to median prefill and decode in tokens a second."""
    from statistics import median

    found: dict[int, list[tuple[float, float]]] = {}
    for row in results.context(cell):
        if row["prefill_seconds"] and row["decode_seconds"]:
            prefill = row["prefill_tokens"] / row["prefill_seconds"]
            found.setdefault(row["depth"], []).append((prefill, row["decode_tokens"] / row["decode_seconds"]))
    return {d: (median(one for one, _ in pairs), median(other for _, other in pairs)) for d, pairs in found.items()}


def _cell(column: Column, entry: Entry, reference: Entry | None, best: float | None) -> Cell:
    figure = column.figure(entry)
    if figure is None:
        return Cell()
    base = column.figure(reference) if reference is not None and column.ratio else None
    ratio = f"{figure / base:.2f} x" if base else ""
    return Cell(text=column.text(figure), remark=ratio, figure=figure, best=figure == best and entry.kind == ARTIFACT)


def _best(better: int, figures: Sequence[float | None]) -> float | None:
    """The figure to mark; None where half of them or more are as good."""
    there = [figure for figure in figures if figure is not None]
    if better == 0 or not there:
        return None
    found = max(there) if better > 0 else min(there)
    return found if 2 * there.count(found) < len(there) else None


def _score(group: Group, entry: Entry, reference: Entry | None, name: str, kind: str) -> Cell:
    found = mean(entry, name, kind)
    if found is None:
        return Cell()
    metric = METRICS[group.task][name]
    others = [m.value if (m := mean(other, name, kind)) else None for other in group.entries if other.measured]
    remark = ""
    if reference is not None and metric.against and (interval := difference(entry, reference, name, kind)) is not None:
        low, high = interval.low, interval.high
        apart = f"{interval.mean:+.3f}: {low:+.3f} to {high:+.3f}{'*' if interval.certain else ''}"
        remark = apart if low or high else "the same"
    return Cell(
        text=f"{found.value:.3f}",
        remark=remark,
        figure=found.value,
        best=found.value == _best(metric.better, others),
    )


def _arrow(better: int) -> str:
    return {1: " ↑", -1: " ↓"}.get(better, "")


def _megabytes(value: float | None) -> str:
    return "" if value is None else mega(value)
