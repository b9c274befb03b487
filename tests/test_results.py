"""results.jsonl: written row by row, read back as what counts."""

from pathlib import Path
from typing import Any

import pytest

from edgedoc.errors import UsageError
from edgedoc.recipes import Task
from edgedoc_bench import corpus, results
from edgedoc_bench.results import Writer


def _head(cells: list[str]) -> dict[str, Any]:
    return {"schema": results.SCHEMA, "cells": cells, "machine": {}, "prices": None}


def _run(folder: Path, cells: list[str], finished: dict[str, str], seconds: float = 1.0) -> None:
    with Writer.open(folder) as writer:
        writer.add("run", _head(cells))
        for cell, status in finished.items():
            for number in (0, 1):
                writer.add("sample", {"cell": cell, "round": number, "document": "a", "seconds": seconds})
            writer.add("cell", {"cell": cell, "status": status})


def test_cells_of_the_last_list_count_with_the_samples_of_their_run(tmp_path: Path) -> None:
    _run(tmp_path, ["a", "b", "old"], {"a": "ok", "b": "failed", "old": "ok"}, seconds=1.0)
    _run(tmp_path, ["a", "b", "c"], {"b": "ok"}, seconds=2.0)
    found = results.read(tmp_path)
    assert [(cell["cell"], cell["status"], cell["run"]) for cell in found.cells] == [("a", "ok", 1), ("b", "ok", 2)]
    assert found.missing == ("c",)
    assert [row["seconds"] for row in found.samples("a")] == [1.0]
    assert [row["seconds"] for row in found.samples("b")] == [2.0]
    assert found.samples("old") == []


def test_a_line_cut_off_is_left_out_and_written_over(tmp_path: Path) -> None:
    _run(tmp_path, ["a"], {"a": "ok"})
    path = tmp_path / results.NAME
    path.write_bytes(path.read_bytes()[:-20])
    found = results.read(tmp_path)
    assert found.cut and found.cells == () and len(found.missing) == 1
    _run(tmp_path, ["a"], {"a": "ok"})
    found = results.read(path)
    assert not found.cut and found.header["run"] == 2 and found.cells[0]["status"] == "ok"


def test_failures_of_an_earlier_attempt_do_not_count(tmp_path: Path) -> None:
    for status in ("failed", "ok"):
        with Writer.open(tmp_path) as writer:
            writer.add("run", _head(["a"]))
            writer.add("failure", {"cell": None, "stage": "export", "message": status})
            if status == "failed":
                writer.add("failure", {"cell": "a", "stage": "crash"})
            writer.add("quality", {"cell": "a", "document": "x"})
            writer.add("money", {"cell": "a"})
            writer.add("cell", {"cell": "a", "status": status})
    with Writer.open(tmp_path) as writer:
        writer.add("run", _head(["a"]))
    found = results.read(tmp_path)
    assert found.of("failure") == []
    assert [row["run"] for row in found.of("quality")] == [2]
    assert found.of("money") == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"kind":"run","run":1,"schema":99,"cells":[]}\n', "has schema 99"),
        ('{"hello":1}\n', "was not written by edgedoc bench"),
        ("hello\n", "damaged in line 1"),
        ('{"kind":"run","run":1,"schema":1,"cells":[]}\nnonsense\n{"kind":"cell","run":1}\n', "damaged in line 2"),
        ("", "holds no results"),
        ('{"kind":"run","run":1', "holds no results"),
    ],
)
def test_what_no_bench_wrote_is_refused(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / results.NAME).write_text(content, "utf-8")
    with pytest.raises(UsageError, match=said):
        results.read(tmp_path)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        results.read(tmp_path)


def test_documents_come_back_as_they_were(tmp_path: Path) -> None:
    _run(tmp_path, [], {})
    given = corpus.Sample(id="a", kind="page", source="one\u2028two\n\ud800", gold="x", boundaries=(3,))
    path = results.documents_path(tmp_path, "somewhere/mine.jsonl", "reader")
    path.parent.mkdir()
    path.write_text(results.documents_text([given]), "utf-8")
    assert results.read(tmp_path).documents("somewhere/mine.jsonl", Task.READER) == (given,)


def test_the_last_run_says_what_cells_are_compared_with_and_what_artifacts_there_are(tmp_path: Path) -> None:
    for run, (labels, references) in enumerate(((["int8", "gone"], {"a": None}), (["int8", "f32"], {"a": "b"})), 1):
        with Writer.open(tmp_path) as writer:
            writer.add("run", {**_head(["a"]), "references": references})
            for label in labels:
                writer.add("artifact", {"artifact": label})
            if run == 1:
                writer.add("cell", {"cell": "a", "status": "ok", "reference": None})
    found = results.read(tmp_path)
    assert found.cells[0]["reference"] == "b" and found.cells[0]["run"] == 1
    assert list(found.artifacts) == ["int8", "f32"]
