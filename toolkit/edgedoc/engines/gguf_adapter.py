"""Reads and judges the header of a GGUF LoRA file before any native code sees it. Knows no llama.cpp and no base.

Whether the shapes fit the model is for llama.cpp to say, which checks them (src/llama-adapter.cpp). Keys:
llama.cpp, convert_lora_to_gguf.py.
"""

import math
import mmap
import struct
from pathlib import Path

from edgedoc.engines.gguf_header import ALIGNMENTS, MAGIC, MAX_KEYS, MAX_TENSORS, VERSION, Tensor, read_tensors
from edgedoc.engines.gguf_values import GgufError, Value, read_key_values, read_u32, read_u64
from edgedoc.errors import ArtifactError

FIXED = {"general.architecture": "qwen2", "general.type": "adapter", "adapter.type": "lora"}
TYPES = ("F32", "F16", "BF16")


def adapter_bytes(path: Path) -> int:
    """Bytes of the tensors of the qwen2 LoRA at `path`. Raises ArtifactError for anything else or unreadable."""
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            if size < 24:
                raise GgufError("it is too short")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return sum(tensor.bytes for tensor in _parse(data, size).values())
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (GgufError, struct.error, UnicodeDecodeError) as error:
        reason = str(error) if isinstance(error, GgufError) else "it ends early or its lengths are wrong"
        raise ArtifactError(f"{path} is not a usable GGUF adapter: {reason}. Export or copy it again.") from error


def _parse(data: mmap.mmap, size: int) -> dict[str, Tensor]:
    if data[:4] != MAGIC:
        raise GgufError("it does not start with GGUF")
    version, position = read_u32(data, 4)
    tensor_count, position = read_u64(data, position)
    key_count, position = read_u64(data, position)
    if version != VERSION or tensor_count > MAX_TENSORS or key_count > MAX_KEYS:
        raise GgufError(f"version {version}, {tensor_count} tensors or {key_count} keys")
    values, position = read_key_values(data, position, key_count)
    _check_keys(values)
    alignment = values.get("general.alignment", Value("u32", 32))
    if alignment.type != "u32" or alignment.data not in ALIGNMENTS:
        raise GgufError(f"alignment {alignment.data}")
    tensors = read_tensors(data, position, tensor_count, int(alignment.data), size)
    for name, tensor in tensors.items():
        pair = f"{name[:-1]}{'b' if name.endswith('.lora_a') else 'a'}"
        if not name.endswith((".lora_a", ".lora_b")) or pair not in tensors:
            raise GgufError(f"tensor {name!r} is not one of a pair")
        if tensor.type not in TYPES or len(tensor.shape) != 2:
            raise GgufError(f"tensor {name!r} is {tensor.type} of shape {tensor.shape}")
    if not tensors:
        raise GgufError("it has no tensors")
    return tensors


def _check_keys(values: dict[str, Value]) -> None:
    for key, expected in FIXED.items():
        found = values.get(key, Value("nothing"))
        if found.type != "string" or found.data != expected:
            raise GgufError(f"{key} is {found.data!r} instead of {expected!r}")
    alpha = values.get("adapter.lora.alpha", Value("nothing"))
    if alpha.type != "f32" or not isinstance(alpha.data, float) or not math.isfinite(alpha.data):
        raise GgufError(f"adapter.lora.alpha is {alpha.data}")
    # An activated LoRA works from certain tokens on, which nothing here looks for.
    if "adapter.alora.invocation_tokens" in values:
        raise GgufError("it is an activated LoRA (aLoRA)")
