"""The artifacts of a suite: made once, again when their checkpoint has changed, and told apart by their labels."""

import os
import shutil
from pathlib import Path

import pytest

from edgedoc.console import Report
from edgedoc.manifest import MANIFEST
from edgedoc_bench import making, suite

WORK = '[[tasks]]\ntask = "reader"\n'


def _made(folder: Path, text: str) -> making.Made:
    path = folder / "mine.toml"
    path.write_text(f'name = "mine"\n{text}{WORK}', "utf-8")
    return making.make_artifacts(suite.load(str(path)), folder / "out", Report(None))


@pytest.fixture
def readable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Model files of nothing have no header to read."""
    monkeypatch.setattr(making, "_head_parameters", lambda artifact: 0)


@pytest.mark.usefixtures("readable")
def test_a_checkpoint_trained_on_is_exported_again(
    tmp_path: Path, artifact_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported = []

    def export(entry: object, source: object, format: str, preset: str, out: Path) -> None:
        exported.append(source)
        shutil.copytree(artifact_folder, out, dirs_exist_ok=True)

    monkeypatch.setattr(making, "_export", export)
    checkpoint = tmp_path / "trained" / "model.safetensors"
    checkpoint.parent.mkdir()
    checkpoint.write_bytes(b"")
    os.utime(checkpoint, (1, 1))
    text = '[[models]]\nmodel = "trained"\nformats = ["gguf"]\npresets = ["int8"]\nreference = "int8"\n'
    for _ in range(2):
        assert _made(tmp_path, text).failures == []
    assert len(exported) == 1
    later = (tmp_path / "out" / "artifacts" / "trained" / "gguf-int8" / MANIFEST).stat().st_mtime + 10
    os.utime(checkpoint, (later, later))
    _made(tmp_path, text)
    assert exported == [checkpoint.parent] * 2


@pytest.mark.usefixtures("readable")
def test_ready_artifacts_of_one_name_have_labels_of_their_own(tmp_path: Path, artifact_folder: Path) -> None:
    for folder in ("a", "b", "c"):
        shutil.copytree(artifact_folder, tmp_path / folder / "same")
    text = '[[models]]\nmodel = "mine"\nformats = []\nartifacts = ["a/same", "b/same", "c/same"]\n'
    found = _made(tmp_path, text)
    assert found.failures == [] and len({given.label for given in found.given}) == 3
