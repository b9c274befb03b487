"""Pads a small Qwen2 checkpoint with zeros into the shapes of a larger one, without changing what it computes.

The wide model costs what its shapes cost and says what the small one says, token for token: an oracle for exporters
and an honest speed figure for shapes whose real weights are not at hand. Why it holds:

- Padding dimensions stay zero in the residual stream, since nothing ever writes into them. RMSNorm then divides by
  a mean over D instead of d values: weights times sqrt(d/D) and eps times d/D undo that.
- Query head i of kv group j goes to the same place within the wider group j. Added heads have zero columns in o_proj.
- Added layers have zero o_proj and down_proj: the residual stream passes through.
- Added rows of the vocabulary repeat the row of `filler`, so their logits tie with its, and a tie goes to the lower
  id. Zero rows would win wherever every real logit is negative. Under a repetition penalty `filler` must be a token
  that neither the prompt nor the answer contains.
"""

import json
import math
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgedoc.errors import UsageError
from edgedoc_export.checkpoint import Checkpoint
from edgedoc_export.dtypes import Dtype, Values, narrow
from edgedoc_export.qwen2 import Qwen2Config, config_json, tensor_shapes
from edgedoc_export.safetensors_writer import write_safetensors

COPIED = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "recipe.toml")
SLAB_ROWS = 4096

Array = NDArray[np.float32]


def widen(checkpoint: Checkpoint, shapes: Qwen2Config, folder: Path, *, dtype: Dtype = "F32", filler: int = 0) -> Path:
    """Write `checkpoint` into `folder` with the sizes of `shapes`; rope_theta, eps and context stay the checkpoint's.

    Matrices are stored as `dtype` (BF16 is exact only if the checkpoint is BF16), vectors as F32. Raises UsageError
    when the shapes are not wider in every direction or their heads have another size.
    """
    small = checkpoint.config
    _require_wider(small, shapes)
    wide = replace(
        shapes,
        rope_theta=small.rope_theta,
        rms_norm_eps=small.rms_norm_eps * small.hidden_size / shapes.hidden_size,
        max_position_embeddings=small.max_position_embeddings,
        tie_word_embeddings=small.tie_word_embeddings,
    )
    folder.mkdir(parents=True, exist_ok=True)
    layout: dict[str, tuple[Dtype, tuple[int, ...]]] = {
        name: (dtype if len(shape) > 1 else "F32", shape) for name, shape in tensor_shapes(wide).items()
    }
    write_safetensors(folder / "model.safetensors", layout, _slabs(checkpoint, wide, layout, filler))
    (folder / "config.json").write_text(json.dumps(config_json(wide), indent=2))
    for name in COPIED:
        if (checkpoint.folder / name).exists():
            shutil.copyfile(checkpoint.folder / name, folder / name)
    return folder


def _require_wider(small: Qwen2Config, wide: Qwen2Config) -> None:
    pairs = {
        "hidden_size": (small.hidden_size, wide.hidden_size),
        "layers": (small.layers, wide.layers),
        "kv_heads": (small.kv_heads, wide.kv_heads),
        "query heads per kv head": (small.heads // small.kv_heads, wide.heads // wide.kv_heads),
        "intermediate_size": (small.intermediate_size, wide.intermediate_size),
        "vocab_size": (small.vocab_size, wide.vocab_size),
    }
    for what, (narrow_size, wide_size) in pairs.items():
        if wide_size < narrow_size:
            raise UsageError(f"Cannot widen {what} from {narrow_size} to {wide_size}")
    if small.head_dim != wide.head_dim:
        raise UsageError(
            f"Cannot widen heads of {small.head_dim} to {wide.head_dim}: rotary angles depend on the head size"
        )


def _slabs(
    checkpoint: Checkpoint, wide: Qwen2Config, layout: dict[str, tuple[Dtype, tuple[int, ...]]], filler: int
) -> Iterator[Values]:
    small, known = checkpoint.config, set(checkpoint.names())
    for name, (dtype, shape) in layout.items():
        if name not in known:
            # Everything zero passes the input on; only the norms are left as an untrained model has them.
            fill = 1.0 if name.endswith("norm.weight") else 0.0
            yield from _cut(np.broadcast_to(np.float32(fill), shape), dtype)
        elif name in ("model.embed_tokens.weight", "lm_head.weight"):
            table = _pad(checkpoint.read(name), (small.vocab_size, wide.hidden_size))
            yield from _cut(table, dtype)
            yield from _cut(np.broadcast_to(table[filler], (shape[0] - len(table), shape[1])), dtype)
        else:
            yield from _cut(_place(name, checkpoint.read(name), small, wide, shape), dtype)


def _place(name: str, values: Array, small: Qwen2Config, wide: Qwen2Config, shape: tuple[int, ...]) -> Array:
    if name.endswith("norm.weight"):
        values = values * np.float32(math.sqrt(small.hidden_size / wide.hidden_size))
    elif ".q_proj." in name:
        values = _spread_heads(values, small, wide)
    elif ".o_proj." in name:
        values = _spread_heads(values.T, small, wide).T
    return _pad(values, shape)


def _spread_heads(values: Array, small: Qwen2Config, wide: Qwen2Config) -> Array:
    """Rows ordered (kv head, query head in its group, head_dim): the groups grow, zero heads fill them."""
    rest = values.shape[1:]
    grouped = values.reshape(small.kv_heads, small.heads // small.kv_heads, small.head_dim, *rest)
    spread = _pad(grouped, (wide.kv_heads, wide.heads // wide.kv_heads, wide.head_dim, *rest))
    return spread.reshape(wide.heads * wide.head_dim, *rest)


def _pad(values: Array, shape: tuple[int, ...]) -> Array:
    padded = np.zeros(shape, np.float32)
    padded[tuple(slice(size) for size in values.shape)] = values
    return padded


def _cut(values: Array, dtype: Dtype) -> Iterator[Values]:
    for first in range(0, len(values), SLAB_ROWS):
        yield narrow(np.ascontiguousarray(values[first : first + SLAB_ROWS], np.float32), dtype)
