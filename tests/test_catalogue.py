"""The catalogue: every recipe is a row, licences are told as they are, artifacts on this machine are named."""

import shutil
from pathlib import Path

import pytest

from edgedoc.catalogue import align, rows, table
from edgedoc.recipes import list_recipes


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEDOC_HOME", str(tmp_path / "home"))


def test_every_recipe_is_a_row() -> None:
    found = rows()
    assert [row["name"] for row in found] == [recipe.name for recipe in list_recipes()]
    assert all(row["artifacts"] == [] for row in found)


def test_artifacts_of_this_machine_are_named(artifact_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(artifact_folder, tmp_path / "home" / "artifacts" / "nano-reader" / "gguf-int8")
    (row,) = (row for row in rows() if row["name"] == "nano-reader")
    assert row["artifacts"] == ["gguf-int8"]
    (line,) = (line for line in table(rows()).splitlines() if line.startswith("nano-reader"))
    assert line.endswith("gguf-int8") and "bundled" in line


def test_the_table_tells_licences() -> None:
    lines = {line.split()[0]: line for line in table(rows()).splitlines()}
    assert "CC-BY-NC-4.0 (non-commercial)" in lines["reader-lm-0.5b"]
    assert "none stated" in lines["text-seg-lm-topic"]
    assert "chunker (topic)" in lines["text-seg-lm-topic"]
    assert "1.54 B" in lines["reader-lm-1.5b"] and "494.0 M" in lines["reader-lm-0.5b"]


def test_columns_line_up() -> None:
    assert align([("a", "1"), ("long", "100")], right=frozenset({1})) == "a       1\nlong  100"
    assert align([("a", ""), ("b", "x")]) == "a\nb  x"
