"""Jobs as processes: killed, interrupted, and over the bundled models through the command line."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no signals to send")


def _environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **more}


def _start(folder: Path, out: str, workers: int, inputs: Sequence[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "batch_job", out, str(workers), *inputs]
    return subprocess.Popen(command, cwd=folder, env=_environment(), stdout=subprocess.PIPE, text=True)


def _rows(path: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    """Thirty documents of 20 ms, some of them twice and some bad, in JSON lines."""
    texts = [f"SLEEP 0.02 {number // 2 if number % 10 == 1 else number}" for number in range(30)]
    content = [json.dumps({"text": text}) for text in texts]
    content[7:7] = ["not JSON", '{"title": "no document"}']
    path = tmp_path / "pages.jsonl"
    path.write_text("\n".join(content), "utf-8")
    return path


@pytest.mark.parametrize("workers", [0, 2])
def test_a_job_that_is_killed_again_and_again_loses_and_doubles_nothing(
    tmp_path: Path, lines: Path, workers: int
) -> None:
    done, _ = _start(tmp_path, "undisturbed.jsonl", 0, [lines.name]).communicate()
    assert json.loads(done.splitlines()[-1])["complete"]
    rng = random.Random(workers)
    kills = 0
    while True:
        job = _start(tmp_path, "killed.jsonl", workers, [lines.name])
        assert job.stdout is not None
        said = "".join(job.stdout.readline() for _ in range(rng.randrange(3, 8)))
        time.sleep(rng.random() * 0.02)
        job.kill()
        rest, _ = job.communicate()
        if '"complete"' in said + rest:
            break
        kills += 1
        assert not (tmp_path / "killed.jsonl").exists() or kills > 3
    assert kills > 3
    done, _ = _start(tmp_path, "killed.jsonl", 0, [lines.name]).communicate()
    assert json.loads(done.splitlines()[-1])["complete"]
    assert _rows(tmp_path / "killed.jsonl") == _rows(tmp_path / "undisturbed.jsonl")
    assert len(_rows(tmp_path / "killed.jsonl")) == 32


@pytest.mark.parametrize("workers", [0, 2])
def test_ctrl_c_finishes_what_is_in_hand_and_the_same_command_goes_on(
    tmp_path: Path, lines: Path, workers: int
) -> None:
    job = _start(tmp_path, "out.jsonl", workers, [lines.name])
    assert job.stdout is not None
    job.stdout.readline()
    job.send_signal(signal.SIGINT)
    rest, _ = job.communicate()
    outcome = json.loads(rest.splitlines()[-1])
    assert job.returncode == 0 and "interrupted" in rest
    assert not outcome["complete"] and 1 <= outcome["tally"]["ok"] < 28
    assert not (tmp_path / "out.jsonl").exists()
    done, _ = _start(tmp_path, "out.jsonl", workers, [lines.name]).communicate()
    outcome = json.loads(done.splitlines()[-1])
    assert outcome["complete"] and outcome["tally"]["documents"] == 32 and outcome["tally"]["failed"] == 2


def test_a_second_ctrl_c_gives_up_what_is_in_hand(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("fast")
    (tmp_path / "b.html").write_text("HANG")
    job = _start(tmp_path, "out.jsonl", 1, ["a.html", "b.html"])
    assert job.stdout is not None
    assert job.stdout.readline() == "a.html\n"
    job.send_signal(signal.SIGINT)
    assert job.stdout.readline() == "interrupted\n"
    job.send_signal(signal.SIGINT)
    job.communicate(timeout=30)
    assert job.returncode != 0


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The bundled reader and simple chunker at eight bits, and a folder of pages."""
    pytest.importorskip("gguf")
    pytest.importorskip("llama_cpp")
    from edgedoc_export.build import export

    folder = tmp_path_factory.mktemp("batch")
    pages = folder / "pages"
    pages.mkdir()
    for number in range(4):
        body = f"<h1>Page {number}</h1><p>Opening hours are {number} to nine.</p>"
        (pages / f"{number}.html").write_text(f"<html><body>{body}</body></html>", "utf-8")
    return {
        "reader": export("nano-reader", preset="int8", out=folder / "reader"),
        "chunker": export("nano-chunker-simple", preset="int8", out=folder / "chunker"),
        "pages": pages,
    }


def _edgedoc(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgedoc", *map(str, arguments)],
        cwd=folder,
        env=_environment(EDGEDOC_HOME=str(folder / "home")),
        capture_output=True,
        text=True,
    )


def test_workers_and_this_process_write_the_same(tmp_path: Path, models: dict[str, Path]) -> None:
    common: list[str | Path] = [
        "process",
        models["pages"],
        "--reader",
        models["reader"],
        "--chunker",
        models["chunker"],
        "--no-drafts",
    ]
    done = _edgedoc(tmp_path, *common, "--out", "workers.jsonl", "--log", "log.jsonl", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ok"] == 4
    events = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text("utf-8").splitlines()]
    assert [event["event"] for event in events] == ["begin", *["document"] * 4, "end"]
    assert "worker" in events[0]["on"] and events[-1]["complete"]
    alone = _edgedoc(tmp_path, *common, "--out", "alone.jsonl", "--in-process")
    assert alone.returncode == 0, alone.stderr
    piped = _edgedoc(tmp_path, *common)
    (tmp_path / "piped.jsonl").write_text(piped.stdout, "utf-8")
    rows = _rows(tmp_path / "workers.jsonl")
    assert rows == _rows(tmp_path / "alone.jsonl") == _rows(tmp_path / "piped.jsonl")
    assert "# Page 0" in rows[0]["markdown"]
    shown = _edgedoc(tmp_path, "process", "--status", "workers.jsonl")
    assert shown.returncode == 0 and "done" in shown.stdout and "4 documents: 4 ok" in shown.stdout


def test_an_artifact_that_does_not_load_ends_the_job_at_once(tmp_path: Path, models: dict[str, Path]) -> None:
    broken = tmp_path / "reader"
    broken.mkdir()
    for file in models["reader"].iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    [model] = broken.glob("*.gguf")
    model.write_bytes(model.read_bytes()[:64] + bytes(model.stat().st_size - 64))
    done = _edgedoc(
        tmp_path, "process", models["pages"], "--reader", broken, "--chunker", models["chunker"], "--out", "out.jsonl"
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("process", 2, "Missing argument 'INPUT'"),
        ("process . --retry-failed", 2, "need --out"),
        ("process . --in-process --workers 2", 2, "--in-process has no workers"),
        ("process . --out x --format csv", 2, "--format is jsonl, parquet, folder"),
        ("process --status nowhere.jsonl", 3, "No job has written to nowhere.jsonl"),
    ],
)
def test_what_makes_no_sense_is_told(tmp_path: Path, line: str, code: int, said: str) -> None:
    done = _edgedoc(tmp_path, *line.split())
    assert done.returncode == code and said in done.stderr
