"""edgedoc.hub against a hub of our own on the loopback: what is fetched, what is kept, and every failure translated."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgedoc.errors import CheckpointError, EdgedocError, MissingModelError, OutputError, UsageError
from edgedoc.hub import Snapshot, fetch
from hub_server import COMMIT, Hub, standing_in

WEIGHTS = bytes(range(256)) * 4096
MODEL = {
    "config.json": b"{}",
    "tokenizer.json": b'{"model": {}}',
    "model.safetensors": WEIGHTS,
    "README.md": b"# card",
    "pytorch_model.bin": b"pickle",
    "onnx/model.onnx": b"graph",
}
INDEX = json.dumps({"weight_map": {"x": "a-1.safetensors", "y": "a-2.safetensors"}}).encode()
SHARDED = {"config.json": b"{}", "a-1.safetensors": b"1", "model.safetensors.index.json": INDEX}
REPOS = {
    "org/model": MODEL,
    "org/pickle": {"config.json": b"{}", "pytorch_model.bin": b"pickle"},
    "org/adapter": {"adapter_config.json": b"{}", "adapter_model.safetensors": WEIGHTS, "training_args.bin": b"pickle"},
    "org/pickled-adapter": {"adapter_config.json": b"{}", "adapter_model.bin": b"pickle"},
    "org/empty": {"config.json": b"{}"},
    "org/sharded": SHARDED,
}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with standing_in(REPOS, tmp_path / "cache", monkeypatch) as hub:
        yield hub


@pytest.fixture
def cache(hub: Hub, tmp_path: Path) -> Path:
    return tmp_path / "cache"


def _fetch_elsewhere(tmp_path: Path, hub_id: str, endpoint: str, offline: bool = False) -> dict[str, str]:
    """Fetch in a fresh interpreter that knows of our hub only through the environment, as a user's does."""
    code = (
        "import json, sys\nfrom edgedoc.errors import EdgedocError\nfrom edgedoc.hub import fetch\n"
        "try:\n    s = fetch(sys.argv[1])\n    print(json.dumps({'path': str(s.path), 'commit': s.commit}))\n"
        "except EdgedocError as e:\n    print(json.dumps({'error': type(e).__name__, 'message': str(e)}))\n"
    )
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("HF_")},
        "PYTHONPATH": os.pathsep.join(sys.path),
        "HF_HOME": str(tmp_path / "home"),
        "HF_ENDPOINT": endpoint,
        "HF_HUB_OFFLINE": str(int(offline)),
    }
    command = [sys.executable, "-c", code, hub_id]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "\x1b" not in done.stderr
    answer: dict[str, str] = json.loads(done.stdout)
    return answer


def test_safetensors_are_fetched_and_pickle_is_not(hub: Hub, cache: Path) -> None:
    snapshot = fetch("org/model")
    assert snapshot == Snapshot(path=cache / "models--org--model" / "snapshots" / COMMIT, commit=COMMIT)
    assert (snapshot.path / "model.safetensors").read_bytes() == WEIGHTS
    wanted = ["README.md", "config.json", "model.safetensors", "tokenizer.json"]
    assert sorted(path.name for path in snapshot.path.iterdir()) == wanted
    assert [name for name, _ in hub.downloads()] == wanted


def test_adapters_are_fetched_with_their_configuration(hub: Hub, cache: Path) -> None:
    names = sorted(path.name for path in fetch("org/adapter").path.iterdir())
    assert names == ["adapter_config.json", "adapter_model.safetensors"]


def test_a_pinned_revision_is_asked_for_and_kept(hub: Hub, cache: Path) -> None:
    assert fetch("org/model", COMMIT).commit == COMMIT
    before = len(hub.downloads())
    assert fetch("org/model", COMMIT).commit == COMMIT
    assert len(hub.downloads()) == before
    assert not any("main" in path for _, path, _ in hub.requests)


def test_a_broken_download_goes_on_where_it_stopped(hub: Hub, cache: Path) -> None:
    hub.cut = {"model.safetensors"}
    # huggingface_hub 2 goes on by itself; before, the next call does.
    try:
        snapshot = fetch("org/model")
    except MissingModelError as error:
        assert "run the command again" in str(error)
        snapshot = fetch("org/model")
    assert (snapshot.path / "model.safetensors").read_bytes() == WEIGHTS
    ranges = [start for name, start in hub.downloads() if name == "model.safetensors"]
    assert ranges == ["", f"bytes={len(WEIGHTS) // 2}-"]


def test_the_environment_names_the_mirror_and_the_cache_works_offline(hub: Hub, tmp_path: Path) -> None:
    answer = _fetch_elsewhere(tmp_path, "org/model", hub.url)
    assert answer["commit"] == COMMIT
    assert Path(answer["path"]).is_relative_to(tmp_path / "home")
    asked = len(hub.requests)
    assert _fetch_elsewhere(tmp_path, "org/model", hub.url, offline=True) == answer
    assert len(hub.requests) == asked
    absent = _fetch_elsewhere(tmp_path, "org/other", hub.url, offline=True)
    assert absent["error"] == "MissingModelError"
    assert "HF_HUB_OFFLINE is set. With a network, run: edgedoc pull org/other" in absent["message"]


def test_a_dead_mirror(hub: Hub, tmp_path: Path) -> None:
    hub.server_close()
    answer = _fetch_elsewhere(tmp_path, "org/model", "http://127.0.0.1:9")
    assert answer["error"] == "MissingModelError"
    assert "could not be fetched from http://127.0.0.1:9: " in answer["message"]
    assert "HF_ENDPOINT names a mirror" in answer["message"]


@pytest.mark.parametrize(
    ("hub_id", "revision", "kind", "message"),
    [
        ("org/absent", None, MissingModelError, "has no model org/absent, or it is private"),
        ("org/gated", None, MissingModelError, "org/gated is gated: accept its terms at http.* run: hf auth login"),
        ("org/model", "v9", MissingModelError, "org/model has no revision 'v9'"),
        ("org/teapot", None, MissingModelError, "org/teapot could not be fetched from http.*: .*418"),
        ("a/b/c", None, UsageError, "'a/b/c' is no hub id"),
        ("org/pickled-adapter", None, CheckpointError, r"its adapter only as pickle.*how to convert it"),
        ("org/pickle", None, CheckpointError, r"only as pickle \(pytorch_model.bin\), and loading pickle runs code"),
        ("org/empty", None, CheckpointError, "holds no [*].safetensors file"),
        ("org/sharded", None, MissingModelError, "a-2.safetensors is missing. Finish it online: edgedoc pull"),
    ],
)
def test_failures_name_the_next_step(
    cache: Path, hub_id: str, revision: str | None, kind: type[EdgedocError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        fetch(hub_id, revision)


@pytest.mark.parametrize(
    ("code", "message"),
    [(errno.ENOSPC, "is full. Make room, or set HF_HOME"), (errno.EACCES, "Cannot write the hub's cache")],
)
def test_a_cache_that_cannot_be_written(cache: Path, monkeypatch: pytest.MonkeyPatch, code: int, message: str) -> None:
    def fail(*_: Any, **__: Any) -> str:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    with pytest.raises(OutputError, match=message):
        fetch("org/model")
