"""edgedoc.store: names become artifacts, or the command that makes them."""

import json
import shutil
from pathlib import Path

import pytest

from edgedoc import store
from edgedoc.errors import ArtifactError, MissingModelError, UsageError


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEDOC_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def _put(folder: Path, preset: str, format: str = "gguf") -> Path:
    target = store.artifact_path("nano-reader", format, preset)
    shutil.copytree(folder, target)
    manifest = target / "manifest.json"
    table = json.loads(manifest.read_text("utf-8"))
    manifest.write_text(json.dumps(table | {"preset": preset, "format": format}), "utf-8")
    return target


def test_home_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert store.home() == tmp_path / "home"
    monkeypatch.delenv("EDGEDOC_HOME")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert store.home() == tmp_path / "xdg" / "edgedoc"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert store.home() == Path.home() / ".cache" / "edgedoc"


def test_an_empty_machine_names_the_command() -> None:
    assert store.list_artifacts() == ()
    assert store.find_artifact("nano-reader") is None
    with pytest.raises(MissingModelError, match="edgedoc export reader-lm-0.5b --format gguf --quant int8"):
        store.resolve("reader-lm-0.5b")
    with pytest.raises(MissingModelError, match="edgedoc export nano-reader --format onnx --quant int4"):
        store.resolve(None, format="onnx", preset="int4")


def test_resolve_by_name_prefers_the_smallest_loss(artifact_folder: Path) -> None:
    for preset in ("int4", "iq4_nl", "f32", "int8"):
        _put(artifact_folder, preset)
    _put(artifact_folder, "int8", "onnx")
    assert store.resolve(None).path == store.artifact_path("nano-reader", "gguf", "int8")
    assert store.resolve("nano-reader", preset="iq4_nl").manifest.preset == "iq4_nl"
    assert store.resolve("nano-reader", format="onnx").format == "onnx"
    assert len(store.list_artifacts()) == 5


def test_unfinished_and_broken_folders(artifact_folder: Path) -> None:
    target = _put(artifact_folder, "int8")
    shutil.copytree(target, target.parent / ".int4.123.partial")
    (target.parent / "gguf-f32").mkdir()
    (target.parent / "notes").mkdir()
    assert [artifact.path for artifact in store.list_artifacts()] == [target]
    (target / "model.gguf").unlink()
    assert store.list_artifacts() == ()
    with pytest.raises(ArtifactError, match=r"model\.gguf is missing"):
        store.resolve("nano-reader")


def test_resolve_by_folder(artifact_folder: Path, tmp_path: Path) -> None:
    assert store.resolve(str(artifact_folder)).path == artifact_folder
    assert store.resolve("artifact").path == Path("artifact")
    with pytest.raises(MissingModelError, match="There is no artifact at"):
        store.resolve("./nothing")


def test_a_checkpoint_folder_of_the_same_name_is_not_an_artifact(artifact_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "nano-reader").mkdir()
    target = _put(artifact_folder, "int8")
    assert store.resolve("nano-reader").path == target
    (tmp_path / "mine").mkdir()
    with pytest.raises(ArtifactError, match="not an artifact"):
        store.resolve("mine")


def test_unknown_names_suggest() -> None:
    with pytest.raises(UsageError, match="Did you mean 'nano-reader'"):
        store.resolve("nano-raeder")
