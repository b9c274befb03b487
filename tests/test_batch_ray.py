"""The same job on a local Ray cluster, started and stopped here: rows, isolation and resume are those of a pool."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import batch_functions
from edgedoc.batch.child import Limits
from edgedoc.batch.job import Destination, Job, Outcome
from edgedoc.batch.journal import Journal
from edgedoc.batch.on_ray import OnRay

pytest.importorskip("ray.data")


def _run(*inputs: str) -> Outcome:
    limits = Limits(seconds=60)
    with (
        Journal(Path("out.jsonl.journal"), batch_functions.SETTINGS) as journal,
        closing(OnRay(batch_functions.opening(), limits, {}, memory=100 << 20, actors=2)) as runner,
    ):
        return Job(
            inputs=inputs,
            journal=journal,
            runner=runner,
            destination=Destination(path=Path("out.jsonl")),
            told=lambda told: None,
            interrupted=lambda: None,
        ).run()


def test_a_job_on_ray_has_the_rows_of_one_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    texts = [*(f"text {number}" for number in range(20)), "CRASH", "FAIL", "text 3"]
    lines = [json.dumps({"text": text}) for text in texts]
    Path("pages.jsonl").write_text("\n".join(lines[:-1]), "utf-8")
    first = _run("pages.jsonl")
    assert (first.tally.ok, first.tally.failed) == (20, 2)
    Path("pages.jsonl").write_text("\n".join(lines), "utf-8")
    again = _run("pages.jsonl")
    rows: list[dict[str, Any]] = [json.loads(line) for line in Path("out.jsonl").read_text("utf-8").splitlines()]
    assert again.complete and [row["source"] for row in rows] == [f"pages.jsonl:{number}" for number in range(1, 24)]
    assert [row["markdown"] for row in rows[:20]] == texts[:20]
    assert "SIGSEGV" in rows[20]["error"] and rows[21]["error"] == "as it wished"
    assert rows[22]["duplicate_of"] == "pages.jsonl:4"
