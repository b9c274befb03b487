"""The ecosystem's ONNX graph of a checkpoint: optimum's, with standard operators and position_ids, as other runtimes
expect it. Knows the order of the steps and what the file says about itself.

It is made through torch, in one piece: 6 GB of memory at 0.5B, where the edge graph takes one. Quantised to int8, one
activation scale serves all rows of a step (`DynamicQuantizeLinear`), so a row's logits depend on the rows beside it;
the edge graph's do not.
"""

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from edgedoc.errors import UsageError
from edgedoc.recipes import Recipe
from edgedoc_export.checkpoint import SINGLE_FILE, Checkpoint
from edgedoc_export.onnx_presets import FLOAT_FILE, INT4_FILE, INT8_FILE
from edgedoc_export.portable_file import write_model
from edgedoc_export.portable_graph import trace
from edgedoc_export.portable_quantize import quantize_int4, quantize_int8
from edgedoc_export.progress import Progress, silent
from edgedoc_export.qwen2 import Qwen2Config, config_json
from edgedoc_export.room import require_room
from edgedoc_export.safetensors_writer import write_safetensors
from edgedoc_export.tensors import TensorSource

FILES = {"f32": FLOAT_FILE, "int8": INT8_FILE, "int4": INT4_FILE}

_QUANTIZERS: dict[str, Callable[[Path, Path], None]] = {"int8": quantize_int8, "int4": quantize_int4}


def write_portable(weights: TensorSource, recipe: Recipe, out: Path, preset: str, progress: Progress = silent) -> None:
    """Write the graph of `weights` under `out`/onnx, with `<name>_data` beside it past 2 GB.

    Presets are f32, int8 and int4 (see portable_quantize). Raises UsageError for another preset, CheckpointError for a
    damaged checkpoint, MissingPackageError without the optimum extra, OutputError when the disk is too small,
    EngineError when optimum, torch or onnxruntime refuses, OSError while writing.
    """
    if preset not in FILES:
        raise UsageError(f"The portable graph has no preset {preset!r}, only {', '.join(FILES)}. Or say --graph edge.")
    merged = not isinstance(weights, Checkpoint)
    require_room(out, _disk_bytes(weights.config, preset, merged=merged))
    target = out / FILES[preset]
    target.parent.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=out, prefix=".portable-") as scratch:
        progress("trace", 0, 1)
        checkpoint = weights if isinstance(weights, Checkpoint) else _written(weights, Path(scratch) / "merged")
        model = trace(checkpoint, Path(scratch))
        progress("trace", 1, 1)
        if preset != "f32":
            progress("quantise", 0, 1)
            traced, model = model, Path(scratch) / f"{preset}.onnx"
            _QUANTIZERS[preset](traced, model)
            progress("quantise", 1, 1)
        write_model(model, target, _properties(checkpoint.config, recipe, preset))


def _written(weights: TensorSource, folder: Path) -> Checkpoint:
    """optimum reads a folder, so a merge becomes one."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config_json(weights.config)), "utf-8")
    layout = {name: (weights.dtype(name), weights.shape(name)) for name in weights.names()}
    slabs = (slab for name in layout for slab in weights.slabs(name))
    write_safetensors(folder / SINGLE_FILE, layout, slabs)
    return Checkpoint.open(folder)


def _properties(config: Qwen2Config, recipe: Recipe, preset: str) -> dict[str, str]:
    """What the file says about itself. Positions are computed, so the context is what the checkpoint was made for."""
    return {
        "edgedoc.graph": "portable",
        "edgedoc.preset": preset,
        "edgedoc.recipe": recipe.name,
        "edgedoc.context": str(config.max_position_embeddings),
        "edgedoc.layers": str(config.layers),
        "edgedoc.kv_heads": str(config.kv_heads),
        "edgedoc.head_dim": str(config.head_dim),
        "edgedoc.vocab_size": str(config.vocab_size),
    }


def _disk_bytes(config: Qwen2Config, preset: str, *, merged: bool) -> int:
    # optimum stores a tied head a second time; quantised, the float32 graph is still there.
    tied = config.vocab_size * config.hidden_size if config.tie_word_embeddings else 0
    graphs = 4 * (config.parameters + tied) * (1 if preset == "f32" else 2)
    return graphs + (4 * config.parameters if merged else 0)
