"""Floors that results must not fall below, in a file that people keep: checked, and raised on request, never lowered.

    [[floor]]
    cell = "nano-reader gguf int8"     # a cell's name, or the beginning of it up to a comma: all its settings
    set = "samples"                    # may be left out: any
    figure = "token_f1"                # a quality metric, "agreement", "seconds", "memory" or "size"
    kind = "article"                   # of document, for a quality metric
    at_least = 0.95                    # or at_most, for what should be low

Measures nothing.
"""

import math
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgedoc.errors import UsageError
from edgedoc.files import write
from edgedoc.recipes import Task
from edgedoc.schema import SchemaError, from_table
from edgedoc_bench.quality_metrics import METRICS, check_names
from edgedoc_bench.quality_summary import mean
from edgedoc_bench.report_rows import Entry, Group, groups
from edgedoc_bench.results import Results

COSTS = ("agreement", "seconds", "memory", "size")
SCALE = 1e6
"""Bounds are kept to six decimals."""
BOUND = re.compile(r"(\s*at_(?:least|most)\s*=\s*)[^\s#]+")


@dataclass(frozen=True, kw_only=True)
class Floor:
    """One line that must hold. Exactly one of `at_least` and `at_most`."""

    cell: str
    figure: str
    kind: str | None
    set: str | None
    at_least: float | None
    at_most: float | None

    @property
    def name(self) -> str:
        """For people."""
        where = f" on {self.kind}" if self.kind else ""
        return f"{self.cell}, {self.figure}{where}"

    @property
    def bound(self) -> float:
        """What it asks for."""
        return self.at_least if self.at_least is not None else self.at_most or 0.0

    def holds(self, value: float) -> bool:
        """Whether a figure is on the right side."""
        return value >= self.bound if self.at_least is not None else value <= self.bound

    def raised(self, value: float) -> "Floor":
        """The floor with the bound at `value` where that asks for more; else itself."""
        if not self.holds(value):
            return self
        # Rounded towards what was asked before: a floor above the figure would fail by its own digits.
        if self.at_least is not None:
            return replace(self, at_least=max(self.at_least, _rounded(value, down=True)))
        return replace(self, at_most=min(self.bound, _rounded(value, down=False)))


@dataclass(frozen=True, kw_only=True)
class _File:
    floor: tuple[Floor, ...]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A floor and the figure it met: the worst of the cells it is about; None when nothing was measured."""

    floor: Floor
    value: float | None

    @property
    def held(self) -> bool:
        """A floor about something that is not there does not hold."""
        return self.value is not None and self.floor.holds(self.value)

    def text(self) -> str:
        """For people."""
        side = "at least" if self.floor.at_least is not None else "at most"
        found = "not measured" if self.value is None else f"{self.value:.6g}"
        return f"{'ok    ' if self.held else 'FAILED'} {self.floor.name}: {found}, {side} {self.floor.bound:.6g}"


def load(path: Path) -> tuple[Floor, ...]:
    """The floors in a file. Raises UsageError for what is none, with the key, and for an unknown figure."""
    try:
        found = from_table(_File, tomllib.loads(path.read_text("utf-8"))).floor
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, SchemaError) as error:
        raise UsageError(f"{path} is no file of floors: {error}.") from error
    for floor in found:
        known = [*COSTS, *(name for task in METRICS.values() for name in task)]
        check_names([floor.figure], known, "figure")
        if (floor.at_least is None) == (floor.at_most is None):
            raise UsageError(f"{path}: {floor.name} needs either at_least or at_most.")
        if floor.figure not in COSTS and floor.kind is None:
            raise UsageError(f"{path}: {floor.name} needs a kind of document: kinds are never pooled.")
    if not found:
        raise UsageError(f"{path} has no [[floor]].")
    return found


def check(results: Results, floors: Iterable[Floor]) -> list[Outcome]:
    """Every floor with what was measured."""
    found = groups(results)
    return [Outcome(floor=floor, value=_worst(floor, found)) for floor in floors]


def update(path: Path, outcomes: Sequence[Outcome]) -> list[str]:
    """Raise the floors of a file to what was met, its comments kept; what changed. Floors that did not hold stay.

    Raises UsageError where a bound is not on a line of its own, OutputError.
    """
    raised = [one.floor.raised(one.value) if one.value is not None else one.floor for one in outcomes]
    changed = [
        f"{new.name}: {old.floor.bound:.6g} -> {new.bound:.6g}"
        for old, new in zip(outcomes, raised, strict=True)
        if new != old.floor
    ]
    if changed:
        write(path, _rewritten(path, raised))
    return changed


def _rewritten(path: Path, floors: Sequence[Floor]) -> str:
    """The file with other bounds."""
    lines, number = path.read_text("utf-8").splitlines(keepends=True), -1
    for index, line in enumerate(lines):
        number += line.strip().startswith("[[floor]]")
        if bound := BOUND.match(line):
            lines[index] = f"{bound[1]}{floors[number].bound!r}{line[bound.end() :]}"
    text = "".join(lines)
    if from_table(_File, tomllib.loads(text)).floor != tuple(floors):
        raise UsageError(f"{path} cannot be raised: put every bound on a line of its own in its [[floor]].")
    return text


def _worst(floor: Floor, found: Iterable[Group]) -> float | None:
    values = [
        value
        for group in found
        if floor.set in (None, group.set)
        for entry in group.entries
        if entry.name == floor.cell or entry.name.startswith(f"{floor.cell},")
        if entry.measured and (value := _value(floor, entry)) is not None
    ]
    if not values:
        return None
    return min(values) if floor.at_least is not None else max(values)


def _value(floor: Floor, entry: Entry) -> float | None:
    if floor.figure in METRICS[Task(entry.task)] and floor.kind is not None:
        found = mean(entry, floor.figure, floor.kind)
        return found.value if found else None
    return {
        "agreement": entry.agreement,
        "seconds": entry.slow_seconds,
        "memory": entry.peak_memory,
        "size": entry.file_bytes,
    }.get(floor.figure)


def _rounded(value: float, *, down: bool) -> float:
    return (math.floor(value * SCALE) if down else math.ceil(value * SCALE)) / SCALE
