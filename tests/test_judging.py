"""`edgedoc bench report, compare, gate, recommend`: what is printed where, and the exit codes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bench_results import MODEL, write_results
from edgedoc import console
from edgedoc.cli import app

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `edgedoc bench` with arguments; the exit code, stdout and stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        code = console.run(lambda: app(["bench", *map(str, arguments)], prog_name="edgedoc"))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Results of `bench_results`."""
    return write_results(tmp_path / "results")


def test_report_prints_where_it_is(run: Run, folder: Path) -> None:
    assert run("report", folder) == (0, f"{folder / 'report.html'}\n", "")
    assert (folder / "report.md").exists()


def test_recommend_names_the_artifact_the_runner_up_and_why_not_the_others(run: Run, folder: Path) -> None:
    code, out, _ = run("recommend", folder, "--max-memory", "110MB", "--min-agreement", "0.99", "--max-seconds", "5")

    assert code == 0
    assert f"{MODEL} onnx int8: 0.800 s a document, against 1.00 s a document" in out
    assert f"runner-up: {MODEL} gguf int8" in out
    assert f"not {MODEL} gguf int4: has 95.00% of full precision's tokens" in out


def test_recommend_as_data_and_when_nothing_fits(run: Run, folder: Path) -> None:
    code, out, _ = run("recommend", folder, "--max-memory", "1M", "--json")
    (choice,) = json.loads(out)["choices"]

    assert code == 1
    assert choice["best"] is None and len(choice["fallen"]) == 4


def test_recommend_without_agreements(run: Run, folder: Path) -> None:
    path = folder / "results.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    rows[0]["metrics"] = ["speed"]
    lines = [json.dumps(row) + "\n" for row in rows if row["kind"] != "fidelity"]
    path.write_text("".join(lines), "utf-8")

    code, out, _ = run("recommend", folder)
    assert code == 0 and f"fastest: {MODEL} gguf int4: 0.500 s" in out and 'Add "fidelity" to metrics' in out
    code, out, _ = run("recommend", folder, "--min-agreement", "0.9")
    assert code == 1 and "nothing: " in out and 'Add "fidelity" to metrics' in out


def test_recommend_without_an_artifact_says_what_is_missing(run: Run, folder: Path) -> None:
    path = folder / "results.jsonl"
    path.write_text(path.read_text("utf-8").replace('"measure": "documents"', '"measure": "context"'), "utf-8")

    code, out, err = run("recommend", folder)
    assert (code, out) == (2, "") and "No artifact was run on documents" in err


def test_recommend_takes_no_other_preference(run: Run, folder: Path) -> None:
    code, out, err = run("recommend", folder, "--prefer", "beauty")

    assert (code, out) == (2, "") and "--prefer is seconds, memory" in err


def test_compare_says_what_changed_and_refuses_what_cannot_be_compared(run: Run, folder: Path, tmp_path: Path) -> None:
    slower = write_results(tmp_path / "slower", slower=2.0)
    elsewhere = write_results(tmp_path / "elsewhere", fingerprint="b" * 16)

    code, out, _ = run("compare", folder, slower)
    assert code == 0 and "+100.0% (+100.0% to +100.0%)" in out
    code, out, err = run("compare", folder, elsewhere)
    assert (code, out) == (2, "") and "another machine" in err and "--anyway" in err
    code, out, _ = run("compare", folder, elsewhere, "--anyway", "--json")
    assert code == 0 and json.loads(out)["not_alike"]


def test_gate_fails_on_a_floor_and_an_update_leaves_it_broken(run: Run, folder: Path, tmp_path: Path) -> None:
    floors = tmp_path / "floors.toml"
    floors.write_text(f'[[floor]]\ncell = "{MODEL} gguf int4"\nfigure = "agreement"\nat_least = 0.99\n', "utf-8")

    code, out, _ = run("gate", folder, "--floors", floors)
    assert code == 1 and out.startswith("FAILED")
    code, _, _ = run("gate", folder, "--floors", floors, "--update")
    assert code == 1 and "at_least = 0.99\n" in floors.read_text("utf-8")
    floors.write_text(floors.read_text("utf-8").replace("0.99", "0.9"), "utf-8")
    code, out, _ = run("gate", folder, "--floors", floors, "--update")
    assert code == 0 and "0.9 -> 0.95" in out
    code, out, _ = run("gate", folder, "--floors", floors, "--json")
    assert code == 0 and json.loads(out)["floors"][0]["held"] is True


def test_no_results_is_a_usage_error_that_says_how_to_get_some(run: Run, tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").write_text("", "utf-8")

    for command in (["report", tmp_path], ["recommend", tmp_path], ["compare", tmp_path, tmp_path]):
        code, out, err = run(*command)
        assert (code, out) == (2, "") and "edgedoc bench quick" in err
