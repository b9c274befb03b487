"""The cells of a bench with all that was found out about each: what tables, plots and choices are made of.

Joins rows that the harness wrote; measures and judges nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from edgedoc.recipes import Task
from edgedoc_bench.quality_metrics import METRICS
from edgedoc_bench.results import OK, Results, Row

ARTIFACT, BASELINE = "artifact", "baseline"
OF_REFERENCE = "reference_"


@dataclass(frozen=True, kw_only=True, eq=False)
class Entry:
    """One cell that ran the task on documents, or should have. Dictionaries are empty where nothing was measured."""

    cell: str
    name: str
    kind: str
    subject: str
    task: Task
    set: str
    status: str
    reason: str | None
    reference: str | None
    """Cell of full precision under the same settings; None for full precision itself and what is no artifact."""
    peak_memory: int | None
    load_seconds: float | None
    failed: tuple[str, ...]
    artifact: Mapping[str, Any] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)
    memory: Mapping[str, Any] = field(default_factory=dict)
    fidelity: Mapping[str, Any] = field(default_factory=dict)
    not_compared: str | None = None
    """Why its agreement with full precision is not known, or what to do about that; None where nothing is missing."""
    money: Mapping[str, Row] = field(default_factory=dict)
    quality: tuple[Row, ...] = ()

    @property
    def measured(self) -> bool:
        """Whether there are figures."""
        return self.status == OK

    @property
    def full(self) -> bool:
        """Whether this is what the others of its model are compared with."""
        return self.kind == ARTIFACT and self.artifact.get("reference") is None

    @property
    def seconds(self) -> float | None:
        """A document, median."""
        return number(self.summary, "seconds", "p50")

    @property
    def slow_seconds(self) -> float | None:
        """A document, 95th percentile."""
        return number(self.summary, "seconds", "p95")

    @property
    def file_bytes(self) -> float | None:
        """Of the model with what belongs to it."""
        return number(self.artifact, "file_bytes")

    @property
    def agreement(self) -> float | None:
        """Share of the answers' tokens that are full precision's, 1 for itself."""
        return 1.0 if self.full else number(self.fidelity, "top1_agreement")

    def values(self, metric: str, kind: str) -> dict[str, float]:
        """A quality metric by document, those of one kind; documents without a value are left out."""
        return self._values.get((metric, kind), {})

    @cached_property
    def _values(self) -> dict[tuple[str, str], dict[str, float]]:
        found: dict[tuple[str, str], dict[str, float]] = {}
        for row in self.quality:
            for metric, value in row["values"].items():
                if value is not None:
                    found.setdefault((metric, row["document_kind"]), {})[row["document"]] = float(value)
        return found


@dataclass(frozen=True, kw_only=True)
class Group:
    """What may be compared: all that did one task on one set."""

    task: Task
    set: str
    documents: int
    entries: tuple[Entry, ...]

    @property
    def kinds(self) -> dict[str, int]:
        """Kinds of document and how many of each, in the order of the set."""
        found: dict[str, set[str]] = {}
        for entry in self.entries:
            for row in entry.quality:
                found.setdefault(row["document_kind"], set()).add(row["document"])
        return {kind: len(documents) for kind, documents in found.items()}

    @property
    def models(self) -> tuple[Entry, ...]:
        """Entries of artifacts that were measured."""
        return tuple(entry for entry in self.entries if entry.kind == ARTIFACT and entry.measured)

    @property
    def baselines(self) -> tuple[Entry, ...]:
        """Entries of what is no model."""
        return tuple(entry for entry in self.entries if entry.kind == BASELINE and entry.measured)

    @property
    def title(self) -> str:
        """The set's name without the folders it lies in."""
        return Path(self.set).name

    @property
    def settings(self) -> str:
        """What all models ran with, in words; "" where they differ."""
        found = {entry.name.partition(", ")[2] for entry in self.models}
        return found.pop() if len(found) == 1 else ""

    def short(self, entry: Entry) -> str:
        """An entry's name without what all models have in common: the model and the settings."""
        name = entry.name
        if entry.artifact and len({one.artifact["model"] for one in self.models}) == 1:
            name = name.removeprefix(f"{entry.artifact['model']} ")
        return name.removesuffix(f", {self.settings}") if self.settings else name

    def metrics(self, kind: str) -> list[str]:
        """Quality metrics with a value for documents of a kind, in the order of METRICS."""
        there = {
            name
            for entry in self.entries
            for row in entry.quality
            if row["document_kind"] == kind
            for name, value in row["values"].items()
            if value is not None
        }
        return [name for name in METRICS[self.task] if name in there]

    def reference_of(self, entry: Entry) -> Entry | None:
        """Full precision of an entry under the same settings, if that was measured."""
        return next((one for one in self.entries if one.cell == entry.reference and one.measured), None)


def groups(results: Results) -> tuple[Group, ...]:
    """The results by task and set, in the order of the suite."""
    entries = tuple(_entries(results))
    sizes = {(row["name"], row["task"]): row["documents"] for row in results.header.get("sets", ())}
    keys = dict.fromkeys((entry.task, entry.set) for entry in entries)
    return tuple(
        Group(
            task=task,
            set=name,
            documents=sizes.get((name, task), 0),
            entries=tuple(entry for entry in entries if (entry.task, entry.set) == (task, name)),
        )
        for task, name in keys
    )


def _entries(results: Results) -> Iterable[Entry]:
    fidelity = _fidelity(results)
    quality, money = _by_cell(results.of("quality")), _by_cell(results.of("money"))
    for cell in results.cells:
        if cell["measure"] != "documents":
            continue
        subject = cell["subject"]
        name = subject["name"]
        yield Entry(
            cell=cell["cell"],
            name=cell["name"],
            kind=subject["kind"],
            subject=name,
            task=Task(cell["task"]),
            set=cell["set"],
            status=cell["status"],
            reason=cell.get("reason"),
            reference=cell.get("reference"),
            peak_memory=cell.get("peak_memory"),
            load_seconds=cell.get("load_seconds"),
            failed=tuple(cell.get("failed_documents") or ()),
            artifact=results.artifacts.get(name, {}) if subject["kind"] == ARTIFACT else {},
            summary=cell.get("summary") or {},
            memory=cell.get("memory") or {},
            fidelity=fidelity.get((subject["kind"], name, cell["task"], cell["set"]), {}),
            not_compared=_not_compared(results, cell) if subject["kind"] == ARTIFACT else None,
            money={row["convention"]: row for row in money.get(cell["cell"], ())},
            quality=tuple(quality.get(cell["cell"], ())),
        )


def _fidelity(results: Results) -> dict[tuple[str, str, str, str], Row]:
    """By subject, task and set: a comparison is a cell of its own, and settings such as threads change no token.

    What a comparison found about its reference, under names with "reference_" before, becomes the reference's own.
    """
    values = {row["cell"]: row["values"] for row in results.of("fidelity")}
    found: dict[tuple[str, str, str, str], Row] = {}
    for cell in results.cells:
        if cell["cell"] not in values:
            continue
        kind, name, mine = cell["subject"]["kind"], cell["subject"]["name"], values[cell["cell"]]
        found[kind, name, cell["task"], cell["set"]] = mine
        reference = results.artifacts.get(name, {}).get("reference")
        own = {key.removeprefix(OF_REFERENCE): mine[key] for key in mine if key.startswith(OF_REFERENCE)}
        if reference is not None and own:
            found[kind, reference, cell["task"], cell["set"]] = own
    return found


def _not_compared(results: Results, cell: Row) -> str | None:
    """See `Entry.not_compared`; `cell` is an artifact's on documents."""
    reference = results.artifacts.get(cell["subject"]["name"], {}).get("reference")
    if reference is None:
        return None
    if "fidelity" not in results.header["metrics"]:
        return 'add "fidelity" to metrics in the suite and run it again with the same --out'
    if reference not in results.artifacts:
        return f"there is no {reference} to compare with"
    for one in results.cells:
        if one["measure"] == "fidelity" and all(one[key] == cell[key] for key in ("subject", "task", "set")):
            return None if one["status"] == OK else f"the comparison {one['status']}: {one['reason']}"
    return "the bench was stopped before it was compared: start it again with the same --out"


def _by_cell(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["cell"], []).append(row)
    return found


def number(table: Mapping[str, Any], *path: str) -> float | None:
    """The figure at a path of keys, None where there is none."""
    value: Any = table
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, int | float) else None
