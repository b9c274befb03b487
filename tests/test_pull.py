"""edgedoc.sharing.pull against a hub on the loopback: what arrives is what was meant, or it does not arrive."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgedoc import store
from edgedoc.artifact import Artifact
from edgedoc.errors import ArtifactError, CheckpointError, MissingModelError, OutputError, UsageError
from edgedoc.sharing.pull import pull
from hub_server import COMMIT, Hub, standing_in

CHECKPOINT = {"config.json": b"{}", "model.safetensors": bytes(range(256)) * 64, "tokenizer.json": b'{"model": {}}'}
PLACE = "artifacts/nano-reader/gguf-int8"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEDOC_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def hub(artifact_folder: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    published = {path.name: path.read_bytes() for path in artifact_folder.iterdir()}
    repos = {
        "me/nano-GGUF": published | {"README.md": b"# card", ".gitattributes": b"", "other.py": b"import os"},
        "org/checkpoint": CHECKPOINT,
        "jinaai/reader-lm-0.5b": CHECKPOINT,
    }
    with standing_in(repos, tmp_path / "cache", monkeypatch) as hub:
        yield hub


def _files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def test_an_artifact_goes_into_the_store(hub: Hub, home: Path, artifact_folder: Path) -> None:
    done = pull("me/nano-GGUF")
    assert (done.path, done.commit, done.artifact, done.known) == (home / PLACE, COMMIT, True, False)
    assert _files(home) == [f"{PLACE}/{name}" for name in _files(artifact_folder)]
    assert not any(path.is_symlink() for path in done.path.iterdir())
    store.resolve("nano-reader").check()
    assert done.licences["nano-reader"].id == "Apache-2.0"
    shutil.rmtree(hub_cache := home.parent / "cache")
    assert not hub_cache.exists()
    Artifact.open(done.path).check()
    before = len(hub.downloads())
    assert pull("me/nano-GGUF").known
    assert sorted(name for name, _ in hub.downloads()[before:]) != []
    assert not any(name == "model.gguf" for name, _ in hub.downloads()[2 * len(_files(artifact_folder)) :])


def test_a_checkpoint_goes_into_the_cache(hub: Hub, home: Path) -> None:
    done = pull("org/checkpoint")
    assert (done.commit, done.artifact) == (COMMIT, False)
    assert {name: (done.path / name).read_bytes() for name in CHECKPOINT} == CHECKPOINT
    assert not home.exists()
    named = pull("reader-lm-0.5b")
    assert named.path.parts[-3] == "models--jinaai--reader-lm-0.5b"
    assert named.licences["reader-lm-0.5b"].commercial is False
    assert any(f"/revision/{COMMIT}" in path for _, path, _ in hub.requests)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_damaged_checkpoint_leaves_the_cache(hub: Hub, home: Path, name: str) -> None:
    hub.damaged = {name}
    with pytest.raises(CheckpointError, match=f"{name} is not what the hub's checksum says.*run the command again"):
        pull("org/checkpoint")
    hub.damaged = set()
    assert (pull("org/checkpoint").path / name).read_bytes() == CHECKPOINT[name]


def test_a_damaged_artifact_does_not_reach_the_store(hub: Hub, home: Path) -> None:
    hub.damaged = {"model.gguf"}
    with pytest.raises(ArtifactError, match="model.gguf is not the file its manifest.json describes.*pull again"):
        pull("me/nano-GGUF")
    assert _files(home) == []
    hub.damaged = set()
    pull("me/nano-GGUF").path.joinpath("model.gguf").read_bytes()


def test_an_artifact_that_is_not_whole_on_the_hub(hub: Hub, home: Path) -> None:
    model = hub.repos["me/nano-GGUF"].pop("model.gguf")
    with pytest.raises(ArtifactError, match="me/nano-GGUF lists model.gguf and does not hold it"):
        pull("me/nano-GGUF")
    assert _files(home) == [] and model


def test_another_artifact_in_its_place(hub: Hub, home: Path, artifact_folder: Path) -> None:
    shutil.copytree(artifact_folder, home / PLACE)
    manifest = home / PLACE / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text("utf-8")) | {"parameters": 2}), "utf-8")
    with pytest.raises(OutputError, match="exists already.*--overwrite"):
        pull("me/nano-GGUF")
    assert Artifact.open(home / PLACE).manifest.parameters == 2
    pull("me/nano-GGUF", overwrite=True)
    assert Artifact.open(home / PLACE).manifest.parameters == 1000


@pytest.mark.parametrize("preset", ["../../../evil", "", "a/b", ".."])
def test_a_preset_that_leads_elsewhere(hub: Hub, home: Path, preset: str) -> None:
    table = json.loads(hub.repos["me/nano-GGUF"]["manifest.json"]) | {"preset": preset}
    hub.repos["me/nano-GGUF"]["manifest.json"] = json.dumps(table).encode()
    with pytest.raises(ArtifactError, match="was not made by edgedoc"):
        pull("me/nano-GGUF")
    assert not home.exists()


def test_a_recipe_that_is_none(hub: Hub, home: Path) -> None:
    hub.repos["me/nano-GGUF"]["recipe.toml"] = b"name = 1"
    with pytest.raises(ArtifactError, match="The recipe of me/nano-GGUF cannot be used"):
        pull("me/nano-GGUF")
    assert not home.exists()


@pytest.mark.parametrize(
    ("content", "message"), [(b"\xff", "is not valid JSON"), (b" " * (2**20 + 1), "more than 1 MiB")]
)
def test_a_manifest_that_is_none(hub: Hub, home: Path, content: bytes, message: str) -> None:
    hub.repos["me/nano-GGUF"]["manifest.json"] = content
    with pytest.raises(ArtifactError, match=message):
        pull("me/nano-GGUF")
    assert not home.exists()


@pytest.mark.parametrize(
    ("model", "revision", "kind", "message"),
    [
        ("nano-reader", None, UsageError, "comes with edgedoc; there is nothing to pull"),
        ("reader-lm", None, UsageError, "There is no recipe named 'reader-lm'. Did you mean"),
        ("org/absent", None, MissingModelError, "has no model org/absent"),
        ("org/checkpoint", "v9", MissingModelError, "has no revision 'v9'"),
        ("a/b/c", None, UsageError, "'a/b/c' is no hub id"),
    ],
)
def test_what_is_not_there(hub: Hub, model: str, revision: str | None, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        pull(model, revision)


def test_offline_names_the_way_without_a_hub(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(MissingModelError, match="HF_HUB_OFFLINE is set.*edgedoc install BUNDLE"):
        pull("me/nano-GGUF")
    assert hub.requests == []
