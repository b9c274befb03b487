"""float16 in ONNX: the nearest weights in half the bytes, computed with as float32; what cannot be is refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qwen2_reference
from edgedoc.artifact import Artifact
from edgedoc.errors import CheckpointError, UsageError
from edgedoc_export.build import export
from edgedoc_export.dtypes import Dtype
from edgedoc_export.random_weights import random_checkpoint
from edgedoc_export.safetensors_writer import write_safetensors
from onnx_runner import EdgeGraph

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

TOKENS = np.random.default_rng(0).integers(0, 512, 96).tolist()
Tensors = dict[str, np.ndarray[Any, np.dtype[np.float32]]]


def changed(folder: Path, change: Callable[[Tensors], object]) -> Tensors:
    """The tensors of a checkpoint after `change`, which are written back as float32."""
    tensors: Tensors = qwen2_reference.load(folder / "model.safetensors")
    change(tensors)
    shapes: dict[str, tuple[Dtype, tuple[int, ...]]] = {name: ("F32", values.shape) for name, values in tensors.items()}
    write_safetensors(folder / "model.safetensors", shapes, tensors.values())
    return tensors


def made(checkpoint: Path, preset: str = "f16") -> Path:
    return Artifact.open(export(checkpoint, format="onnx", preset=preset, out=checkpoint.parent / preset)).model_path


def small_and_in_between(tensors: Tensors) -> None:
    """Weights that bfloat16 has and float16 has not: too small to be normal, or between two of its values."""
    generator = np.random.default_rng(4)
    for values in tensors.values():
        if values.ndim == 2:
            values *= 1 + generator.random(values.shape, np.float32) * np.float32(2**-9)
    tensors["model.embed_tokens.weight"][:64] *= np.float32(2e-5)
    tensors["model.embed_tokens.weight"][64] = 2.0**-26


def test_weights_are_the_nearest_float16(checkpoint_folder: Path) -> None:
    tensors = changed(checkpoint_folder, small_and_in_between)
    graph = onnx.load(str(made(checkpoint_folder))).graph
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for name in ("model.embed_tokens.weight", "model.layers.1.mlp.down_proj.weight"):
        assert stored[name].dtype == np.float16
        assert np.array_equal(stored[name], tensors[name].astype(np.float16))
        error = np.abs(stored[name].astype(np.float32) - tensors[name])
        assert (error <= np.maximum(np.abs(tensors[name]) * 2.0**-11, 2.0**-25)).all() and error.any()
    # Below half of the smallest there is nothing but zero.
    assert not stored["model.embed_tokens.weight"][64].any() and stored["model.embed_tokens.weight"][:64].any()
    attention = [f"model.layers.0.self_attn.{part}_proj" for part in "qkv"]
    packed = np.concatenate([tensors[f"{name}.weight"] for name in attention])
    assert np.array_equal(stored["model.layers.0.self_attn.qkv_proj.weight"], packed.astype(np.float16))
    for name in ("model.norm.weight", "model.layers.0.input_layernorm.weight"):
        assert np.array_equal(stored[name], tensors[name]) and stored[name].dtype == np.float32


@pytest.mark.parametrize("tied", [True, False])
def test_logits_are_those_of_the_rounded_weights(
    tiny_config: Any, checkpoint_folder: Path, tmp_path: Path, tied: bool
) -> None:
    folder = random_checkpoint(
        replace(tiny_config, tie_word_embeddings=tied), tmp_path / "checkpoint", seed=1, spread=0.04, tokenizer=False
    )
    for name in ("tokenizer.json", "recipe.toml"):
        (folder / name).write_bytes((checkpoint_folder / name).read_bytes())
    changed(folder, small_and_in_between)
    path = made(folder)
    found, exact = EdgeGraph(path).step(TOKENS), qwen2_reference.forward(folder, TOKENS)

    def round_matrices(tensors: Tensors) -> None:
        tensors.update({name: t.astype(np.float16).astype(np.float32) for name, t in tensors.items() if t.ndim == 2})

    changed(folder, round_matrices)
    rounded = qwen2_reference.forward(folder, TOKENS)
    assert np.abs(found - rounded).max() <= 1e-4 * np.abs(rounded).max()
    # The rounding is small, and shows.
    assert 1e-6 < np.abs(rounded - exact).max() / np.abs(exact).max() < 1e-2


def test_half_the_file_the_same_inputs(checkpoint_folder: Path) -> None:
    half, whole = made(checkpoint_folder), made(checkpoint_folder, "f32")
    sizes = [path.with_name(f"{path.name}_data").stat().st_size for path in (half, whole)]
    assert 0.45 < sizes[0] / sizes[1] < 0.6
    inputs = [
        [(given.name, given.type, given.shape) for given in EdgeGraph(path).session.get_inputs()]
        for path in (half, whole)
    ]
    assert inputs[0] == inputs[1]


def test_values_beyond_float16_are_refused(checkpoint_folder: Path) -> None:
    """As in GGUF: nothing is cut off. What rounds to the largest value is not beyond it."""
    name = "model.layers.1.mlp.up_proj.weight"
    changed(checkpoint_folder, lambda tensors: tensors[name][0].put([0, 1], [65519.0, -65519.0]))
    graph = onnx.load(str(made(checkpoint_folder))).graph
    [stored] = [onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer if tensor.name == name]
    assert stored[0, :2].tolist() == [65504, -65504]
    changed(checkpoint_folder, lambda tensors: tensors[name][0].put([0], [-65520.0]))
    with pytest.raises(CheckpointError, match=r"up_proj has values beyond 65504.*export f32, int8 or int4"):
        export(checkpoint_folder, format="onnx", preset="f16", out=checkpoint_folder.parent / "other")
    assert not (checkpoint_folder.parent / "other").exists()


def test_the_portable_graph_has_none(checkpoint_folder: Path) -> None:
    with pytest.raises(UsageError, match="no preset 'f16', only f32, int8, int4. Or say --graph edge"):
        export(checkpoint_folder, format="onnx", graph="portable", preset="f16", out=checkpoint_folder.parent / "made")
