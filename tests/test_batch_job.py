"""A job from inputs to output in one process: what is kept, what is done again, and what is refused.

The documents are processed by tests/batch_functions.py; what happens to workers is in test_batch_pool.
"""

import json
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import batch_functions
from edgedoc.batch import outputs
from edgedoc.batch.in_process import InProcess
from edgedoc.batch.job import Destination, Job, Outcome, Told
from edgedoc.batch.journal import DATABASE, Journal
from edgedoc.batch.lock import OutputLock, held
from edgedoc.batch.outputs import OutputFormat
from edgedoc.batch.status import status
from edgedoc.errors import OutputError, UsageError

Start = Callable[..., Outcome]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Runs a job in an empty working directory; every document it processes is a line of seen.txt."""
    monkeypatch.chdir(tmp_path)

    def run(
        *inputs: str,
        out: str = "out.jsonl",
        format: OutputFormat = OutputFormat.JSONL,
        settings: dict[str, Any] | None = None,
        restart: bool = False,
        retry: bool = False,
        told: Callable[[Told], None] = lambda told: None,
        write: Callable[[str], object] | None = None,
    ) -> Outcome:
        with Journal(Path(f"{out}.journal"), settings or batch_functions.SETTINGS, restart=restart) as journal:
            if retry:
                journal.forget_failures()
            return Job(
                inputs=inputs,
                journal=journal,
                runner=InProcess(batch_functions.opening(settings="seen.txt")),
                destination=Destination(write=write) if write else Destination(path=Path(out), format=format),
                told=told,
                interrupted=lambda: None,
            ).run()

    return run


def _rows(path: str = "out.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]


def _seen() -> list[str]:
    path = Path("seen.txt")
    return path.read_text().splitlines() if path.exists() else []


def _pages(**texts: str) -> list[str]:
    for name, text in texts.items():
        Path(f"{name}.html").write_text(text, "utf-8")
    return [f"{name}.html" for name in texts]


def _stable(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def test_every_source_has_a_row_in_the_order_of_the_inputs(start: Start) -> None:
    inputs = [*_pages(b="two", a="one", c="FAIL"), "nope.html"]
    outcome = start(*inputs)
    rows = _rows()
    assert [row["source"] for row in rows] == inputs
    assert [row["status"] for row in rows] == ["ok", "ok", "failed", "failed"]
    assert [row["markdown"] for row in rows] == ["two", "one", None, None]
    assert rows[2]["error"] == "as it wished" and "cannot be read" in rows[3]["error"]
    assert [len(row["id"] or "") for row in rows] == [64, 64, 64, 0]
    assert len({tuple(row) for row in rows}) == 1
    assert (outcome.tally.ok, outcome.tally.failed, outcome.tally.chunks, outcome.complete) == (2, 2, 2, True)


def test_a_duplicate_is_processed_once_and_says_of_what(start: Start) -> None:
    inputs = _pages(a="same", b="other", c="same", d="same")
    outcome = start(*inputs)
    rows = _rows()
    assert _seen() == ["a.html", "b.html"]
    assert [row["duplicate_of"] for row in rows] == [None, None, "a.html", "a.html"]
    assert [row["markdown"] for row in rows] == ["same", "other", None, None]
    assert len({rows[place]["id"] for place in (0, 2, 3)}) == 1
    assert (outcome.tally.documents, outcome.tally.duplicates) == (4, 2)


def test_a_second_run_does_nothing_and_writes_the_same(start: Start) -> None:
    inputs = _pages(a="one", b="FAIL")
    start(*inputs)
    first = Path("out.jsonl").read_bytes()
    Path("out.jsonl").unlink()
    assert start(*inputs).resumed == 2
    assert Path("out.jsonl").read_bytes() == first
    assert _seen() == ["a.html", "b.html"]


def test_an_interrupted_run_goes_on_with_what_is_left(start: Start) -> None:
    inputs = _pages(a="one", b="two", c="three")

    def dies(told: Told) -> None:
        if told.source == "b.html":
            raise MemoryError

    with pytest.raises(MemoryError):
        start(*inputs, told=dies)
    assert not Path("out.jsonl").exists()
    assert start(*inputs).resumed == 2
    assert _seen() == ["a.html", "b.html", "c.html"]
    whole = _stable(_rows())
    assert _stable_of_undisturbed(start, inputs) == whole


def _stable_of_undisturbed(start: Start, inputs: list[str]) -> list[dict[str, Any]]:
    start(*inputs, out="undisturbed.jsonl")
    return _stable(_rows("undisturbed.jsonl"))


def test_changed_added_and_removed_inputs_cost_what_changed(start: Start) -> None:
    inputs = _pages(a="one", b="two", c="three")
    start(*inputs)
    _pages(b="changed, and longer", new="four")
    start("new.html", "b.html", "c.html")
    assert [(row["source"], row["markdown"]) for row in _rows()] == [
        ("new.html", "four"), ("b.html", "changed, and longer"), ("c.html", "three")
    ]  # fmt: skip
    assert _seen() == ["a.html", "b.html", "c.html", "new.html", "b.html"]


def test_failures_are_kept_until_they_are_to_be_tried_again(start: Start) -> None:
    inputs = [*_pages(a="FAIL", b="two"), "late.html"]
    start(*inputs)
    _pages(late="here")
    start(*inputs)
    assert [row["status"] for row in _rows()] == ["failed", "ok", "ok"]
    start(*inputs, retry=True)
    assert _seen() == ["a.html", "b.html", "late.html", "a.html"]


def test_other_settings_are_refused_by_name_or_begin_anew(start: Start) -> None:
    inputs = _pages(a="one")
    start(*inputs)
    other = {"edgedoc": "test", "artifacts": {"reader": {"sha256": "f" * 64}}, "mode": "topic"}
    with pytest.raises(UsageError, match=r"artifacts.reader.*mode: was not set, is topic.*--restart"):
        start(*inputs, settings=other)
    start(*inputs, settings=other, restart=True)
    assert _seen() == ["a.html", "a.html"]


def test_a_journal_of_another_version_or_kind_is_refused(start: Start) -> None:
    inputs = _pages(a="one")
    start(*inputs)
    database = Path("out.jsonl.journal") / DATABASE
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE name = 'schema'")
    connection.close()
    with pytest.raises(UsageError, match="schema 99, here 1"):
        start(*inputs)
    shutil.rmtree("out.jsonl.journal")
    Path("out.jsonl.journal").mkdir()
    database.write_bytes(b"not a database at all" * 100)
    with pytest.raises(OutputError, match=r"damaged or not edgedoc's|cannot be written: file is not a database"):
        start(*inputs)
    assert start(*inputs, restart=True).complete


def test_a_second_job_on_one_output_is_told(start: Start) -> None:
    inputs = _pages(a="one")

    def again(told: Told) -> None:
        with pytest.raises(OutputError, match="Another job is writing this output"):
            start(*inputs)
        assert status(Path("out.jsonl")).state == "running"

    assert start(*inputs, told=again).complete
    assert status(Path("out.jsonl")).state == "done"


def test_a_lock_is_free_when_it_is_closed(tmp_path: Path) -> None:
    lock = OutputLock(tmp_path / "lock")
    assert held(tmp_path / "lock")
    lock.close()
    assert not held(tmp_path / "lock")


def test_a_disk_that_fills_anywhere_leaves_a_job_that_goes_on(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = [f"{number}.html" for number in range(20)]
    for number, name in enumerate(inputs):
        Path(name).write_text(random.Random(number).randbytes(3000).hex())
    real, pages, refusals = Journal.__init__, 7, 0

    def small(self: Journal, *arguments: Any, **options: Any) -> None:
        real(self, *arguments, **options)
        self._database.execute(f"PRAGMA max_page_count = {pages}")

    monkeypatch.setattr(Journal, "__init__", small)
    while True:
        try:
            start(*inputs)
            break
        except OutputError as error:
            assert "disk is full" in str(error) and "same command again" in str(error)
            assert not Path("out.jsonl").exists()
        pages, refusals = pages + 1, refusals + 1
    assert refusals > 10
    assert [row["source"] for row in _rows()] == inputs
    assert [row["markdown"] for row in _rows()] == [Path(name).read_text() for name in inputs]
    # Processed twice is only what found no room for its row.
    assert len(_seen()) <= len(inputs) + refusals


def test_a_full_disk_behind_the_output_leaves_only_writing(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = _pages(a="one", b="two")

    def full(*arguments: object) -> None:
        raise OutputError("full")

    with monkeypatch.context() as disk:
        disk.setattr(outputs, "write", full)
        with pytest.raises(OutputError, match="full"):
            start(*inputs)
    assert status(Path("out.jsonl")).state == "stopped"
    assert start(*inputs).resumed == 2 and len(_rows()) == 2


def test_lines_go_out_in_order_as_soon_as_they_can(start: Start) -> None:
    inputs = _pages(a="same", b="same", c="three")
    lines: list[str] = []
    seen: list[int] = []
    start(*inputs, "nope.html", write=lines.append, told=lambda told: seen.append(len(lines)))
    assert [json.loads(line)["source"] for line in lines] == [*inputs, "nope.html"]
    assert seen == [1, 3, 4]


def test_a_folder_has_files_of_each_document_and_an_index(start: Start) -> None:
    inputs = [*_pages(a="one", b="one", c="FAIL"), "nope.html"]
    start(*inputs, out="folder", format=OutputFormat.FOLDER)
    index = _rows("folder/documents.jsonl")
    assert [row["source"] for row in index] == inputs
    assert [bool(row["file"]) for row in index] == [True, False, False, False]
    assert "markdown" not in index[0] and index[1]["duplicate_of"] == "a.html"
    assert (Path("folder") / index[0]["file"]).read_text() == "one"
    chunks = _rows(f"folder/{index[0]['file'].removesuffix('.md')}.chunks.jsonl")
    assert [chunk["text"] for chunk in chunks] == ["one"]
    assert len(list(Path("folder").iterdir())) == 3


def test_parquet_has_the_rows_of_the_lines(start: Start) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    inputs = [*_pages(a="one é", b="one é", c="FAIL"), "nope.html"]
    start(*inputs)
    start(*inputs, out="out.parquet", format=OutputFormat.PARQUET)
    rows = parquet.read_table("out.parquet").to_pylist()
    for row, line in zip(rows, _rows(), strict=True):
        for name in ("id", "source", "duplicate_of", "status", "error", "markdown", "chunks", "notes", "fallbacks"):
            assert row[name] == line[name]


def test_status_counts_and_gives_reasons(start: Start) -> None:
    start(*_pages(a="one", b="FAIL", c="one"), "nope.html")
    found = status(Path("out.jsonl"))
    assert (found.tally.documents, found.tally.ok, found.tally.failed, found.tally.duplicates) == (4, 2, 2, 1)
    assert found.reasons["as it wished"] == 1 and len(found.reasons) == 2
    assert "4 documents (1 duplicates): 2 ok, 2 failed" in found.text()
    json.dumps(found.as_dict())
