"""The whole export: an artifact that opens, or nothing at all, however the export ends."""

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edgedoc.artifact import Artifact
from edgedoc.errors import CheckpointError, MissingModelError, OutputError, UsageError
from edgedoc_export import build_gguf
from edgedoc_export.build import export

pytest.importorskip("gguf")
pytest.importorskip("llama_cpp")


def leftovers(folder: Path) -> list[str]:
    """What an export left beside its destination."""
    return [entry.name for entry in folder.iterdir() if entry.name.endswith(".partial")]


@pytest.mark.parametrize(
    ("preset", "encoding"),
    [("f32", "F32"), ("bf16", "BF16"), ("int8", "Q8_0"), ("int4", "Q4_K_S"), ("q5_k_m", "Q5_K_M")],
)
def test_an_export_is_a_complete_artifact(checkpoint_folder: Path, tmp_path: Path, preset: str, encoding: str) -> None:
    (checkpoint_folder / "LICENSE").write_text("terms")
    folder = export(checkpoint_folder, preset=preset, out=tmp_path / "made", threads=1)
    artifact = Artifact.open(folder)
    artifact.check()
    assert artifact.recipe.name == "nano-reader"
    assert artifact.model_path.name == f"nano-reader-3.3M-v1.0-{encoding}.gguf"
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["LICENSE", "manifest.json", "recipe.toml", "tokenizer.json", artifact.model_path.name]
    )
    manifest = artifact.manifest
    assert sum(total.weights for total in manifest.tensor_types.values()) == manifest.parameters
    assert manifest.bits_per_weight == pytest.approx(
        8 * sum(total.bytes for total in manifest.tensor_types.values()) / manifest.parameters, abs=1e-4
    )
    assert manifest.source.path == str(checkpoint_folder)
    assert {"gguf", "llama-cpp-python"} <= manifest.tools.keys()
    assert leftovers(tmp_path) == []


def test_the_artifact_runs(checkpoint_folder: Path, tmp_path: Path) -> None:
    from edgedoc import engines

    engine = engines.load(export(checkpoint_folder, preset="int8", out=tmp_path / "made", threads=1), threads=1)
    assert engine.extend([1, 2, 3]).shape == (1, 512)
    engine.close()


def test_without_a_destination_it_goes_to_the_store(
    checkpoint_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgedoc import store

    monkeypatch.setenv("EDGEDOC_HOME", str(tmp_path / "home"))
    made = export(checkpoint_folder, preset="int8", threads=1)
    found = store.find_artifact("nano-reader", format="gguf", preset="int8")
    assert found is not None
    assert found.path == made


def test_a_restrictive_licence_is_told_once(checkpoint_folder: Path, tmp_path: Path) -> None:
    told: list[str] = []
    export(checkpoint_folder, recipe="reader-lm-0.5b", preset="f16", out=tmp_path / "a", notice=told.append)
    assert len(told) == 1
    assert "CC-BY-NC-4.0" in told[0]
    export(checkpoint_folder, recipe="nano-reader", preset="f16", out=tmp_path / "b", notice=told.append)
    assert len(told) == 1


def test_hub_ids_are_fetched_at_the_recipes_revision(
    checkpoint_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgedoc.hub import Snapshot

    asked: list[tuple[str, str | None]] = []

    def fetch(hub_id: str, revision: str | None = None, *, progress: bool = False) -> Snapshot:
        asked.append((hub_id, revision))
        return Snapshot(path=checkpoint_folder, commit="c" * 40)

    monkeypatch.setattr("edgedoc_export.locate.fetch", fetch)
    for number, model in enumerate(("reader-lm-0.5b", "jinaai/reader-lm-0.5b")):
        made = export(model, preset="f16", out=tmp_path / str(number))
        source = Artifact.open(made).manifest.source
        assert (source.kind, source.id, source.revision) == ("hub", "jinaai/reader-lm-0.5b", "c" * 40)
    export("jinaai/reader-lm-0.5b", revision="main", preset="f16", out=tmp_path / "main")
    assert asked[0] == asked[1] == ("jinaai/reader-lm-0.5b", "46cb69fff9d100f9c3c2a135d59f365fb99a0121")
    assert asked[2][1] == "main"
    other = Artifact.open(export("reader-lm-0.5b", recipe="nano-reader", preset="f16", out=tmp_path / "other"))
    assert (other.manifest.source.id, other.recipe.name) == ("jinaai/reader-lm-0.5b", "nano-reader")


def test_requests_that_make_no_sense(checkpoint_folder: Path, tmp_path: Path) -> None:
    for arguments, expected in (
        ({"model": "reader-lm-0.5"}, "Did you mean 'reader-lm-0.5b'"),
        ({"model": "someone/unknown"}, "No recipe is known for someone/unknown"),
        ({"model": checkpoint_folder, "format": "tflite"}, "'tflite'"),
        ({"model": checkpoint_folder, "preset": "int3"}, "Did you mean 'int"),
        ({"model": checkpoint_folder, "revision": "main"}, "no revisions"),
        ({"model": checkpoint_folder, "adapter": "x"}, "no recipe named 'x'"),
    ):
        with pytest.raises(UsageError, match=expected):
            export(**{"out": tmp_path / "made", **arguments})  # type: ignore[arg-type]
    (checkpoint_folder / "recipe.toml").unlink()
    with pytest.raises(UsageError, match="Name a recipe with --recipe"):
        export(checkpoint_folder, out=tmp_path / "made")
    with pytest.raises(CheckpointError, match="does not exist"):
        export(tmp_path / "nowhere", recipe="nano-reader", out=tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_bundled_weights_that_are_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.resources.files", lambda package: _ResourcesWithout(package))
    with pytest.raises(MissingModelError, match="pip install"):
        export("nano-reader", out=tmp_path / "made")


class _ResourcesWithout:
    """importlib.resources.files() of an installation that lost its checkpoints."""

    def __init__(self, package: str) -> None:
        import importlib.util

        specification = importlib.util.find_spec(package)
        assert specification is not None and specification.submodule_search_locations is not None
        self._folder = Path(next(iter(specification.submodule_search_locations)))

    def __truediv__(self, name: str) -> Path:
        return self._folder / ("gone" if name == "checkpoints" else name)


def test_an_existing_destination_is_kept_unless_asked(checkpoint_folder: Path, tmp_path: Path) -> None:
    made = export(checkpoint_folder, preset="f16", out=tmp_path / "made")
    with pytest.raises(OutputError, match="exists already"):
        export(checkpoint_folder, preset="f32", out=made)
    assert Artifact.open(made).manifest.preset == "f16"
    export(checkpoint_folder, preset="f32", out=made, overwrite=True)
    assert Artifact.open(made).manifest.preset == "f32"
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("ten years")
    with pytest.raises(OutputError, match="not an artifact"):
        export(checkpoint_folder, preset="f32", out=precious, overwrite=True)
    assert (precious / "thesis.txt").read_text() == "ten years"
    assert leftovers(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_a_destination_that_cannot_be_written(checkpoint_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="Cannot write"):
        export(checkpoint_folder, preset="f16", out=Path("/proc/made"))
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Cannot write"):
        export(checkpoint_folder, preset="f16", out=tmp_path / "file" / "made")


@pytest.mark.parametrize("step", ["write_gguf", "quantize", "tensor_types"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_nothing(
    checkpoint_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(build_gguf, step, full)
    with pytest.raises(OutputError, match="disk is full"):
        export(checkpoint_folder, preset="int8", out=tmp_path / "out" / "made", threads=1)
    assert list((tmp_path / "out").iterdir()) == []


def test_too_little_room_is_refused_before_writing(
    checkpoint_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1 << 20))
    with pytest.raises(OutputError, match=r"needs \d+ MB in .*, 1 are free"):
        export(checkpoint_folder, preset="int8", out=tmp_path / "made")
    assert leftovers(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="POSIX resource limits")
@pytest.mark.parametrize("limit", [100_000, 1_500_000])
def test_writes_that_really_fail_leave_nothing(checkpoint_folder: Path, tmp_path: Path, limit: int) -> None:
    out = tmp_path / "out"
    limits = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); "
    done = _run(limits + _EXPORT.format(preset="f32"), checkpoint_folder, out / "made")
    assert "disk is full" in done.stderr
    assert list(out.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
@pytest.mark.parametrize("stage", ["write", "quantise"])
def test_kill_9_leaves_nothing_that_looks_finished(checkpoint_folder: Path, tmp_path: Path, stage: str) -> None:
    destination = tmp_path / "out" / "made"
    program = (
        "import os, signal; stop = lambda stage, done, total: "
        f"os.kill(os.getpid(), signal.SIGKILL) if stage == {stage!r} and done > total / 2 else None; "
        + _EXPORT.format(preset="int8").replace("threads=1", "threads=1, progress=stop")
    )
    done = _run(program, checkpoint_folder, destination)
    assert done.returncode == -signal.SIGKILL
    assert not destination.exists()
    [orphan] = leftovers(destination.parent)
    assert orphan.startswith(".")
    export(checkpoint_folder, preset="int8", out=destination, threads=1)
    Artifact.open(destination).check()
    assert leftovers(destination.parent) == []


@pytest.mark.skipif(os.name != "posix", reason="folder locks")
def test_a_running_export_is_not_swept_away(checkpoint_folder: Path, tmp_path: Path) -> None:
    from edgedoc.staging import staged

    with staged(tmp_path / "made", overwrite=False) as folder:
        (folder / "half").write_text("")
        with staged(tmp_path / "made", overwrite=False) as second:
            assert (folder / "half").exists()
            (second / "whole").write_text("")
        # The second was faster: the first must not replace what is now there.
        shutil.rmtree(tmp_path / "made")
    assert (tmp_path / "made" / "half").exists()


def test_the_slower_of_two_exports_fails(tmp_path: Path) -> None:
    from edgedoc.staging import staged

    with pytest.raises(OutputError, match="exists already"), staged(tmp_path / "made", overwrite=False) as first:
        (first / "slow").write_text("")
        with staged(tmp_path / "made", overwrite=False) as second:
            (second / "fast").write_text("")
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["fast"]
    assert leftovers(tmp_path) == []


def test_an_interrupt_leaves_nothing(checkpoint_folder: Path, tmp_path: Path) -> None:
    def interrupt(stage: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(checkpoint_folder, preset="f16", out=tmp_path / "out" / "made", progress=interrupt)
    assert list((tmp_path / "out").iterdir()) == []


def test_damaged_weights_leave_nothing(checkpoint_folder: Path, tmp_path: Path) -> None:
    path = checkpoint_folder / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-512:] = b"\xff" * 512
    path.write_bytes(bytes(data))
    with pytest.raises(CheckpointError, match="model.norm.weight contains NaN"):
        export(checkpoint_folder, preset="int8", out=tmp_path / "out" / "made")
    assert list((tmp_path / "out").iterdir()) == []


_EXPORT = (
    "import sys; from pathlib import Path; from edgedoc_export.build import export; "
    "export(Path(sys.argv[1]), preset={preset!r}, out=Path(sys.argv[2]), threads=1)"
)


def _run(program: str, checkpoint: Path, destination: Path) -> "subprocess.CompletedProcess[str]":
    environment: dict[str, Any] = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", program, str(checkpoint), str(destination)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
