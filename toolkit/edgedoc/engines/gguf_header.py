"""Reads and judges the header of a GGUF file before any native code sees it. Knows no llama.cpp and loads no weights.

llama.cpp does not defend itself against hostile files (its SECURITY.md) and some broken ones end in abort(), which
takes the interpreter along. So everything outside a narrow whitelist (little-endian GGUF 3, architecture qwen2,
byte-level BPE) is refused here. Format: ggml `docs/gguf.md`. The limits answer the CVEs listed at
https://github.com/ggml-org/llama.cpp/security/advisories.
"""

import math
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

from edgedoc.engines.ggml_types import BLOCKS
from edgedoc.engines.gguf_values import GgufError, Value, read_key_values, read_string, read_u32, read_u64
from edgedoc.errors import ArtifactError

MAGIC = b"GGUF"
VERSION = 3
MAX_KEYS = 1_000
MAX_TENSORS = 4_096
MAX_NAME_BYTES = 63
MAX_DIMENSIONS = 4
ALIGNMENTS = (32, 64)
MAX_LAYERS = 512
MAX_CONTEXT = 1 << 20

EXPECTED_TYPES = {
    "general.architecture": "string",
    "general.alignment": "u32",
    "qwen2.block_count": "u32",
    "qwen2.context_length": "u32",
    "qwen2.embedding_length": "u32",
    "qwen2.feed_forward_length": "u32",
    "qwen2.attention.head_count": "u32",
    "qwen2.attention.head_count_kv": "u32",
    "qwen2.attention.key_length": "u32",
    "qwen2.attention.value_length": "u32",
    "qwen2.attention.layer_norm_rms_epsilon": "f32",
    "qwen2.rope.freq_base": "f32",
    "tokenizer.ggml.model": "string",
    "tokenizer.ggml.pre": "string",
    "tokenizer.ggml.tokens": "array of string",
    "tokenizer.ggml.token_type": "array of i32",
    "tokenizer.ggml.scores": "array of f32",
    "tokenizer.ggml.merges": "array of string",
    "tokenizer.chat_template": "string",
}
"""Exact types: llama.cpp reads some of these arrays through a cast, so a wrong type is a wild read."""


@dataclass(frozen=True, kw_only=True)
class GgufHeader:
    """What memory planning and a report need. Sizes in bytes, lengths in tokens or units."""

    name: str
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    embedding_length: int
    feed_forward_length: int
    context_length: int
    vocab_size: int
    merges: int
    file_size: int
    tensor_bytes: int
    tensor_types: dict[str, int]
    """Type name -> bytes of all tensors of that type."""
    embedding_bytes: int
    """Size of the embedding table as stored."""
    tied: bool
    """Whether the embedding table is the output head as well."""


def read_header(path: Path) -> GgufHeader:
    """Return the header of the qwen2 GGUF at `path`. Raises ArtifactError for anything else or unreadable."""
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            if size < 24:
                raise GgufError("it is too short")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _parse(data, size)
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (GgufError, struct.error, UnicodeDecodeError) as error:
        reason = str(error) if isinstance(error, GgufError) else "it ends early or its lengths are wrong"
        raise ArtifactError(f"{path} is not a usable GGUF model: {reason}. Export or copy it again.") from error


def _parse(data: mmap.mmap, size: int) -> GgufHeader:
    if data[:4] != MAGIC:
        raise GgufError("it does not start with GGUF")
    version, position = read_u32(data, 4)
    if version != VERSION:
        raise GgufError(f"GGUF version {version} instead of {VERSION} (or a big-endian file)")
    tensor_count, position = read_u64(data, position)
    key_count, position = read_u64(data, position)
    if tensor_count > MAX_TENSORS or key_count > MAX_KEYS:
        raise GgufError(f"{tensor_count} tensors and {key_count} keys are more than a model has")
    values, position = read_key_values(data, position, key_count)
    _check_types(values)
    header_sizes = _hyperparameters(values)
    alignment = _integer(values, "general.alignment", default=32)
    if alignment not in ALIGNMENTS:
        raise GgufError(f"alignment {alignment}")
    tensors = read_tensors(data, position, tensor_count, alignment, size)
    vocab_size = values["tokenizer.ggml.tokens"].count
    table = tensors.get("token_embd.weight")
    if table is None or table.shape != (header_sizes["embedding_length"], vocab_size):
        raise GgufError(f"it has no embedding table that fits its vocabulary of {vocab_size}")
    types: dict[str, int] = {}
    for tensor in tensors.values():
        types[tensor.type] = types.get(tensor.type, 0) + tensor.bytes
    name = values.get("general.name")
    return GgufHeader(
        name=str(name.data) if name is not None and name.type == "string" else "",
        vocab_size=vocab_size,
        merges=values["tokenizer.ggml.merges"].count,
        file_size=size,
        tensor_bytes=sum(types.values()),
        tensor_types=types,
        embedding_bytes=table.bytes,
        tied="output.weight" not in tensors,
        **header_sizes,
    )


def _check_types(values: dict[str, Value]) -> None:
    for key, expected in EXPECTED_TYPES.items():
        if key in values and values[key].type != expected:
            raise GgufError(f"{key} is {values[key].type} instead of {expected}")
    for key in ("general.architecture", "tokenizer.ggml.model", "tokenizer.ggml.tokens", "tokenizer.ggml.merges"):
        if key not in values:
            raise GgufError(f"it has no {key}")
    if values["general.architecture"].data != "qwen2":
        raise GgufError(f"its architecture is {values['general.architecture'].data!r}, edgedoc runs qwen2")
    if values["tokenizer.ggml.model"].data != "gpt2":
        raise GgufError(f"its tokenizer is {values['tokenizer.ggml.model'].data!r}, edgedoc runs byte-level BPE (gpt2)")
    vocab_size = values["tokenizer.ggml.tokens"].count
    for key in ("tokenizer.ggml.token_type", "tokenizer.ggml.scores"):
        if key in values and values[key].count != vocab_size:
            raise GgufError(f"{key} has {values[key].count} entries for {vocab_size} tokens")
    if "split.count" in values:
        raise GgufError("it is one part of a split model; merge it with llama-gguf-split first")


def _integer(values: dict[str, Value], key: str, default: int | None = None) -> int:
    if key not in values:
        if default is None:
            raise GgufError(f"it has no {key}")
        return default
    number = values[key].data
    assert isinstance(number, int)  # _check_types has established u32
    return number


def _hyperparameters(values: dict[str, Value]) -> dict[str, int]:
    layers = _integer(values, "qwen2.block_count")
    context = _integer(values, "qwen2.context_length")
    embedding = _integer(values, "qwen2.embedding_length")
    heads = _integer(values, "qwen2.attention.head_count")
    kv_heads = _integer(values, "qwen2.attention.head_count_kv", default=heads)
    if not (1 <= layers <= MAX_LAYERS and 1 <= context <= MAX_CONTEXT):
        raise GgufError(f"{layers} layers or a context of {context}")
    if not (1 <= kv_heads <= heads and heads % kv_heads == 0 and embedding >= heads and embedding % heads == 0):
        raise GgufError(f"{heads} heads, {kv_heads} of them for keys, do not divide a width of {embedding}")
    head_dim = _integer(values, "qwen2.attention.key_length", default=embedding // heads)
    if head_dim != embedding // heads or _integer(values, "qwen2.attention.value_length", default=head_dim) != head_dim:
        raise GgufError(f"heads of {head_dim} do not fit a width of {embedding}")
    return {
        "layers": layers,
        "heads": heads,
        "kv_heads": kv_heads,
        "head_dim": head_dim,
        "embedding_length": embedding,
        "feed_forward_length": _integer(values, "qwen2.feed_forward_length"),
        "context_length": context,
    }


@dataclass(frozen=True)
class Tensor:
    """Shape in ggml's order (columns first), type name, and bytes of one tensor."""

    shape: tuple[int, ...]
    type: str
    bytes: int


def read_tensors(data: mmap.mmap, position: int, count: int, alignment: int, size: int) -> dict[str, Tensor]:
    """Tensors by name, in file order; every span is aligned, ordered, disjoint and inside the file."""
    tensors: dict[str, Tensor] = {}
    end = 0
    for _ in range(count):
        name, position = read_string(data, position, MAX_NAME_BYTES)
        dimensions, position = read_u32(data, position)
        if not 1 <= dimensions <= MAX_DIMENSIONS:
            raise GgufError(f"tensor {name!r} has {dimensions} dimensions")
        shape = struct.unpack_from(f"<{dimensions}Q", data, position)
        position += 8 * dimensions
        type_number, position = read_u32(data, position)
        offset, position = read_u64(data, position)
        if type_number not in BLOCKS:
            raise GgufError(f"tensor {name!r} has unknown type {type_number}")
        type_name, block_weights, block_bytes = BLOCKS[type_number]
        if min(shape) < 1 or shape[0] % block_weights:
            raise GgufError(f"tensor {name!r} of shape {shape} cannot be {type_name}")
        if name in tensors or offset % alignment or offset < end:
            raise GgufError(f"tensor {name!r} occurs twice, overlaps another one or is not aligned")
        tensors[name] = Tensor(shape, type_name, math.prod(shape) // block_weights * block_bytes)
        end = offset + tensors[name].bytes
    start = -(-position // alignment) * alignment
    if start + end > size:
        raise GgufError(f"its tensors need {start + end} bytes and it has {size}")
    return tensors
