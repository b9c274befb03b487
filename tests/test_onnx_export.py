"""Exporting to ONNX: a complete folder that foreign runtimes understand, or nothing, however it ends."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgedoc.artifact import Artifact
from edgedoc.errors import CheckpointError, MissingPackageError, OutputError, UsageError
from edgedoc.recipes import load_recipe
from edgedoc_export import build
from edgedoc_export.build import export
from edgedoc_export.onnx_presets import PRESETS
from edgedoc_export.random_weights import random_checkpoint

pytest.importorskip("onnx")

SIDE_FILES = {
    *("config.json", "generation_config.json", "genai_config.json", "manifest.json", "recipe.toml"),
    *("tokenizer.json", "tokenizer_config.json"),
}


def made(checkpoint: Path, preset: str = "int4", **options: Any) -> Artifact:
    return Artifact.open(export(checkpoint, format="onnx", preset=preset, out=checkpoint.parent / "made", **options))


def content(artifact: Artifact, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((artifact.path / name).read_text("utf-8"))
    return found


@pytest.mark.parametrize("preset", PRESETS)
def test_an_export_is_a_complete_artifact(checkpoint_folder: Path, tiny_config: Any, preset: str) -> None:
    (checkpoint_folder / "LICENSE").write_text("terms")
    artifact = made(checkpoint_folder, preset)
    artifact.check()
    manifest, file = artifact.manifest, PRESETS[preset].file
    assert (manifest.format, manifest.preset, manifest.model_file) == ("onnx", preset, file)
    assert set(manifest.files) == (SIDE_FILES - {"manifest.json"}) | {"LICENSE", file, f"{file}_data"}
    assert manifest.tools.keys() == {"onnx", "numpy"}
    assert manifest.parameters == tiny_config.parameters
    assert not [entry for entry in checkpoint_folder.parent.iterdir() if entry.name.endswith(".partial")]


@pytest.mark.parametrize(
    ("preset", "matrices", "bits"),
    [
        ("f32", "float32", 32),
        ("f16", "float16, float32 in memory", 16),
        ("int4", "int4 block 64", 4.5625),
        ("int4_b32", "int4 block 32", 5),
        ("int4_asym", "int4 block 32", 5.125),
        ("int8_block", "int8 block 32", 9),
    ],
)
def test_the_manifest_counts_what_the_file_holds(
    checkpoint_folder: Path, tiny_config: Any, preset: str, matrices: str, bits: float
) -> None:
    artifact = made(checkpoint_folder, preset)
    totals, parameters = artifact.manifest.tensor_types, tiny_config.parameters
    vectors = sum(2 * 256 + 512 for _ in range(2)) + 256
    assert sum(total.weights for total in totals.values()) == parameters
    if preset != "f32":
        assert totals["float32"].weights == vectors
        assert totals[matrices].bytes == (parameters - vectors) * bits / 8
    assert totals["rotary cache"].bytes == 1024 * 32 * 4 * 2
    assert artifact.manifest.bits_per_weight == pytest.approx(bits + (32 - bits) * vectors / parameters, abs=1e-3)
    data = (artifact.path / f"{artifact.manifest.model_file}_data").stat().st_size
    stored = sum(total.bytes for total in totals.values())
    assert stored <= data <= stored + 4096 * sum(total.tensors for total in totals.values())


def test_in_int8_the_tied_table_is_stored_once(checkpoint_folder: Path, tiny_config: Any) -> None:
    manifest = made(checkpoint_folder, "int8").manifest
    assert sum(total.weights for total in manifest.tensor_types.values()) == tiny_config.parameters
    # A scale a row of at least 256, and the vectors.
    assert 8 < manifest.bits_per_weight < 8 + 32 / 256 + 0.1


def test_the_store_tells_graphs_apart(checkpoint_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from edgedoc import store

    monkeypatch.setenv("EDGEDOC_HOME", str(tmp_path / "home"))
    path = export(checkpoint_folder, format="onnx", preset="int4")
    assert path.name == "onnx-int4"
    found = store.find_artifact("nano-reader", format="onnx", preset="int4")
    assert found is not None and found.path == path


def test_the_context_is_the_recipes_but_no_longer_than_the_model(checkpoint_folder: Path, tiny_config: Any) -> None:
    recipe = load_recipe("nano-reader")
    assert recipe.context > tiny_config.max_position_embeddings
    assert content(made(checkpoint_folder), "genai_config.json")["model"]["context_length"] == 1024
    (checkpoint_folder / "recipe.toml").write_text(replace(recipe, context=512, window=256).to_toml(), "utf-8")
    assert content(made(checkpoint_folder, overwrite=True), "genai_config.json")["model"]["context_length"] == 512


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"context": 1025}, r"--context 1025 is not within 1 and 1024"),
        ({"context": 0}, "--context 0"),
        ({"graph": "edgy"}, "no graph 'edgy'; choose from: edge, portable"),
        ({"graph": "portable", "context": 512}, "--context belongs to --graph edge"),
        ({"preset": "int4_asymm"}, "Did you mean 'int4_asym'"),
        ({"preset": "q4_k_m"}, "Known presets: f32, f16, int8, int4"),
        ({"format": "gguf", "context": 512}, "belong to --format onnx"),
        ({"format": "gguf", "graph": "edge"}, "belong to --format onnx"),
    ],
)
def test_requests_that_make_no_sense(checkpoint_folder: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        export(
            checkpoint_folder,
            **{"format": "onnx", "preset": "int4", "out": checkpoint_folder.parent / "made", **options},
        )
    assert not (checkpoint_folder.parent / "made").exists()


def test_without_the_package_the_extra_is_named(checkpoint_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "_is_installed", lambda name: name != "onnx")
    with pytest.raises(MissingPackageError, match=r"onnx is not installed.*edgedoc\[export\]"):
        made(checkpoint_folder)


def test_rows_that_do_not_divide_into_blocks(tiny_config: Any, checkpoint_folder: Path, tmp_path: Path) -> None:
    odd = replace(tiny_config, intermediate_size=500)
    folder = random_checkpoint(odd, tmp_path / "odd", seed=1, tokenizer=False)
    for name in ("tokenizer.json", "recipe.toml"):
        (folder / name).write_bytes((checkpoint_folder / name).read_bytes())
    with pytest.raises(CheckpointError, match=r"down_proj has rows of 500 weights.*export int4_b32, int8 or f32"):
        made(folder)
    assert not (tmp_path / "made").exists()
    made(folder, "int8").check()


@pytest.mark.parametrize("preset", ["f32", "f16", "int8", "int4"])
def test_damaged_weights_leave_nothing(checkpoint_folder: Path, tmp_path: Path, preset: str) -> None:
    path = checkpoint_folder / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-512:] = b"\xff" * 512
    path.write_bytes(bytes(data))
    with pytest.raises(CheckpointError, match="model.norm.weight contains NaN"):
        export(checkpoint_folder, format="onnx", preset=preset, out=tmp_path / "out" / "made")
    assert list((tmp_path / "out").iterdir()) == []


def test_too_little_room_is_refused_before_writing(
    checkpoint_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1 << 20))
    with pytest.raises(OutputError, match=r"needs \d+ MB in .*, 1 are free"):
        export(checkpoint_folder, format="onnx", preset="int4", out=tmp_path / "out" / "made")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("preset", ["f32", "f16", "int8", "int4", "int4_asym"])
def test_the_room_asked_for_is_enough_and_little_more(
    checkpoint_folder: Path, monkeypatch: pytest.MonkeyPatch, preset: str
) -> None:
    asked: list[int] = []
    monkeypatch.setattr("edgedoc_export.build_onnx.require_room", lambda folder, needed: asked.append(needed))
    artifact = made(checkpoint_folder, preset)
    written = sum((artifact.path / f"{artifact.manifest.model_file}{end}").stat().st_size for end in ("", "_data"))
    assert written <= asked[0] <= written * 1.2 + (1 << 20)


@pytest.mark.skipif(os.name != "posix", reason="POSIX resource limits")
@pytest.mark.parametrize("limit", [100, 100_000, 900_000])
def test_writes_that_really_fail_leave_nothing(checkpoint_folder: Path, tmp_path: Path, limit: int) -> None:
    out = tmp_path / "out"
    limits = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); "
    done = run(limits + EXPORT, checkpoint_folder, out / "made")
    assert "disk is full" in done.stderr
    assert list(out.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_kill_9_leaves_nothing_that_looks_finished(checkpoint_folder: Path, tmp_path: Path) -> None:
    destination = tmp_path / "out" / "made"
    stop = (
        "import os, signal; stop = lambda stage, done, total: "
        "os.kill(os.getpid(), signal.SIGKILL) if done > total / 2 else None; "
    )
    done = run(stop + EXPORT.replace("out=", "progress=stop, out="), checkpoint_folder, destination)
    assert done.returncode == -signal.SIGKILL
    assert not destination.exists()
    [orphan] = destination.parent.iterdir()
    assert orphan.name.startswith(".")
    assert not (orphan / "onnx" / "model_q4.onnx").exists()
    export(checkpoint_folder, format="onnx", preset="int4", out=destination)
    Artifact.open(destination).check()
    assert [entry.name for entry in destination.parent.iterdir()] == ["made"]


EXPORT = (
    "import sys; from pathlib import Path; from edgedoc_export.build import export; "
    "export(Path(sys.argv[1]), format='onnx', preset='int4', out=Path(sys.argv[2]))"
)


def run(program: str, checkpoint: Path, destination: Path) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", program, str(checkpoint), str(destination)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_files_are_the_same_however_often_they_are_made(checkpoint_folder: Path) -> None:
    first = made(checkpoint_folder).manifest.files
    second = made(checkpoint_folder, overwrite=True).manifest.files
    assert first == second


def test_the_whole_scale_of_a_checkpoint_survives(checkpoint_folder: Path, tmp_path: Path) -> None:
    """Rows of zeros, which a widened checkpoint is full of."""
    import qwen2_reference
    from edgedoc_export.safetensors_writer import write_safetensors

    pytest.importorskip("onnxruntime")
    from onnx_runner import EdgeGraph

    path = checkpoint_folder / "model.safetensors"
    tensors = qwen2_reference.load(path)
    for name in ("model.layers.1.mlp.down_proj.weight", "model.layers.1.self_attn.o_proj.weight"):
        tensors[name][:] = 0
    tensors["model.embed_tokens.weight"][400:] = 0
    write_safetensors(path, {name: ("F32", values.shape) for name, values in tensors.items()}, tensors.values())
    for preset in ("f32", "f16", "int8", "int4", "int4_asym", "int4_k"):
        logits = EdgeGraph(made(checkpoint_folder, preset, overwrite=True).model_path).step([1, 450, 2])
        assert np.isfinite(logits).all()
        assert (logits[:, 400:] == 0).all()
