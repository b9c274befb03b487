"""Reads safetensors headers and tensor bytes; every number is checked before anything is allocated. Knows no model.

Format: github.com/huggingface/safetensors, README "Format": u64 little-endian header length, JSON header, data.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgedoc.errors import CheckpointError
from edgedoc_export.dtypes import ITEM_BYTES, STORAGE, Dtype, Values

LARGEST_HEADER = 8 << 20
"""Bytes. The header of a 0.5B model takes 30 KB; the format's own limit is 100 MB."""

SLAB_BYTES = 16 << 20
"""Bytes of tensor data alive at a time: large enough for sequential reading, small enough not to be felt."""


@dataclass(frozen=True)
class Entry:
    """One tensor inside a file: `start` is its absolute byte offset."""

    path: Path
    name: str
    dtype: Dtype
    shape: tuple[int, ...]
    start: int

    @property
    def nbytes(self) -> int:
        """Bytes of the tensor in the file."""
        return math.prod(self.shape) * ITEM_BYTES[self.dtype]


def read_header(path: Path) -> dict[str, Entry]:
    """The tensors of a file by name. Raises CheckpointError naming the file and what is wrong with it."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or length > size - 8:
                raise CheckpointError(f"{path} is cut off or not a safetensors file; download it again")
            if length > LARGEST_HEADER:
                raise CheckpointError(f"{path}: its header claims {length} bytes, the limit is {LARGEST_HEADER}")
            text = file.read(length)
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}") from error
    try:
        header = json.loads(text, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: its header is not valid JSON ({error})") from error
    if not isinstance(header, dict):
        raise CheckpointError(f"{path}: its header is not a JSON object")
    header.pop("__metadata__", None)
    entries = {name: _entry(path, name, value, 8 + length) for name, value in header.items()}
    _check_layout(path, list(entries.values()), 8 + length, size)
    return entries


def read_slabs(entry: Entry) -> Iterator[Values]:
    """The tensor in slabs of whole rows, in storage type, at most SLAB_BYTES each (a single row may be more)."""
    rows = entry.shape[0]
    row_bytes = entry.nbytes // rows
    step = max(1, SLAB_BYTES // row_bytes)
    try:
        with entry.path.open("rb", buffering=0) as file:
            file.seek(entry.start)
            for first in range(0, rows, step):
                slab = np.empty((min(step, rows - first), *entry.shape[1:]), STORAGE[entry.dtype])
                view = slab.data.cast("B")
                while view:
                    # One read() may return less than asked; 0 means that the file shrank since its header was read.
                    count = file.readinto(view)
                    if not count:
                        raise CheckpointError(f"{entry.path} ends inside {entry.name}; download it again")
                    view = view[count:]
                yield slab
    except OSError as error:
        raise CheckpointError(f"cannot read {entry.path}: {error.strerror}") from error


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key occurs twice")
    return result


def _entry(path: Path, name: str, value: object, data_start: int) -> Entry:
    where = f"{path}: tensor {name!r}"
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise CheckpointError(f"{where} has no proper description")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if dtype not in ITEM_BYTES:
        raise CheckpointError(f"{where} has type {dtype}; edgedoc reads {', '.join(ITEM_BYTES)}")
    if not _whole_numbers(shape) or not shape or 0 in shape:
        raise CheckpointError(f"{where} has the impossible shape {shape}")
    if not _whole_numbers(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise CheckpointError(f"{where} has the impossible position {offsets}")
    entry = Entry(path, name, dtype, tuple(shape), data_start + offsets[0])
    if entry.nbytes != offsets[1] - offsets[0]:
        raise CheckpointError(f"{where}: shape {shape} of {dtype} does not take {offsets[1] - offsets[0]} bytes")
    return entry


def _whole_numbers(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, int) and item >= 0 and item is not True for item in value)


def _check_layout(path: Path, entries: list[Entry], data_start: int, size: int) -> None:
    """The format demands data without holes or overlaps, up to the last byte of the file."""
    position = data_start
    for entry in sorted(entries, key=lambda entry: entry.start):
        if entry.start != position:
            raise CheckpointError(f"{path}: tensor {entry.name!r} overlaps another or leaves a hole before it")
        position += entry.nbytes
    if position > size:
        raise CheckpointError(f"{path} is cut off: {position} bytes expected, {size} there; download it again")
    if position < size:
        raise CheckpointError(f"{path} has {size - position} bytes that belong to no tensor")
