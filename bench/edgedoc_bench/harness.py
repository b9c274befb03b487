"""Runs a suite: makes what it needs, measures the cells that are missing, has them judged, and writes it all down.

The composition of a bench; every part of it is in a file of its own. A bench that is killed goes on where it was when
it is started again with the same folder.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgedoc import __version__
from edgedoc.console import Report
from edgedoc.engines.host import available_memory
from edgedoc.errors import EdgedocError, EngineError
from edgedoc.recipes import Task
from edgedoc_bench import cell_process, energy, limits, making, results
from edgedoc_bench.cell_contract import Order
from edgedoc_bench.cell_summary import summarise
from edgedoc_bench.cells import Cell, Measure, digest
from edgedoc_bench.document_sets import Set, lay_out
from edgedoc_bench.expansion import Expansion
from edgedoc_bench.grouping import groups
from edgedoc_bench.machine import Machine, describe
from edgedoc_bench.making import Made
from edgedoc_bench.measuring import Client, Live, Summariser, measure
from edgedoc_bench.money import bill
from edgedoc_bench.orders import order_of, timeout_of
from edgedoc_bench.outlook import Outlook
from edgedoc_bench.prices import Prices
from edgedoc_bench.results import OK, Results, Writer
from edgedoc_bench.suite import Suite, SuiteFile

Start = Callable[[Order, float, str | None], Client]
"""An order, the seconds an answer may take, and the Python of another environment to a loaded cell."""


def run(
    suite: SuiteFile, out: Path, report: Report, *, prices: Prices | None = None, start: Start = cell_process.start
) -> Results:
    """Measure `suite` into `out` and return all that counts there, earlier runs' cells included.

    `start` makes a cell's process; a test has its own. Raises UsageError and OutputError as `results` does, and what
    `corpus.load` raises; what goes wrong in a cell is a row.
    """
    bench = _Bench(suite.suite, out, report, start)
    with Writer.open(out) as writer:
        bench.prepare(suite)
        bench.write_head(suite, writer, prices)
        bench.measure_missing(writer)
        _judge(out, writer, suite.suite, report)
        _charge(out, writer, prices)
        _report(out, writer)
    return results.read(out)


class _Bench:
    def __init__(self, suite: Suite, out: Path, report: Report, start: Start) -> None:
        self._suite, self._out, self._report, self._start = suite, out, report, start
        self._machine: Machine = describe()
        self._sets: dict[tuple[str, Task], Set] = {}
        self._made = Made()
        self._cells: list[Cell] = []
        self._limits: dict[str, Any] = {}
        self._idle_watts: float | None = None

    def prepare(self, suite: SuiteFile) -> None:
        """Documents, artifacts, and the cells they make."""
        self._sets = lay_out(suite, self._out)
        self._made = making.make_artifacts(suite, self._out, self._report)
        making.find_checkpoints(suite, self._out, self._made)
        versions = {"edgedoc": __version__, "machine": self._fingerprint(), **self._machine.packages}
        digests = {key: found.sha256 for key, found in self._sets.items()}
        self._cells = Expansion(suite.suite, self._made.given, digests, versions).cells()

    def write_head(self, suite: SuiteFile, writer: Writer, prices: Prices | None) -> None:
        """The rows that are true of the whole run."""
        wanted = "energy" in self._suite.metrics
        counter = energy.open_counter() if wanted else None
        self._idle_watts = counter.idle_watts() if counter is not None else None
        writer.add(
            "run",
            {
                "schema": results.SCHEMA,
                "started": self._machine.time,
                "edgedoc": __version__,
                "command": sys.argv,
                "suite": {
                    "name": self._suite.name,
                    "file": str(suite.path),
                    "sha256": suite.sha256,
                    "toml": suite.text,
                },
                "metrics": self._suite.metrics,
                "machine": self._machine.as_dict(),
                "fingerprint": self._fingerprint(),
                "cells": [cell.id for cell in self._cells],
                "references": {cell.id: cell.reference for cell in self._cells},
                "sets": [
                    {"name": one.name, "task": one.task, "sha256": one.sha256, "documents": len(one.samples)}
                    for one in self._sets.values()
                ],
                "energy": {
                    "source": counter.source if counter is not None else None,
                    "domains": counter.domains if counter is not None else [],
                    "idle_watts": self._idle_watts,
                    "reason": None if counter is not None else energy.unreadable() if wanted else "not asked for",
                },
                "prices": prices.as_dict() if prices is not None else None,
            },
        )
        for row in self._made.artifacts:
            writer.add("artifact", row)
        for row in self._made.failures:
            writer.add("failure", row)
        if "limits" in self._suite.metrics:
            self._report("measuring the limits of this machine", 0, 1)
            try:
                self._limits = limits.measure_apart()
                writer.add("limits", self._limits)
            except EngineError as error:
                writer.add("failure", _failure("limits", error))

    def measure_missing(self, writer: Writer) -> None:
        """Every cell without a row that says ok, in groups that run in turns."""
        done = {row["cell"] for row in results.read(self._out).cells if row["status"] == OK}
        missing = [cell for cell in self._cells if cell.id not in done]
        if len(missing) < len(self._cells):
            self._report.say(f"{len(self._cells) - len(missing)} of {len(self._cells)} cells are there already")
        outlook = Outlook(self._report, len(missing), self._suite.rounds)
        sizes = {row["artifact"]: row["file_bytes"] for row in self._made.artifacts}
        for group in groups(missing, sizes, available_memory()):
            # A comparison gives the same figures every time, and a sweep warms itself up.
            once = group[0].measure is Measure.FIDELITY
            live = [self._live(cell) for cell in group]
            measure(
                live,
                writer,
                self._out,
                rounds=1 if once else self._suite.rounds,
                seconds=0.0 if once else self._suite.seconds,
                warm_up=group[0].measure is Measure.DOCUMENTS,
                told=outlook.following([cell.name for cell in group], [len(one.items) for one in live]),
            )

    def _live(self, cell: Cell) -> Live:
        order = order_of(cell, self._suite, self._made, self._sets)
        timeout = timeout_of(cell, self._suite, self._sets)
        python = self._suite.pythons.get(cell.subject.name.partition(": ")[0])
        # Everything but a document is one item: a sweep, a comparison.
        items: tuple[str, ...] = (str(cell.measure),)
        if cell.measure is Measure.DOCUMENTS:
            items = tuple(sample.id for sample in self._sets[cell.documents or "", cell.task].samples)
        return Live(
            cell=cell,
            start=lambda: self._start(order, timeout, python),
            items=items,
            summarise=self._summariser(cell),
        )

    def _summariser(self, cell: Cell) -> Summariser:
        artifact = {row["artifact"]: row for row in self._made.artifacts}.get(cell.subject.name)

        def summary(samples: list[dict[str, Any]], memory: dict[str, Any] | None) -> dict[str, Any] | None:
            if not samples:
                return None
            whole = artifact is None or artifact["preset"].startswith(("f", "bf"))
            return summarise(
                samples,
                traffic=limits.traffic(artifact, memory) if artifact is not None else None,
                # Documents that share a step share what it reads.
                bandwidth=self._limits.get("bandwidth") if (cell.setting.in_flight or 1) == 1 else None,
                arithmetic=self._limits.get("gemm_f32" if whole else "gemm_int8"),
                idle_watts=self._idle_watts,
            )

        return summary

    def _fingerprint(self) -> str:
        machine = self._machine
        return digest([machine.cpu, list(machine.flags), machine.logical_cpus, machine.usable_cores, machine.system])


def _judge(out: Path, writer: Writer, suite: Suite, report: Report) -> None:
    """Quality of what came out, by whoever scores it."""
    if "quality" not in suite.metrics:
        return
    from edgedoc_bench.quality import score

    stage = "scoring what came out"
    try:
        for row in score(results.read(out), lambda done, total: report(stage, done, total)):
            writer.add("quality", row)
    except EdgedocError as error:
        writer.add("failure", _failure("quality", error))


def _charge(out: Path, writer: Writer, prices: Prices | None) -> None:
    if prices is None:
        return
    for cell in results.read(out).cells:
        for row in bill(cell, prices):
            writer.add("money", row)


def _report(out: Path, writer: Writer) -> None:
    from edgedoc_bench.report import write

    try:
        write(out)
    except EdgedocError as error:
        writer.add("failure", _failure("report", error))
        raise


def _failure(stage: str, error: EdgedocError) -> dict[str, Any]:
    unknown = dict.fromkeys(("cell", "document", "code"))
    return {**unknown, "name": stage, "stage": stage, "error": type(error).__name__, "message": str(error)}
