"""The chunk bench with a chunker that says what it is told to: rows, the bill, the page, and the options."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from edgedoc.artifact import Artifact
from edgedoc.console import Report
from edgedoc.documents.chunks import Cut, assemble
from edgedoc.tasks.chunker import Chunker, Chunking
from edgedoc.tasks.window import Flag, WindowResult
from edgedoc_bench import chunk_bench
from edgedoc_bench.chunk_bench import main, measure
from edgedoc_bench.chunk_cells import Cells, Contender, contenders
from edgedoc_bench.chunk_rows import model_row
from edgedoc_bench.chunk_table import Table, page
from edgedoc_bench.machine import describe
from edgedoc_bench.segmentation_data import document
from edgedoc_bench.segmentation_document import Document, Layout

REPORT = Report(None)


def _row(number: int) -> dict[str, Any]:
    """Nine paragraphs in sections of two, three and four."""
    items = [f"Paragraph {item} of document {number} says little." for item in range(9)]
    parts = [items[:2], items[2:5], items[5:]]
    markdown = "\n\n".join(f"## Section {n}\n\n" + "\n\n".join(part) for n, part in enumerate(parts))
    return {
        "id": f"d{number}",
        "unit": "paragraph",
        "paragraphs": items,
        "boundaries": [1, 4, 8],
        "titles": ["Section 0", "Section 1", "Section 2"],
        "markdown": f"# Document {number}\n\n{markdown}\n",
        "split_level": 2,
    }


DOCUMENTS = [document(_row(number), f"x:{number}") for number in range(4)]


class FakeChunker:
    """Starts chunks before these strings; its one window has these flags."""

    def __init__(self, before: tuple[str, ...], flags: tuple[Flag, ...] = ()) -> None:
        self._before, self._flags = before, flags
        self.closed = False

    def chunk(self, text: str) -> Chunking:
        starts = sorted(text.index(mark) for mark in self._before)
        cuts = [Cut(0), *(Cut(start) for start in starts if start)]
        window = WindowResult(
            start=0,
            end=len(text),
            cuts=tuple(cuts),
            complete=True,
            prompt_tokens=100,
            written_tokens=20,
            drafted=0,
            accepted=0,
            asked=5,
            steps=9,
            heads=4,
            matched=4 - len(self._flags),
            flags=self._flags,
            prefill_seconds=0.5,
            decode_seconds=0.25,
        )
        chunks = assemble(text, cuts, count=len)
        return Chunking(chunks=chunks, tokenizer="fake", windows=(window,), notes=(), seconds=2.0)

    def __enter__(self) -> "FakeChunker":
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True


def _row_of(before: tuple[str, ...], flags: tuple[Flag, ...] = (), *, headings: bool = False) -> dict[str, Any]:
    layouts = [Layout.kept(one) if headings else Layout.stripped(one) for one in DOCUMENTS]
    told: list[tuple[int, int]] = []
    fake = cast(Chunker, FakeChunker(before, flags))
    row = model_row("fake", fake, DOCUMENTS, layouts, lambda done, total: told.append((done, total)))
    assert told == [(number, 4) for number in (1, 2, 3, 4)]
    return row.as_dict()


@pytest.mark.parametrize(
    ("headings", "before"),
    [(False, ("Paragraph 2", "Paragraph 5")), (True, ("## Section 1", "Paragraph 5"))],
)
def test_true_cuts_are_faultless_with_headings_and_without(headings: bool, before: tuple[str, ...]) -> None:
    row = _row_of(before, headings=headings)

    assert (row["pk_macro"], row["f1_micro"], row["segment_ratio"]) == (0.0, 1.0, 1.0)
    assert (row["cuts"], row["cuts_inside"]) == (8, 0)


def test_the_bill_is_summed_and_rated() -> None:
    bill = _row_of(("Paragraph 2", "Paragraph 5"), (Flag.LOST,))["bill"]

    assert (bill["chunks"], bill["windows"], bill["steps"], bill["tokens_fed"]) == (12, 4, 36, 480)
    assert (bill["steps_per_chunk"], bill["match_rate"], bill["fallback_rate"]) == (3.0, 0.75, 1.0)
    assert (bill["prefill_seconds"], bill["decode_seconds"]) == (2.0, 1.0)


def test_an_answer_that_was_only_cut_off_is_no_fallback() -> None:
    assert _row_of((), (Flag.TRUNCATED,))["bill"]["fallback_rate"] == 0.0


def test_cuts_inside_an_item_are_counted_and_go_to_its_nearer_end() -> None:
    row = _row_of(("aragraph 2", "ittle.\n\nParagraph 7", "Paragraph 5"))

    assert (row["cuts"], row["cuts_inside"], row["f1_micro"]) == (12, 8, pytest.approx(0.8))


def _measured(monkeypatch: pytest.MonkeyPatch, out: Path, *, headings: bool = True) -> Table:
    """DOCUMENTS cut by the floors and classics, and by two chunkers."""
    fakes = {"good": FakeChunker(("Paragraph 2", "Paragraph 5")), "bad": FakeChunker(("Paragraph 3",))}
    monkeypatch.setattr(Contender, "open", lambda self, threads: fakes[self.name])
    models = [Contender(path=Path(name), name=name, sha256=name * 20, method="generate") for name in fakes]
    cells = Cells(out, describe(), 1)
    table = measure("small", DOCUMENTS, headings=headings, models=models, cells=cells, threads=1, report=REPORT)
    assert all(fake.closed for fake in fakes.values())
    return table


@pytest.mark.parametrize("headings", [False, True])
def test_a_table_has_floors_classics_and_models(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, headings: bool
) -> None:
    table = _measured(monkeypatch, tmp_path / "x.json", headings=headings)
    rows: dict[str, Any] = {row["name"]: row for row in cast(Any, table.as_dict()["rows"])}

    assert set(rows) >= {"none", "all", "uniform", "random", "lexical cohesion", "good", "bad"}
    assert ("headings (oracle)" in rows) == headings
    if headings:
        assert rows["headings (oracle)"]["pk_macro"] == 0.0
    assert rows["none"]["pk_difference"] is None
    assert rows["good"]["pk_macro"] == 0.0
    best = rows[table.best_floor.name]["pk_macro"]
    assert best == min(rows[name]["pk_macro"] for name in ("none", "all", "uniform", "random"))
    assert rows["none"]["beats"] is None
    assert rows["good"]["beats"] == {figure: ["none", "all", "uniform", "random"] for figure in ("Pk", "F1")}
    # Every document is alike, so that resampling changes nothing.
    assert rows["good"]["pk_difference"]["mean"] == pytest.approx(-best)
    json.dumps(table.as_dict())


def test_the_page_tells_what_was_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = page([_measured(monkeypatch, tmp_path / "x.json")], ["**busy**"], "a machine")

    assert "## small, headings kept" in told and "4 documents; items are paragraphs; best floor: " in told
    (line,) = [line for line in told.splitlines() if line.startswith("good")]
    assert "2.000 (2.000-2.000)" in line and "3.0" in line and "480" in line and "100.0%" in line
    assert told.endswith("a machine\n") and "**busy**" in told
    assert "\n- good beats every floor in Pk; every floor in F1.\n" in told


def test_documents_too_short_are_told(tmp_path: Path) -> None:
    short = Document(id="s", items=("a", "b"), boundaries=(0, 1), titles=None, unit="sentence", joiner=" ")
    cells = Cells(tmp_path / "x.json", describe(), 1)
    table = measure("x", [short], headings=False, models=[], cells=cells, threads=1, report=REPORT)

    assert "1 documents, 1 of them too short for a window" in table.text()


def test_scoring_is_for_the_simple_mode_only(monkeypatch: pytest.MonkeyPatch) -> None:
    class Recipe:
        name, mode = "text-seg-lm-topic", "topic"

    class Manifest:
        format, preset, sha256 = "gguf", "int8", "abc"

    class FakeArtifact:
        recipe, manifest = Recipe(), Manifest()

    opened: list[dict[str, Any]] = []
    monkeypatch.setattr(Artifact, "open", lambda path: FakeArtifact())
    monkeypatch.setattr(Chunker, "open", lambda path, **options: opened.append(options))
    asked = list(contenders([Path("x")], ["generate", "score", "free"]))
    for one in asked:
        one.open(1)

    assert [one.name for one in asked] == ["text-seg-lm-topic gguf int8 generate", "text-seg-lm-topic gguf int8 free"]
    assert [(options["method"], options["heads"]) for options in opened] == [
        ("generate", "constrained"),
        ("generate", "free"),
    ]


def _command(monkeypatch: pytest.MonkeyPatch, *options: str) -> Callable[[], None]:
    monkeypatch.setattr(sys, "argv", ["chunk_bench", *options])
    return main


def test_the_command_writes_both_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "small.jsonl").write_text("".join(json.dumps(_row(number)) + "\n" for number in range(5)))
    out = tmp_path / "results" / "chunks.json"
    _command(monkeypatch, "--data", str(tmp_path), "--sets", "small", "--documents", "3", "--out", str(out))()

    result = json.loads(out.read_text("utf-8"))
    assert [(table["set"], table["headings"]) for table in result["tables"]] == [("small", False), ("small", True)]
    assert result["tables"][0]["rows"][0]["documents"] == result["documents"] == 3
    told = out.with_suffix(".md").read_text("utf-8")
    assert capsys.readouterr().out == told + "\n"


def test_without_documents_it_is_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(chunk_bench, "DATA", tmp_path / "nowhere")
    _command(monkeypatch, "--out", str(tmp_path / "x.json"))()

    assert "left out" in capsys.readouterr().err
    assert not (tmp_path / "x.json").exists()
