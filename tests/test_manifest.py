"""edgedoc.manifest: JSON both ways, strictly."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgedoc.errors import ArtifactError, OutputError
from edgedoc.manifest import Manifest


def test_round_trip(artifact_folder: Path) -> None:
    manifest = Manifest.read(artifact_folder)
    assert Manifest.from_json(manifest.to_json(), "copy") == manifest
    verified = replace(manifest, verification={"documents": 3, "agreement": 0.99, "note": None})
    verified.write(artifact_folder)
    assert Manifest.read(artifact_folder) == verified
    assert [path.name for path in artifact_folder.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, "has schema 2 and was written by edgedoc 0.1.0; this edgedoc reads schema 1"),
        ({"schema": "1"}, "was not written by edgedoc"),
        ({"schema": True}, "was not written by edgedoc"),
        ({"edgedoc": 3}, "was not written by edgedoc"),
        ({"colour": "red"}, "'colour' is not a key"),
        ({"preset": None}, "'preset' should be a string"),
        ({"format": "pickle"}, "none of gguf, onnx"),
        ({"model_file": "other.gguf"}, "'other.gguf' is not in 'files'"),
        ({"bits_per_weight": float("nan")}, "NaN is not JSON"),
    ],
)
def test_strict(artifact_folder: Path, change: dict[str, Any], message: str) -> None:
    table = json.loads(Manifest.read(artifact_folder).to_json())
    with pytest.raises(ArtifactError, match=message):
        Manifest.from_json(json.dumps(table | change), "manifest.json")


@pytest.mark.parametrize(
    "name",
    [
        "../out",
        "/etc/passwd",
        "onnx/../x",
        "onnx//x",
        "onnx/",
        "..",
        ".",
        "",
        "a\\b",
        "C:evil",
        "a\0b",
        "manifest.json",
    ],
)
def test_file_names_cannot_leave_the_folder(artifact_folder: Path, name: str) -> None:
    table = json.loads(Manifest.read(artifact_folder).to_json())
    table["files"][name] = table["files"]["model.gguf"]
    with pytest.raises(ArtifactError, match="plain name"):
        Manifest.from_json(json.dumps(table), "manifest.json")


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"schema": 1}', '{"schema": 1, "schema": 1}', "[" * 100_000])
def test_foreign_json(text: str) -> None:
    with pytest.raises(ArtifactError, match=r"manifest\.json"):
        Manifest.from_json(text, "manifest.json")


def test_oversized_manifest(artifact_folder: Path) -> None:
    path = artifact_folder / "manifest.json"
    path.write_text(path.read_text("utf-8") + " " * 2**20, "utf-8")
    with pytest.raises(ArtifactError, match="larger than"):
        Manifest.read(artifact_folder)


def test_unwritable_folder(artifact_folder: Path) -> None:
    with pytest.raises(OutputError, match="Cannot write"):
        Manifest.read(artifact_folder).write(artifact_folder / "nowhere")
