"""A bench from the suite to its results: killed, crashed, refused, gone on with."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from edgedoc.cli import app
from edgedoc.console import Report
from edgedoc_bench import harness, results, suite
from edgedoc_bench.cell_contract import Order
from edgedoc_bench.child import Died, Refused

SUITE = """
name = "mine"
rounds = 2
seconds = 0.0
metrics = ["speed"]
[[tasks]]
task = "reader"
limit = 2
baselines = ["rules", "trafilatura", "html-to-markdown"]
"""
Act = Callable[[str, int], None]


class _Client:
    """A cell whose every answer takes a second; `act` may raise instead."""

    def __init__(self, order: Order, act: Act) -> None:
        self._name, self._act = order.name, act
        self.loaded = {"import_seconds": 0.1, "load_seconds": 0.2, "memory": None, "peak_memory": 1000}
        self.closed = False

    def ask(self, item: int) -> dict[str, Any]:
        self._act(self._name, item)
        document = f"{item}"
        row = {"kind": "sample", "document": document, "seconds": 1.0, "first_token": None, "digest": "x"}
        return {"rows": [row], "seconds": 1.0, "text": "x", "suffix": ".md", "output": {}, "peak_memory": 2000 + item}

    def close(self) -> None:
        self.closed = True


class _Bench:
    """Runs a suite in a folder; `asked` are the cell and item of every answer, `started` the processes."""

    def __init__(self, folder: Path) -> None:
        path = folder / "mine.toml"
        path.write_text(SUITE, "utf-8")
        self.suite, self.out = suite.load(str(path)), folder / "out"
        self.asked: list[tuple[str, int]] = []
        self.started: list[tuple[str, _Client]] = []

    def run(self, act: Act = lambda name, item: None, load: Callable[[str], None] = lambda name: None) -> Any:
        def recorded(name: str, item: int) -> None:
            act(name, item)
            self.asked.append((name, item))

        def start(order: Order, timeout: float, python: str | None) -> _Client:
            load(order.name)
            client = _Client(order, recorded)
            self.started.append((order.name, client))
            return client

        return harness.run(self.suite, self.out, Report(None), start=start)


@pytest.fixture
def bench(tmp_path: Path) -> _Bench:
    """A suite of three tools on two pages."""
    return _Bench(tmp_path)


def _status(found: results.Results) -> dict[str, str]:
    return {cell["name"]: cell["status"] for cell in found.cells}


def test_cells_run_in_turns_and_are_written_down(bench: _Bench) -> None:
    found = bench.run()
    names = ["rules", "trafilatura", "html-to-markdown"]
    assert _status(found) == dict.fromkeys(names, "ok")
    assert [name for name, _ in bench.asked[:9]] == names * 3
    for cell in found.cells:
        assert cell["rounds"] == 2 and cell["peak_memory"] == 2001 and cell["load_seconds"] == 0.2
        assert cell["summary"]["seconds"]["mean"] == 1.0
        assert [row["round"] for row in found.samples(cell["cell"])] == [1, 1, 2, 2]
        assert [found.text(row) for row in found.outputs(cell["cell"])] == ["x", "x"]
    assert len(found.documents("samples", "reader")) == 2
    assert all(client.closed for _, client in bench.started)


def test_a_killed_bench_goes_on_with_what_is_missing(bench: _Bench) -> None:
    bench.run(load=lambda name: _raise(Refused("X", "no", False)) if name != "rules" else None)

    def kill(name: str, item: int) -> None:
        if len(bench.asked) > 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.run(kill)
    assert all(client.closed for _, client in bench.started)
    left = results.read(bench.out)
    assert _status(left) == {"rules": "ok", "trafilatura": "failed", "html-to-markdown": "failed"}
    bench.asked.clear()
    found = bench.run()
    assert {name for name, _ in bench.asked} == {"trafilatura", "html-to-markdown"}
    assert set(_status(found).values()) == {"ok"}
    # Rounds of the killed run do not count.
    assert all(len(found.samples(cell["cell"])) == 4 for cell in found.cells)
    bench.asked.clear()
    bench.run()
    assert bench.asked == []


def test_a_document_that_takes_the_process_with_it_is_left_out(bench: _Bench) -> None:
    def crash(name: str, item: int) -> None:
        if (name, item) == ("rules", 1):
            raise Died("The process ended by signal 11", "crash", -11)

    found = bench.run(crash)
    assert set(_status(found).values()) == {"ok"}
    rules = found.cells[0]
    assert len(rules["failed_documents"]) == 1 and {row["document"] for row in found.samples(rules["cell"])} == {"0"}
    [failure] = found.of("failure")
    assert (failure["stage"], failure["code"], failure["document"]) == ("crash", -11, rules["failed_documents"][0])
    assert [name for name, _ in bench.started].count("rules") == 2


def test_a_cell_that_only_crashes_fails_and_the_others_go_on(bench: _Bench) -> None:
    found = bench.run(lambda name, item: _raise(Refused("EngineError", "bad", False)) if name == "rules" else None)
    assert _status(found) == {"rules": "failed", "trafilatura": "ok", "html-to-markdown": "ok"}
    assert [row["error"] for row in found.of("failure")] == ["EngineError"] * 2


def test_what_is_not_installed_is_skipped_with_the_reason(bench: _Bench) -> None:
    missing = Refused("MissingPackageError", "trafilatura is not installed", True)
    found = bench.run(load=lambda name: _raise(missing) if name == "trafilatura" else None)
    assert _status(found)["trafilatura"] == "skipped"
    assert found.cells[1]["reason"] == "trafilatura is not installed" and found.of("failure") == []


def _raise(error: Exception) -> None:
    raise error


def test_the_command_measures_in_processes_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    path = tmp_path / "mine.toml"
    path.write_text(
        SUITE.replace('"rules", "trafilatura", ', '"rules", ').replace('"speed"', '"speed", "energy"'), "utf-8"
    )
    stated = tmp_path / "prices.toml"
    stated.write_text('currency = "EUR"\ndate = 2026-11-01\nsource = "x"\n[cloud]\nper_hour = 1\nutilisation = 1\n')
    out = tmp_path / "out"
    done = CliRunner().invoke(app, ["bench", "run", str(path), "--out", str(out), "--prices", str(stated), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["cells"] == 2
    found = results.read(out)
    assert set(_status(found).values()) == {"ok"}
    rules = found.cells[0]
    assert rules["peak_memory"] > 10 << 20 and rules["load_seconds"] > 0
    assert found.text(found.outputs(rules["cell"])[0]).startswith("#")
    assert len(found.of("money")) == 2 and found.header["prices"]["currency"] == "EUR"
    assert (found.header["energy"]["source"] is None) == (found.header["energy"]["reason"] is not None)
