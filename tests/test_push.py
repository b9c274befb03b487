"""edgedoc.sharing.push against a hub on the loopback: one repository, one artifact, and every refusal in words."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edgedoc.artifact import Artifact
from edgedoc.errors import ArtifactError, EdgedocError, MissingError, OutputError, UsageError
from edgedoc.manifest import FileEntry, Manifest
from edgedoc.recipes import Licence
from edgedoc.sharing.push import plan, push
from hub_server import COMMIT, Files, Hub, standing_in


@pytest.fixture
def artifact(artifact_folder: Path) -> Artifact:
    return Artifact.open(artifact_folder)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("HF_TOKEN", "good")
    repos = {"org/checkpoint": {"model.safetensors": b"weights"}, "org/empty": {".gitattributes": b""}}
    with standing_in(repos, tmp_path / "cache", monkeypatch) as hub:
        yield hub


def _files(folder: Path) -> Files:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _changed(artifact: Artifact, name: str, content: bytes | None, **fields: object) -> Artifact:
    """The artifact with one file written anew or taken away, and other fields in its manifest."""
    files = dict(artifact.manifest.files)
    if content is None:
        (artifact.path / name).unlink()
        del files[name]
    else:
        (artifact.path / name).write_bytes(content)
        files[name] = FileEntry.of(artifact.path / name)
    manifest: Manifest = replace(artifact.manifest, files=files, **fields)  # type: ignore[arg-type]
    manifest.write(artifact.path)
    return Artifact.open(artifact.path)


def test_a_new_repository(artifact: Artifact, hub: Hub) -> None:
    done = push(artifact, "me/nano-GGUF")
    assert done.url is not None and done.url.endswith(COMMIT)
    assert set(done.files) == set(_files(artifact.path))
    stored = hub.repos["me/nano-GGUF"]
    assert stored == _files(artifact.path) | {"README.md": done.card.encode(), ".gitattributes": b""}
    assert len([line for line in hub.commits if line["key"] == "header"]) == 1
    assert hub.private == set()


def test_private(artifact: Artifact, hub: Hub) -> None:
    push(artifact, "me/nano-GGUF", private=True)
    assert hub.private == {"me/nano-GGUF"}
    push(artifact, "me/nano-GGUF", private=True)
    with pytest.raises(UsageError, match="org/empty exists and is public"):
        push(artifact, "org/empty", private=True)


def test_pushing_again_replaces_and_takes_away(artifact: Artifact, hub: Hub) -> None:
    push(_changed(artifact, "NOTICE", b"old"), "org/empty")
    push(_changed(Artifact.open(artifact.path), "NOTICE", None, parameters=2), "org/empty", results="# Report")
    stored = hub.repos["org/empty"]
    assert "NOTICE" not in stored
    assert b'"parameters": 2' in stored["manifest.json"]
    assert stored["README.md"].endswith(b"### Report\n")
    # Bound to what was looked at: somebody else's commit in between is not overwritten.
    assert hub.commits[-1]["key"] == "deletedFile"
    assert [line["value"].get("parentCommit") for line in hub.commits if line["key"] == "header"] == [COMMIT, COMMIT]


def test_planning_asks_nobody(artifact: Artifact, hub: Hub) -> None:
    planned = plan(artifact, "me/nano-GGUF")
    assert planned.url is None and "# nano-GGUF" in planned.card
    assert hub.requests == []


def test_what_is_in_the_way(artifact: Artifact, hub: Hub) -> None:
    with pytest.raises(UsageError, match=r"holds something that is no artifact \(model.safetensors\)"):
        push(artifact, "org/checkpoint")
    hub.cards["org/checkpoint"] = {"license": "mit"}
    with pytest.raises(UsageError, match="org/checkpoint is under mit, the artifact under apache-2.0"):
        push(artifact, "org/checkpoint")
    push(artifact, "org/empty")
    with pytest.raises(UsageError, match="holds nano-reader as gguf int8, which is another artifact"):
        push(_changed(artifact, "NOTICE", b"", preset="int4"), "org/empty")
    assert "manifest.json" not in hub.repos["org/checkpoint"]


def test_what_is_not_pushed_at_all(artifact: Artifact, hub: Hub) -> None:
    with pytest.raises(UsageError, match="states no licence"):
        push(_changed(artifact, "NOTICE", b"", licence=Licence(note="None.")), "me/nano")
    (artifact.path / "model.gguf").write_bytes(b"GGUF\0\0\0\1")
    with pytest.raises(ArtifactError, match="altered"):
        push(artifact, "me/nano")
    assert hub.requests == []


@pytest.mark.parametrize(
    ("token", "kind", "message"),
    [
        ("old", MissingError, "The hub does not know this token.*hf auth login"),
        ("read", OutputError, "may not write to me/nano. It needs the role 'write': hf auth login .*looking only"),
    ],
)
def test_tokens(
    artifact: Artifact, hub: Hub, monkeypatch: pytest.MonkeyPatch, token: str, kind: type[EdgedocError], message: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(kind, match=message):
        push(artifact, "me/nano")
    assert "me/nano" not in hub.repos


def test_no_token(artifact: Artifact, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(MissingError, match="There is no token for the hub here. Get one with: hf auth login"):
        push(artifact, "me/nano")
    assert hub.requests == []


def test_no_way_to_the_hub(artifact: Artifact, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    with pytest.raises(UsageError, match="'a/b/c' is no name of a repository"):
        push(artifact, "a/b/c")
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(MissingError, match="me/nano could not be sent to http://127.0.0.1:9.*again"):
        push(artifact, "me/nano")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(MissingError, match="HF_HUB_OFFLINE is set, and pushing needs the hub"):
        push(artifact, "me/nano")
