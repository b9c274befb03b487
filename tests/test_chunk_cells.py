"""What a killed run of the chunk bench leaves for the next one: finished rows, while they are of the same thing."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgedoc.errors import EngineError
from edgedoc_bench import chunk_bench
from edgedoc_bench.chunk_cells import Cells, Contender
from edgedoc_bench.chunk_rows import Bill, Row
from edgedoc_bench.machine import Machine, describe
from edgedoc_bench.segmentation import Score
from edgedoc_bench.segmentation_document import Document

MACHINE = replace(describe(), load_average=0.1)
SCORE = Score(items=9, windows=7, pk_errors=2, wd_errors=3, gold=2, predicted=1, hits=1, near_hits=1)
ROW = Row(name="m", scores=(SCORE, SCORE), seconds=(0.5, 1.5), cuts=2, cuts_inside=0, bill=Bill(chunks=4, steps=9))
DOCUMENT = Document(id="d", items=("a", "b", "c"), boundaries=(1, 2), titles=None, unit="sentence", joiner=" ")
MODEL = Contender(path=Path("m"), name="m", sha256="1" * 64, method="free")


class Bench:
    """Asks for one row at a time, each time as a new run would, and counts what had to be measured."""

    def __init__(self, path: Path) -> None:
        self.path, self.measured = path, 0

    def ask(
        self,
        where: str = "s",
        model: Contender = MODEL,
        documents: tuple[Document, ...] = (DOCUMENT,),
        machine: Machine = MACHINE,
        threads: int = 1,
    ) -> Cells:
        def anew() -> Row:
            self.measured += 1
            return ROW

        cells = Cells(self.path, machine, threads)
        assert cells.row(where, model, documents, anew) == ROW
        return cells


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "new" / "x.json")


def test_a_finished_row_is_read_back_whole(bench: Bench) -> None:
    bench.ask()
    bench.ask()
    assert bench.measured == 1
    assert Row.of(json.loads(json.dumps(ROW.kept()))).as_dict() == ROW.as_dict()


@pytest.mark.parametrize(
    "other",
    [
        {"where": "s with headings"},
        {"model": replace(MODEL, sha256="2" * 64)},
        {"model": replace(MODEL, name="m score")},
        {"documents": (replace(DOCUMENT, boundaries=(0, 2)),)},
        {"documents": (DOCUMENT, DOCUMENT)},
        {"machine": replace(MACHINE, cpu="another")},
        {"machine": replace(MACHINE, packages={"numpy": "0"})},
        {"threads": 2},
    ],
    ids=str,
)
def test_what_is_of_something_else_is_measured(bench: Bench, other: dict[str, Any]) -> None:
    bench.ask()
    bench.ask(**other)
    assert bench.measured == 2


def test_a_row_of_a_busy_machine_says_so_for_good(bench: Bench) -> None:
    assert bench.ask(machine=replace(MACHINE, load_average=3.0)).busy
    assert bench.ask().busy and bench.measured == 1
    assert not bench.ask("another").busy


def test_a_run_that_dies_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    row = {"id": "d", "unit": "paragraph", "paragraphs": list("abcdefghi"), "boundaries": [1, 4, 8]}
    (tmp_path / "small.jsonl").write_text(json.dumps(row) + "\n")
    out = tmp_path / "chunks.json"
    models = [replace(MODEL, name=name) for name in ("one", "two", "three")]
    asked: list[str] = []

    def model_row(name: str, *_: object) -> Row:
        asked.append(name)
        if asked == ["one", "two"]:
            raise EngineError("killed")
        return replace(ROW, name=name, scores=ROW.scores[:1])

    class Closed:
        def __enter__(self) -> None: ...
        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(sys, "argv", ["x", "--data", str(tmp_path), "--sets", "small", "--out", str(out)])
    monkeypatch.setattr(chunk_bench, "contenders", lambda *_: iter(models))
    monkeypatch.setattr(chunk_bench, "model_row", model_row)
    monkeypatch.setattr(Contender, "open", lambda *_: Closed())
    with pytest.raises(EngineError, match="killed"):
        chunk_bench.main()
    chunk_bench.main()
    assert asked == ["one", "two", "two", "three"]
    result = json.loads(out.read_text("utf-8"))
    assert [row["name"] for row in result["tables"][0]["rows"]][-3:] == ["one", "two", "three"]
    # Of a model that is left out the figures go too.
    del models[1]
    chunk_bench.main()
    assert len(asked) == 4 and len(json.loads(out.read_text("utf-8"))["cells"]) == 2


def test_what_is_no_result_of_this_bench_is_measured_anew(bench: Bench) -> None:
    bench.path.parent.mkdir()
    bench.path.write_text('{"tables": []}')
    bench.ask()
    assert bench.measured == 1
