"""The portable graph: the checkpoint's numbers in optimum's form, offline and quiet, and nothing left when it fails."""

import logging
import os
import shutil
import socket
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import qwen2_reference
from edgedoc.errors import CheckpointError, EngineError, MissingPackageError, OutputError, UsageError
from edgedoc.recipes import load_recipe

onnx = pytest.importorskip("onnx")

from edgedoc_export import portable, portable_file  # noqa: E402
from edgedoc_export.checkpoint import Checkpoint  # noqa: E402
from edgedoc_export.portable import write_portable  # noqa: E402

PRESETS = {"f32": "onnx/model.onnx", "int8": "onnx/model_quantized.onnx", "int4": "onnx/model_q4.onnx"}
TOKENS = np.random.default_rng(0).integers(0, 512, 96).tolist()


@pytest.fixture(scope="module")
def checkpoint(tiny_config: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights wide enough that a wrong one shows in the logits; no tokenizer, which the graph does not need."""
    from edgedoc_export.random_weights import random_checkpoint

    folder = tmp_path_factory.mktemp("portable") / "checkpoint"
    return random_checkpoint(tiny_config, folder, seed=3, spread=0.08, tokenizer=False)


@pytest.fixture(scope="module")
def graphs(checkpoint: Path) -> dict[str, Path]:
    """Each preset's folder, made with no network in reach."""
    optimum_or_skip()
    folders = {preset: checkpoint.parent / preset for preset in PRESETS}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", unreachable)
        patch.setattr(socket.socket, "connect", unreachable)
        for preset, folder in folders.items():
            folder.mkdir()
            write_portable(Checkpoint.open(checkpoint), load_recipe("nano-reader"), folder, preset)
    return folders


def optimum_or_skip() -> None:
    """Skip where `pip install 'edgedoc[optimum]'` was not said."""
    for name in ("torch", "onnxruntime", "onnx_ir", "optimum.exporters.onnx"):
        pytest.importorskip(name)


def holds_no_float_matrix(model: Path) -> bool:
    floats = [t for t in onnx.load(str(model)).graph.initializer if t.data_type == onnx.TensorProto.FLOAT]
    return all(len(t.dims) < 2 or min(t.dims) == 1 or t.name.endswith("_scales") for t in floats)


def unreachable(*arguments: object) -> None:
    """In place of the network."""
    raise AssertionError(f"network: {arguments}")


def logits(model: Path, tokens: list[int], *, pieces: int = 1) -> NDArray[np.float32]:
    """Rows of all `tokens`, run in `pieces`, each with the cache of those before."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(model), options)
    outputs = [output.name for output in session.get_outputs()]
    cache = {
        entry.name: np.zeros((1, entry.shape[1], 0, entry.shape[3]), np.float32)
        for entry in session.get_inputs()
        if entry.name.startswith("past")
    }
    rows, done = [], 0
    for piece in np.array_split(np.array([tokens], np.int64), pieces, axis=1):
        end = done + piece.shape[1]
        step = {
            "input_ids": piece,
            "attention_mask": np.ones((1, end), np.int64),
            "position_ids": np.arange(done, end)[None],
        }
        found = dict(zip(outputs, session.run(None, step | cache), strict=True))
        rows.append(found["logits"][0])
        cache = {name: found[name.replace("past_key_values", "present")] for name in cache}
        done = end
    return np.concatenate(rows)


@pytest.mark.parametrize(("preset", "bound"), [("f32", 1e-3), ("int8", 0.1), ("int4", 0.5)])
def test_logits_are_those_of_the_checkpoint(
    graphs: dict[str, Path], checkpoint: Path, preset: str, bound: float
) -> None:
    expected = qwen2_reference.forward(checkpoint, TOKENS)
    found = logits(graphs[preset] / PRESETS[preset], TOKENS)
    # Root mean square: one of 50,000 logits of random weights may be far off at four bits.
    assert np.sqrt(((found - expected) ** 2).mean() / (expected**2).mean()) <= bound
    if preset == "f32":
        assert np.abs(found - expected).max() / np.abs(expected).max() <= bound
        assert (found.argmax(1) == expected.argmax(1)).all()


@pytest.mark.parametrize("preset", ["f32", "int4"])
def test_steps_with_a_cache_give_what_one_run_gives(graphs: dict[str, Path], preset: str) -> None:
    model = graphs[preset] / PRESETS[preset]
    whole = logits(model, TOKENS)
    assert np.abs(logits(model, TOKENS, pieces=7) - whole).max() / np.abs(whole).max() <= 1e-3


def test_a_folder_holds_one_file_that_says_what_it_is(graphs: dict[str, Path], tiny_config: Any) -> None:
    for preset, folder in graphs.items():
        assert [path.relative_to(folder).as_posix() for path in folder.rglob("*.*")] == [PRESETS[preset]]
        model = onnx.load(str(folder / PRESETS[preset]))
        onnx.checker.check_model(model)
        assert {entry.key: entry.value for entry in model.metadata_props} == {
            "edgedoc.graph": "portable",
            "edgedoc.preset": preset,
            "edgedoc.recipe": "nano-reader",
            "edgedoc.context": str(tiny_config.max_position_embeddings),
            "edgedoc.layers": str(tiny_config.layers),
            "edgedoc.kv_heads": str(tiny_config.kv_heads),
            "edgedoc.head_dim": str(tiny_config.head_dim),
            "edgedoc.vocab_size": str(tiny_config.vocab_size),
        }
        names = [entry.name for entry in model.graph.input]
        assert names[:4] == ["input_ids", "attention_mask", "position_ids", "past_key_values.0.key"]
        assert [entry.name for entry in model.graph.output][:2] == ["logits", "present.0.key"]


def test_quantised_graphs_hold_no_float_matrix(graphs: dict[str, Path]) -> None:
    """Neither a matrix nor the embedding stays behind: at 0.5B a forgotten one is half a gigabyte."""
    sizes = {preset: (folder / PRESETS[preset]).stat().st_size for preset, folder in graphs.items()}
    assert sizes["int8"] < 0.35 * sizes["f32"]
    assert sizes["int4"] < 0.25 * sizes["f32"]
    for preset in ("int8", "int4"):
        assert holds_no_float_matrix(graphs[preset] / PRESETS[preset])


@pytest.mark.parametrize("preset", ["int8", "int4"])
def test_a_head_that_is_its_embedding_transposed_is_quantised(tmp_path: Path, preset: str) -> None:
    optimum_or_skip()
    node, value = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    table = np.random.default_rng(0).normal(size=(64, 32)).astype(np.float32)
    graph = onnx.helper.make_graph(
        [
            node("Transpose", ["table"], ["head"], perm=[1, 0]),
            node("Gather", ["table", "input_ids"], ["rows"]),
            node("MatMul", ["rows", "head"], ["logits"]),
        ],
        "tied",
        [value("input_ids", onnx.TensorProto.INT64, ["n"])],
        [value("logits", onnx.TensorProto.FLOAT, ["n", 64])],
        [onnx.numpy_helper.from_array(table, "table")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)], ir_version=10)
    portable_file.save_model(model, tmp_path / "f32.onnx")
    portable._QUANTIZERS[preset](tmp_path / "f32.onnx", tmp_path / "small.onnx")
    session = pytest.importorskip("onnxruntime").InferenceSession(str(tmp_path / "small.onnx"))
    rows = session.run(None, {"input_ids": np.arange(64)})[0]
    assert (rows.argmax(1) == np.arange(64)).all() and holds_no_float_matrix(tmp_path / "small.onnx")


def test_weights_too_many_for_one_file_lie_beside_it(
    graphs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portable_file, "LARGEST_GRAPH", 0)
    whole = graphs["int4"] / PRESETS["int4"]
    portable_file.save_model(onnx.load(str(whole)), tmp_path / "traced.onnx")
    portable_file.write_model(tmp_path / "traced.onnx", tmp_path / "model_q4.onnx", {"edgedoc.graph": "portable"})
    (tmp_path / "traced.onnx").unlink()
    assert {path.name for path in tmp_path.iterdir()} == {"model_q4.onnx", "model_q4.onnx_data"}
    assert (tmp_path / "model_q4.onnx").stat().st_size < 0.3 * whole.stat().st_size
    assert np.array_equal(logits(tmp_path / "model_q4.onnx", TOKENS), logits(whole, TOKENS))


def test_tracing_says_nothing_and_leaves_the_loggers_as_they_were(
    checkpoint: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    optimum_or_skip()
    from optimum.utils import logging as optimum_logging
    from transformers.utils import logging as transformers_logging

    def state() -> tuple[object, ...]:
        levels = optimum_logging.get_verbosity(), transformers_logging.get_verbosity(), logging.getLogger().level
        return *levels, transformers_logging.is_progress_bar_enabled(), list(warnings.filters)

    stages: list[tuple[str, int, int]] = []
    before = state()
    capfd.readouterr()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_portable(
            Checkpoint.open(checkpoint),
            load_recipe("nano-reader"),
            tmp_path,
            "int8",
            lambda *stage: stages.append(stage),
        )
    assert capfd.readouterr() == ("", "")
    assert caplog.messages == []
    assert state() == before
    assert stages == [("trace", 0, 1), ("trace", 1, 1), ("quantise", 0, 1), ("quantise", 1, 1)]


def test_quantising_says_nothing_either(graphs: dict[str, Path], tmp_path: Path) -> None:
    """In a process of its own: what speaks is the first import, and pytest has handlers of its own."""
    done = run_apart(
        "import logging, pathlib\nfrom edgedoc_export.portable_quantize import quantize_int4\n"
        f"quantize_int4(pathlib.Path({str(graphs['f32'] / PRESETS['f32'])!r}), pathlib.Path({str(tmp_path)!r}, 'x'))\n"
        "print(logging.getLogger().handlers, logging.getLogger().level)"
    )
    assert (done.stdout.strip(), done.stderr) == (f"[] {logging.WARNING}", "")
    assert (tmp_path / "x").exists()


def test_importing_the_exporter_imports_no_torch() -> None:
    loaded = "{'torch', 'transformers', 'optimum', 'onnxruntime'} & sys.modules.keys()"
    assert run_apart(f"import sys, edgedoc_export.portable; print({loaded})").stdout.strip() == "set()"


def run_apart(code: str) -> "subprocess.CompletedProcess[str]":
    """Run `code` in a fresh interpreter that finds what this one finds."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)


def test_without_optimum_the_message_names_the_extra(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'edgedoc\[optimum\]'"):
        write_portable(Checkpoint.open(checkpoint), load_recipe("nano-reader"), tmp_path, "f32")
    assert not list(tmp_path.rglob("*.onnx*"))


def test_unknown_presets_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no preset 'int4_k', only f32, int8, int4"):
        write_portable(Checkpoint.open(checkpoint), load_recipe("nano-reader"), tmp_path, "int4_k")


def test_damaged_weights_are_refused(checkpoint_folder: Path, tmp_path: Path) -> None:
    weights = checkpoint_folder / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-2:] = b"\xc0\x7f"  # NaN in BF16, in the last tensor
    weights.write_bytes(data)
    with pytest.raises(CheckpointError, match="NaN"):
        write_portable(Checkpoint.open(checkpoint_folder), load_recipe("nano-reader"), tmp_path, "f32")
    assert not list(tmp_path.rglob("*.onnx*"))


def test_a_small_disk_is_refused_before_the_work(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1 << 20))
    monkeypatch.setattr(portable, "trace", unreachable)
    with pytest.raises(OutputError, match="needs 11 MB"):
        write_portable(Checkpoint.open(checkpoint), load_recipe("nano-reader"), tmp_path, "int8")


def test_what_optimum_refuses_is_an_engine_error(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    optimum_or_skip()
    import optimum.exporters.onnx as exporter

    def refuse(*arguments: object, **options: object) -> None:
        raise KeyError("qwen2")

    monkeypatch.setattr(exporter, "onnx_export_from_model", refuse)
    with pytest.raises(EngineError, match="optimum could not export .*qwen2.*--graph edge"):
        write_portable(Checkpoint.open(checkpoint), load_recipe("nano-reader"), tmp_path, "f32")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_adapters_are_merged_before_tracing(checkpoint: Path, tiny_config: Any, tmp_path: Path) -> None:
    optimum_or_skip()
    from edgedoc_export.adapter import Adapter
    from edgedoc_export.merged import merge
    from edgedoc_export.random_weights import random_adapter
    from edgedoc_export.safetensors_writer import write_safetensors

    adapter = Adapter.open(random_adapter(tiny_config, tmp_path / "adapter", base=checkpoint, rank=8, seed=4))
    merged = merge(Checkpoint.open(checkpoint), adapter, "base")
    whole = shutil.copytree(checkpoint, tmp_path / "whole")
    layout = {name: (merged.dtype(name), merged.shape(name)) for name in merged.names()}
    slabs = (slab for name in merged.names() for slab in merged.slabs(name))
    write_safetensors(whole / "model.safetensors", layout, slabs)
    (tmp_path / "out").mkdir()
    write_portable(merged, load_recipe("nano-reader"), tmp_path / "out", "f32")
    found, expected = logits(tmp_path / "out" / PRESETS["f32"], TOKENS), qwen2_reference.forward(whole, TOKENS)
    assert np.abs(found - expected).max() <= 1e-3 * np.abs(expected).max()
