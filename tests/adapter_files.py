"""PEFT adapter folders for tests, written without PEFT."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgedoc_export.dtypes import Dtype, Values
from edgedoc_export.safetensors_writer import write_safetensors

KINDS: dict[Any, Dtype] = {np.dtype("u2"): "BF16", np.dtype("f2"): "F16", np.dtype("f4"): "F32"}


def write_adapter(
    folder: Path, config: Mapping[str, object], parts: Mapping[str, Mapping[str, Values] | Values]
) -> Path:
    """An adapter with `parts`: tensors by whole name, or by module and `lora_A` or `lora_B`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", **config}))
    tensors: dict[str, Values] = {}
    for name, values in parts.items():
        prefix = "" if name.startswith("base_model.") else "base_model.model."
        if isinstance(values, Mapping):
            tensors |= {f"{prefix}{name}.{part}.weight": matrix for part, matrix in values.items()}
        else:
            tensors[f"{prefix}{name}"] = values
    write_tensors(folder, tensors)
    return folder


def write_tensors(folder: Path, tensors: Mapping[str, Values]) -> None:
    """The adapter's tensors anew."""
    layout = {name: (KINDS[values.dtype], values.shape) for name, values in tensors.items()}
    write_safetensors(folder / "adapter_model.safetensors", layout, tensors.values())
