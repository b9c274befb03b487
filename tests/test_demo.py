"""The demo, one round: every file it promises exists, every figure is there, and the table tells what was measured."""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgedoc.artifact import Artifact
from edgedoc.console import Report
from edgedoc.documents.chunks import Cut, assemble
from edgedoc.errors import EngineError
from edgedoc_bench import demo, demo_chunks, formats
from edgedoc_bench.cell import measure_apart

pytest.importorskip("gguf")
pytest.importorskip("llama_cpp")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

PAGES = ["article", "chinese", "documentation"]
NAMES = ["f32", "int8", "int4", "onnx-int8", "onnx-int4"]


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> None:
    # The demo measures in processes of their own.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """One run of the demo on the bundled model: its folder and its figures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        folder = tmp_path_factory.mktemp("demo") / "out"
        return folder, demo.run(folder, Report(None), rounds=1)


def test_every_file_is_there(ran: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = ran
    for name in NAMES:
        Artifact.open(folder / f"nano-reader-{name}").check()
        for page in PAGES:
            assert (folder / "markdown" / name / f"{page}.md").is_file()
    assert sorted(path.stem for path in (folder / "pages").iterdir()) == PAGES


def test_the_figures_are_measured(ran: tuple[Path, dict[str, Any]]) -> None:
    folder, result = ran
    listed = json.loads(json.dumps(result))["rows"]
    rows = {Path(row["artifact"]).name.removeprefix("nano-reader-"): row for row in listed}
    assert list(rows) == NAMES
    assert [row["format"] for row in rows.values()] == ["gguf", "gguf", "gguf", "onnx", "onnx"]
    assert rows["f32"]["file_bytes"] > 2 * rows["int8"]["file_bytes"] > 2 * rows["int4"]["file_bytes"]
    assert rows["f32"]["bits_per_weight"] == 32.0
    assert 4 < rows["int4"]["bits_per_weight"] < 5 < 8 < rows["int8"]["bits_per_weight"] < 9
    assert rows["f32"]["fidelity"]["top1_agreement"] == 1.0
    assert rows["f32"]["fidelity"]["kl_max"] == 0.0
    for format in ("", "onnx-"):
        eight, four = rows[f"{format}int8"], rows[f"{format}int4"]
        assert eight["file_bytes"] > four["file_bytes"]
        assert 0 < eight["fidelity"]["kl_mean"] < four["fidelity"]["kl_mean"]
    for row in rows.values():
        assert row["windows"] >= len(PAGES) and row["rounds"] == 1
        assert 0 <= row["flagged"] <= row["windows"]
        assert row["prefill_tokens_per_second"] > 0 and row["decode_tokens_per_second"] > 0
        assert row["load_seconds"] > 0 and row["seconds_per_page"] > 0
        assert Path(row["artifact"]).parent == folder
        assert "markdown" not in row


def test_the_data_beside_an_onnx_model_counts(ran: tuple[Path, dict[str, Any]]) -> None:
    folder, result = ran
    row = result["rows"][3]
    files = list((folder / "nano-reader-onnx-int8" / "onnx").iterdir())
    assert len(files) == 2
    assert row["file_bytes"] == sum(file.stat().st_size for file in files)


def test_the_table_is_the_bill(ran: tuple[Path, dict[str, Any]]) -> None:
    folder, result = ran
    lines = demo.table(result).splitlines()
    assert "3 pages" in lines[0] and "1 round" in lines[0]
    columns = lines[2].split("  ")
    assert [column.strip() for column in columns if column.strip()][:3] == ["file MB", "bits/weight", "load s"]
    rows = [line.split()[:2] for line in lines[3:8]]
    assert rows == [["gguf", "f32"], ["gguf", "int8"], ["gguf", "int4"], ["onnx", "int8"], ["onnx", "int4"]]
    assert "100.00% of" in lines[3]
    assert lines[-1].endswith(f"--model {folder}/nano-reader-int4")
    assert any(str(folder) in line for line in lines[-3:-1])


def test_the_chunks_are_the_page(ran: tuple[Path, dict[str, Any]]) -> None:
    folder, result = ran
    found = result["chunking"]
    text = (folder / "markdown" / "f32" / "article.md").read_text("utf-8")
    assert found["exact"] is True and found["flagged"] == 0 and found["seconds"] > 0
    assert (found["format"], found["preset"], found["characters"]) == ("gguf", "int8", len(text))
    assert len(found["chunks"]) > 1
    assert "".join(chunk["text"] for chunk in found["chunks"]) == text
    kept = (folder / "chunks" / "article.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in kept] == found["chunks"]
    Artifact.open(folder / "nano-chunker-simple").check()
    lines = demo.table(result).splitlines()
    [at] = [
        number for number, line in enumerate(lines) if line.startswith("nano-chunker-simple (int8) cuts article.md")
    ]
    assert lines[at].endswith("checked: exact spans that together are the document")
    first = lines[at + 3].split()
    assert first[:2] == ["0", str(found["chunks"][0]["end"])] and "# The lighthouse" in lines[at + 3]


def test_chunks_that_are_not_the_document_are_found_out() -> None:
    text = "One. Two. Three."
    good = assemble(text, [Cut(0), Cut(5), Cut(10)], count=len)
    assert demo_chunks.exact(good, text)
    for wrong in (good[1:], good[:-1], good[::2], (*good[:2], replace(good[2], text="three."))):
        assert not demo_chunks.exact(wrong, text)
    assert "NOT the document" in demo_chunks.table(
        {"model": "m", "preset": "int8", "document": "d.md", "seconds": 1.0, "exact": False, "chunks": []}
    )


def test_a_measurement_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="There is no artifact"):
        measure_apart(tmp_path / "nowhere", [], 1)


@pytest.mark.parametrize(
    ("engines", "missing", "expected"),
    [
        (("gguf", "onnx"), [], ["gguf f32", "gguf int8", "gguf int4", "onnx int8", "onnx int4"]),
        (("gguf", "onnx"), ["onnx"], ["gguf f32", "gguf int8", "gguf int4"]),
        (("onnx",), [], ["onnx f32", "onnx int8", "onnx int4"]),
        ((), [], ["gguf f32", "gguf int8", "gguf int4"]),
    ],
)
def test_rows_are_of_what_is_installed(
    monkeypatch: pytest.MonkeyPatch, engines: tuple[str, ...], missing: list[str], expected: list[str]
) -> None:
    monkeypatch.setattr(formats, "installed", lambda: engines)
    for package in missing:
        monkeypatch.setitem(sys.modules, package, None)
    assert [f"{format} {preset}" for format, preset in demo.variants()] == expected
