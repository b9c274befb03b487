"""edgedoc.artifact: a folder is exactly what was exported, or it is refused with the reason."""

import json
from pathlib import Path

import pytest

from edgedoc.artifact import Artifact
from edgedoc.errors import ArtifactError, MissingModelError


def test_open_and_check(artifact_folder: Path) -> None:
    artifact = Artifact.open(artifact_folder)
    assert artifact.recipe.name == "nano-reader"
    assert (artifact.format, artifact.manifest.preset) == ("gguf", "int8")
    assert artifact.model_path == artifact_folder / "model.gguf"
    assert artifact.tokenizer_path.is_file()
    assert artifact.size == sum(p.stat().st_size for p in artifact_folder.iterdir() if p.name != "manifest.json")
    assert artifact.problems() == []
    artifact.check()


@pytest.mark.parametrize("name", ["model.gguf", "tokenizer.json", "recipe.toml"])
def test_one_byte_changed(artifact_folder: Path, name: str) -> None:
    artifact = Artifact.open(artifact_folder)
    path = artifact_folder / name
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArtifactError, match=f"{name} is altered"):
        artifact.check()


def test_every_problem_is_named(artifact_folder: Path) -> None:
    artifact = Artifact.open(artifact_folder)
    (artifact_folder / "tokenizer.json").unlink()
    (artifact_folder / "model.gguf").write_bytes(b"GGUF")
    (artifact_folder / "notes.txt").write_text("mine")
    assert artifact.problems() == [
        "model.gguf has 4 bytes instead of 8",
        "tokenizer.json is missing",
        "notes.txt does not belong to the artifact",
    ]


@pytest.mark.parametrize("name", ["model.gguf", "tokenizer.json", "recipe.toml"])
def test_missing_and_truncated_files_do_not_open(artifact_folder: Path, name: str) -> None:
    path = artifact_folder / name
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    with pytest.raises(ArtifactError, match=f"{name} has {len(data) - 1} bytes instead of {len(data)}"):
        Artifact.open(artifact_folder)
    path.unlink()
    with pytest.raises(ArtifactError, match=f"{name} is missing"):
        Artifact.open(artifact_folder)


@pytest.mark.parametrize("name", ["model.gguf", "manifest.json"])
def test_symbolic_links_are_refused(artifact_folder: Path, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    (artifact_folder / name).rename(outside)
    (artifact_folder / name).symlink_to(outside)
    with pytest.raises(ArtifactError, match="not a plain file|symbolic link"):
        Artifact.open(artifact_folder)


def test_foreign_folders_and_files(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(
        ArtifactError, match=r"not an artifact: it has no manifest\.json\. Make one with: edgedoc export"
    ):
        Artifact.open(tmp_path)
    with pytest.raises(ArtifactError, match="is a file; an artifact is a folder"):
        Artifact.open(tmp_path / "config.json")
    with pytest.raises(MissingModelError, match="There is no artifact at"):
        Artifact.open(tmp_path / "nothing")


def test_a_manifest_without_tokenizer_is_incomplete(artifact_folder: Path) -> None:
    path = artifact_folder / "manifest.json"
    table = json.loads(path.read_text("utf-8"))
    del table["files"]["tokenizer.json"]
    path.write_text(json.dumps(table), "utf-8")
    with pytest.raises(ArtifactError, match=r"does not list tokenizer\.json"):
        Artifact.open(artifact_folder)


def test_a_broken_recipe_is_an_artifact_error(artifact_folder: Path) -> None:
    recipe = artifact_folder / "recipe.toml"
    recipe.write_bytes(recipe.read_bytes().replace(b"context", b"kontext"))
    with pytest.raises(ArtifactError, match="'kontext' is not a key"):
        Artifact.open(artifact_folder)


@pytest.fixture
def nested_folder(artifact_folder: Path) -> Path:
    """An artifact whose model lies in a sub-folder, as an ONNX one's does."""
    (artifact_folder / "onnx").mkdir()
    (artifact_folder / "model.gguf").rename(artifact_folder / "onnx" / "model.gguf")
    path = artifact_folder / "manifest.json"
    table = json.loads(path.read_text("utf-8"))
    table["files"]["onnx/model.gguf"] = table["files"].pop("model.gguf")
    table["model_file"] = "onnx/model.gguf"
    path.write_text(json.dumps(table), "utf-8")
    return artifact_folder


def test_files_in_sub_folders_are_checked_like_others(nested_folder: Path) -> None:
    artifact = Artifact.open(nested_folder)
    artifact.check()
    assert artifact.model_path == nested_folder / "onnx" / "model.gguf"
    (nested_folder / "onnx" / "model.gguf").write_bytes(b"GGUF\0\0\0\1")
    (nested_folder / "onnx" / "stray").write_text("mine")
    (nested_folder / "other" / "deep").mkdir(parents=True)
    assert artifact.problems() == [
        "onnx/model.gguf is altered: its SHA-256 is not the one in the manifest",
        "onnx/stray does not belong to the artifact",
        "other does not belong to the artifact",
    ]
    (nested_folder / "onnx" / "model.gguf").unlink()
    with pytest.raises(ArtifactError, match=r"onnx/model\.gguf is missing"):
        Artifact.open(nested_folder)


def test_a_sub_folder_that_is_a_link_is_refused(nested_folder: Path, tmp_path: Path) -> None:
    artifact = Artifact.open(nested_folder)
    (nested_folder / "onnx").rename(tmp_path / "elsewhere")
    (nested_folder / "onnx").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ArtifactError, match="onnx is a symbolic link"):
        Artifact.open(nested_folder)
    assert artifact.problems() == [
        "onnx is a symbolic link, not a folder",
        "onnx does not belong to the artifact",
    ]
