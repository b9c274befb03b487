"""ONNX files as a whole, small enough for memory: read, moved, weights inside or beside. Knows no model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx

from edgedoc_export.onnx_graph import IR_VERSION
from edgedoc_export.onnx_presets import DATA_SUFFIX

LARGEST_GRAPH = 2**31 - 2**20
"""Bytes a protobuf message may take, less room for the graph itself; heavier weights go beside it."""


def read_model(path: Path) -> Any:
    """The ModelProto with all its weights in memory. Raises OSError."""
    return onnx.load(str(path))


def save_model(model: Any, path: Path) -> None:
    """Write a ModelProto, its weights in `<path>_data` if they are too many for one file. Raises OSError."""
    data = path.with_name(path.name + DATA_SUFFIX)
    data.unlink(missing_ok=True)  # onnx appends
    weights = sum(len(tensor.raw_data) for tensor in model.graph.initializer)
    onnx.save_model(
        model,
        str(path),
        save_as_external_data=weights > LARGEST_GRAPH,
        all_tensors_to_one_file=True,
        location=data.name,
        size_threshold=1024,
    )


def write_model(source: Path, out: Path, properties: Mapping[str, str]) -> None:
    """Move the graph `source` to `out` with `properties` in its metadata; its weights, if beside it, move along."""
    model = onnx.load(str(source), load_external_data=False)
    onnx.helper.set_model_props(model, dict(properties))
    # What four-bit tensors need; torch's exporter writes 8.
    model.ir_version = max(model.ir_version, IR_VERSION)
    beside = source.with_name(source.name + DATA_SUFFIX)
    if beside.exists():
        beside.rename(out.with_name(out.name + DATA_SUFFIX))
        for tensor in model.graph.initializer:
            for entry in tensor.external_data:
                if entry.key == "location":
                    entry.value = out.name + DATA_SUFFIX
    onnx.save_model(model, str(out))
