"""Counts what a finished GGUF file really holds: tensors, weights and bytes by storage type. Loads no weights.

gguf.GGUFReader could tell too, but makes an array of every token and merge: 0.5 GB and ten seconds for Qwen2's
vocabulary.
"""

import math
import mmap
import struct
from pathlib import Path

from edgedoc.engines.ggml_types import BLOCKS
from edgedoc.engines.gguf_header import read_header
from edgedoc.engines.gguf_values import read_key_values, read_string, read_u32, read_u64
from edgedoc.manifest import TensorTotals

_LONGEST_NAME = 63


def tensor_types(path: Path) -> dict[str, TensorTotals]:
    """Totals by type name, largest first. Raises ArtifactError when the file is not a complete GGUF model."""
    totals: dict[str, TensorTotals] = {}
    for kind, shape in read_tensor_table(path).values():
        _, block_weights, block_bytes = next(block for block in BLOCKS.values() if block[0] == kind)
        old = totals.get(kind, TensorTotals(tensors=0, weights=0, bytes=0))
        weights = math.prod(shape)
        totals[kind] = TensorTotals(
            tensors=old.tensors + 1,
            weights=old.weights + weights,
            bytes=old.bytes + weights // block_weights * block_bytes,
        )
    return dict(sorted(totals.items(), key=lambda item: -item[1].bytes))


def bits_per_weight(totals: dict[str, TensorTotals]) -> float:
    """Bits of tensor data for each weight of the model, norms and biases included."""
    return 8 * sum(total.bytes for total in totals.values()) / sum(total.weights for total in totals.values())


def read_tensor_table(path: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Type name and shape (ggml order: columns first) of every tensor by llama.cpp name."""
    # Checks the whole header, so that the loop below needs no checks of its own.
    read_header(path)
    table: dict[str, tuple[str, tuple[int, ...]]] = {}
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        tensors, position = read_u64(data, 8)
        keys, position = read_u64(data, position)
        _, position = read_key_values(data, position, keys)
        for _ in range(tensors):
            name, position = read_string(data, position, _LONGEST_NAME)
            dimensions, position = read_u32(data, position)
            shape = struct.unpack_from(f"<{dimensions}Q", data, position)
            kind, position = read_u32(data, position + 8 * dimensions)
            table[name] = (BLOCKS[kind][0], shape)
            position += 8
    return table
