"""The edge graph: the checkpoint's numbers, logits of the rows asked for, rows that do not depend on each other."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qwen2_reference
from edgedoc_export.checkpoint import Checkpoint
from edgedoc_export.dtypes import Dtype
from edgedoc_export.onnx_presets import PRESETS
from edgedoc_export.random_weights import random_checkpoint
from edgedoc_export.safetensors_writer import write_safetensors
from onnx_runner import EdgeGraph, Logits, logits_in_steps

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

TOKENS = np.random.default_rng(0).integers(0, 512, 96).tolist()
Tensors = dict[str, np.ndarray[Any, np.dtype[np.float32]]]


def write(checkpoint: Path, out: Path, preset: str = "f32", context: int = 1024) -> Path:
    from edgedoc_export.onnx_qwen2 import write_edge

    write_edge(Checkpoint.open(checkpoint), out, PRESETS[preset], context)
    return out


@pytest.fixture(scope="module")
def checkpoint(tiny_config: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights wide enough that a wrong one shows in the logits."""
    folder = tmp_path_factory.mktemp("edge") / "checkpoint"
    return random_checkpoint(tiny_config, folder, seed=1, spread=0.04, tokenizer=False)


@pytest.fixture(scope="module")
def graphs(checkpoint: Path) -> dict[str, Path]:
    """Every preset of the checkpoint."""
    return {preset: write(checkpoint, checkpoint.parent / f"{preset}.onnx", preset) for preset in PRESETS}


@pytest.fixture(scope="module")
def reference(checkpoint: Path) -> Logits:
    return qwen2_reference.forward(checkpoint, TOKENS)


def error(found: Logits, expected: Logits) -> float:
    """Largest difference, relative to the largest logit."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def test_logits_are_those_of_the_checkpoint(graphs: dict[str, Path], reference: Logits) -> None:
    found = EdgeGraph(graphs["f32"]).step(TOKENS)
    assert error(found, reference) <= 1e-3
    assert (found.argmax(1) == reference.argmax(1)).mean() >= 0.999


@pytest.mark.parametrize("preset", ["f32", "f16", "int8", "int4"])
def test_a_head_of_its_own(tiny_config: Any, tmp_path: Path, preset: str) -> None:
    untied = replace(tiny_config, tie_word_embeddings=False, heads=2, head_dim=128, kv_heads=1)
    folder = random_checkpoint(untied, tmp_path / "checkpoint", seed=5, spread=0.04, tokenizer=False)
    expected = qwen2_reference.forward(folder, TOKENS)
    found = EdgeGraph(write(folder, tmp_path / "model.onnx", preset)).step(TOKENS)
    assert error(found, expected) <= {"f32": 1e-3, "f16": 2e-3, "int8": 0.08, "int4": 0.5}[preset]


def spread(found: Logits, expected: Logits) -> float:
    """Root mean square of the difference, relative to that of the logits."""
    return float(np.sqrt(((found - expected) ** 2).mean() / (expected**2).mean()))


@pytest.mark.parametrize(
    ("preset", "bound"), [("int8", 0.05), ("int8_block", 0.04), ("int4", 0.33), ("int4_asym", 0.33)]
)
def test_quantised_graphs_agree_reasonably(
    graphs: dict[str, Path], reference: Logits, preset: str, bound: float
) -> None:
    """Random weights are the worst case: they have no structure to survive by."""
    found = EdgeGraph(graphs[preset]).step(TOKENS)
    assert spread(found, reference) <= bound


@pytest.mark.parametrize("preset", ["f32", "f16", "int8", "int4"])
def test_logits_of_the_last_rows_only(graphs: dict[str, Path], preset: str) -> None:
    everything = EdgeGraph(graphs[preset]).step(TOKENS)
    assert EdgeGraph(graphs[preset]).step(TOKENS, 0).shape == (0, 512)
    for rows in (1, 2, 95, 96, 97, 2**31 - 1):
        found = EdgeGraph(graphs[preset]).step(TOKENS, rows)
        assert found.shape == everything[-rows:].shape
        assert error(found, everything[-rows:]) <= 1e-5


def test_foreign_runtimes_need_not_know_the_extra_input(graphs: dict[str, Path]) -> None:
    session = EdgeGraph(graphs["int4"]).session
    caches = [f"past_key_values.{layer}.{kind}" for layer in range(2) for kind in ("key", "value")]
    assert [entry.name for entry in session.get_inputs()] == ["input_ids", "attention_mask", *caches]
    assert [entry.name for entry in session.get_overridable_initializers()] == ["num_logits"]
    empty = np.zeros((1, 2, 0, 64), np.float32)
    feeds = {"input_ids": np.array([TOKENS]), "attention_mask": np.ones((1, 96), np.int64)}
    logits, key, *_ = session.run(None, feeds | dict.fromkeys(caches, empty))
    assert (logits.shape, key.shape) == ((1, 96, 512), (1, 2, 96, 64))


@pytest.mark.parametrize("preset", PRESETS)
def test_a_step_of_many_rows_is_as_many_small_steps(graphs: dict[str, Path], preset: str) -> None:
    """An even number of rows a step or all at once: the same bits; in most presets any number from two on.

    Steps of one row take another attention kernel of onnxruntime's, which rounds differently in the seventh digit, and
    so does MatMulNBits with blocks beyond 32 for the last of an odd number of rows. A code of an int8 activation may
    fall to the other side for it, which moves the logits by less than the quantisation itself does.
    """
    graph = EdgeGraph(graphs[preset])
    whole = logits_in_steps(graph, TOKENS, 96)
    for rows in (2, 16, 3) if PRESETS[preset].block == 32 else (2, 16):
        assert np.array_equal(logits_in_steps(graph, TOKENS, rows), whole)
    differences = np.abs(logits_in_steps(graph, TOKENS, 1) - whole).max(1) / np.abs(whole).max()
    assert differences.max() <= (1e-3 if preset in ("f32", "f16", "int4_acc0") else 2e-2)


def test_going_back_forgets(graphs: dict[str, Path]) -> None:
    graph = EdgeGraph(graphs["int8"])
    first = graph.step(TOKENS[:40])
    graph.step(TOKENS[40:90])
    graph.position = 20
    assert np.array_equal(graph.step(TOKENS[20:40]), first[20:])


def test_an_outlier_row_does_not_blur_the_others(tiny_config: Any, tmp_path: Path) -> None:
    """One token drives a neuron of the MLP to a hundred thousand, as Qwen2's first token does.

    With one scale for the whole activation, which is what DynamicQuantizeLinear takes, the others drown in it.
    """
    folder = random_checkpoint(tiny_config, tmp_path / "checkpoint", seed=1, spread=0.08, tokenizer=False)
    plant_outlier(folder, token=7)
    others = [token for token in TOKENS if token != 7][:40]
    path = write(folder, tmp_path / "model.onnx", "int8")
    errors = {}
    for name, tokens in (("without", others), ("with", [7, *others])):
        expected = qwen2_reference.forward(folder, tokens)[-40:]
        errors[name] = spread(EdgeGraph(path).step(tokens)[-40:], expected)
        errors[f"{name}, one scale"] = spread(EdgeGraph(with_one_scale(path)).step(tokens)[-40:], expected)
    assert errors["with"] <= 1.5 * errors["without"]
    assert errors["without, one scale"] <= 2 * errors["without"]
    assert errors["with, one scale"] >= 5 * errors["with"]


def plant_outlier(folder: Path, token: int) -> None:
    """Dimension 0 belongs to `token` alone, and neuron 0 of every MLP listens to it and to nothing else."""
    tensors: Tensors = qwen2_reference.load(folder / "model.safetensors")
    for name, values in tensors.items():
        if name == "model.embed_tokens.weight":
            values[:, 0] = 0
            values[token, 0] = 1000
        elif name.endswith(("o_proj.weight", "down_proj.weight")):
            values[0] = 0
        elif name.endswith(("gate_proj.weight", "up_proj.weight")):
            values[0] = 0
            values[0, 0] = 20
        if name.endswith("down_proj.weight"):
            values[:, 0] = 0
    write_safetensors(
        folder / "model.safetensors",
        {name: ("F32", values.shape) for name, values in tensors.items()},
        tensors.values(),
    )


def test_a_row_of_zeros_is_multiplied_to_zeros(tiny_config: Any, tmp_path: Path) -> None:
    """Its scale is 0, and nothing may be divided by it that lasts: token 3 has a row of zeros, which stays one."""
    folder = random_checkpoint(tiny_config, tmp_path / "checkpoint", seed=1, spread=0.04, tokenizer=False)
    tensors: Tensors = qwen2_reference.load(folder / "model.safetensors")
    for name, values in tensors.items():
        if name.endswith(".bias"):
            values[:] = 0
    tensors["model.embed_tokens.weight"][3] = 0
    shapes: dict[str, tuple[Dtype, tuple[int, ...]]] = {name: ("F32", values.shape) for name, values in tensors.items()}
    write_safetensors(folder / "model.safetensors", shapes, tensors.values())
    graph = EdgeGraph(write(folder, tmp_path / "model.onnx", "int8"))
    assert np.array_equal(graph.step([3, 3]), np.zeros((2, 512), np.float32))
    assert np.isfinite(graph.step([7, 3, 9])).all()


def with_one_scale(path: Path) -> Path:
    """The same graph, each row's largest value replaced by the largest of all rows."""
    model = onnx.load(str(path), load_external_data=False)
    nodes = []
    for node in model.graph.node:
        nodes.append(node)
        if node.op_type == "ReduceMax":
            rows, each, all_rows = (f"{node.output[0]}.{part}" for part in ("rows", "each", "all"))
            result, node.output[0] = node.output[0], each
            nodes.append(onnx.helper.make_node("ReduceMax", [each, "rows_axis"], [all_rows]))
            nodes.append(onnx.helper.make_node("Shape", [each], [rows]))
            nodes.append(onnx.helper.make_node("Expand", [all_rows, rows], [result]))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1], np.int64), "rows_axis"))
    other = path.with_name("one_scale.onnx")
    other.write_bytes(model.SerializeToString())
    return other


def test_the_graph_holds_no_weights_and_shares_the_tied_table(graphs: dict[str, Path]) -> None:
    for preset, path in graphs.items():
        assert path.stat().st_size < 64_000
        model = onnx.load(str(path), load_external_data=False)
        inline = [tensor for tensor in model.graph.initializer if not tensor.external_data]
        assert all(np.prod(tensor.dims) <= 1 for tensor in inline), preset
        places = [{entry.key: entry.value for entry in tensor.external_data} for tensor in model.graph.initializer]
        offsets = [int(place["offset"]) for place in places if place]
        assert all(offset % 4096 == 0 for offset in offsets)
        aliases = len(offsets) - len(set(offsets))
        assert aliases == (0 if preset in ("f32", "f16") else 1)
    stored = onnx.load(str(graphs["int4"]), load_external_data=False).graph.initializer
    table = {tensor.name.removeprefix("model.embed_tokens."): tensor for tensor in stored if "embed" in tensor.name}
    assert {name: list(tensor.dims) for name, tensor in table.items()} == {
        "quantized": [512, 4, 32],
        "rows": [512, 128],
        "scales": [512, 4],
        "zero_points": [512, 2],
    }
    assert table["rows"].external_data == table["quantized"].external_data


def test_metadata_tells_what_an_engine_must_know(graphs: dict[str, Path]) -> None:
    assert EdgeGraph(graphs["int4"]).metadata == {
        "edgedoc.graph": "edge",
        "edgedoc.preset": "int4",
        "edgedoc.context": "1024",
        "edgedoc.layers": "2",
        "edgedoc.kv_heads": "2",
        "edgedoc.head_dim": "64",
        "edgedoc.vocab_size": "512",
    }


def test_rotary_caches_have_the_length_of_the_context(checkpoint: Path, tmp_path: Path) -> None:
    model = onnx.load(str(write(checkpoint, tmp_path / "model.onnx", context=100)), load_external_data=False)
    shapes = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
    assert shapes["cos_cache"] == shapes["sin_cache"] == [100, 32]


@pytest.mark.parametrize("preset", ["f32", "f16", "int8", "int4", "int4_asym"])
def test_the_writer_holds_a_slab_not_a_table(
    tiny_config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, preset: str
) -> None:
    """Eight times the vocabulary, the same peak."""
    import tracemalloc

    monkeypatch.setattr("edgedoc_export.safetensors.SLAB_BYTES", 1 << 20)
    peaks = []
    for vocabulary in (8192, 65536):
        config = replace(tiny_config, vocab_size=vocabulary)
        folder = random_checkpoint(config, tmp_path / f"{vocabulary}", seed=1, tokenizer=False)
        tracemalloc.start()
        try:
            write(folder, tmp_path / "model.onnx", preset)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] < peaks[0] + (1 << 20)
    assert peaks[1] < 24 << 20 < 4 * 65536 * 256


@pytest.mark.parametrize("preset", ["f32", "f16", "int8", "int4"])
def test_progress_ends_at_its_total(checkpoint: Path, tmp_path: Path, tiny_config: Any, preset: str) -> None:
    from edgedoc_export.onnx_qwen2 import write_edge

    seen: list[tuple[str, int, int]] = []

    def note(stage: str, done: int, total: int) -> None:
        seen.append((stage, done, total))

    write_edge(Checkpoint.open(checkpoint), tmp_path / "model.onnx", PRESETS[preset], 64, note)
    assert {stage for stage, _, _ in seen} == {"write"}
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)
    assert seen[-1][1] == seen[-1][2] >= tiny_config.parameters
