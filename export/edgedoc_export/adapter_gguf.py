"""Writes an adapter as a GGUF LoRA file, which llama.cpp puts over a model of any preset. Knows no base weights.

Layout: llama.cpp, convert_lora_to_gguf.py and src/llama-adapter.cpp (llama_adapter_lora_init_impl): tensors
`<llama.cpp name>.lora_a` (rank, inputs) and `.lora_b` (outputs, rank); of the embedding `lora_a` is (tokens, rank).
There is one `adapter.lora.alpha` for all, and llama.cpp scales by alpha / rank; whatever scale an adapter means beyond
that (rsLoRA, alpha_pattern) is multiplied into `lora_b`, which a plain adapter keeps as it is.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgedoc.errors import UsageError
from edgedoc.recipes import Recipe
from edgedoc_export.adapter import Adapter, LowRank, read_whole
from edgedoc_export.dtypes import is_finite, narrow
from edgedoc_export.merged import EMBEDDING, Merged


def require_plain(adapter: Adapter, merged: Merged) -> None:
    """Raises UsageError for what a GGUF LoRA file cannot say: anything but low-rank updates."""
    if adapter.config.dora or merged.replacements:
        what = "uses DoRA" if adapter.config.dora else f"holds a trained copy of {next(iter(merged.replacements))}"
        raise UsageError(f"{adapter.folder} {what}, which a GGUF adapter cannot say; leave out --unmerged")


def write_adapter(merged: Merged, adapter: Adapter, recipe: Recipe, out: Path, *, f16: bool) -> None:
    """Write `adapter`, which `merged` has found to fit its base, to `out`, in f32 or, where its range allows, f16.

    Raises CheckpointError for values that are no numbers, OSError when the disk fails.
    """
    import gguf

    writer = gguf.GGUFWriter(out, gguf.MODEL_ARCH_NAMES[gguf.MODEL_ARCH.QWEN2])
    try:
        writer.add_type(gguf.GGUFType.ADAPTER)
        writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
        writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, adapter.config.alpha)
        writer.add_name(recipe.title)
        if recipe.licence.id:
            writer.add_license(recipe.licence.id)
        names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN2, merged.config.layers)
        tensors = {
            f"{names.get_name(name, try_suffixes=('.weight',))}.lora_{side}": (name, update, side)
            for name, update in merged.updates.items()
            for side in "ab"
        }
        for key, (name, update, side) in tensors.items():
            values = _values(name, update, side, adapter.config.alpha)
            writer.add_tensor(key, narrow(values, "F16") if f16 and _fits(values) else values)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def _values(name: str, update: LowRank, side: str, alpha: float) -> NDArray[np.float32]:
    if side == "a":
        values = read_whole(update.a)
        return np.ascontiguousarray(values.T) if name == EMBEDDING else values
    values = read_whole(update.b)
    factor = update.scale * update.rank / alpha
    return values if factor == 1.0 else values * np.float32(factor)


def _fits(values: NDArray[np.float32]) -> bool:
    return is_finite(narrow(values, "F16"), "F16")
