"""The typed values in a GGUF header, read with bounds and without copying arrays. Knows no key and no model.

Numbers are Python integers, so nothing wraps; reading past the end raises struct.error, which the caller translates.
"""

import mmap
import struct
from dataclasses import dataclass

MAX_KEY_BYTES = 256
MAX_STRING_BYTES = 16 << 20
MAX_ARRAY = 1 << 20

STRING, ARRAY = 8, 9
SCALARS = {
    0: ("u8", struct.Struct("<B")),
    1: ("i8", struct.Struct("<b")),
    2: ("u16", struct.Struct("<H")),
    3: ("i16", struct.Struct("<h")),
    4: ("u32", struct.Struct("<I")),
    5: ("i32", struct.Struct("<i")),
    6: ("f32", struct.Struct("<f")),
    7: ("bool", struct.Struct("<B")),
    10: ("u64", struct.Struct("<Q")),
    11: ("i64", struct.Struct("<q")),
    12: ("f64", struct.Struct("<d")),
}
"""Type number -> name and encoding (ggml docs/gguf.md, `gguf_metadata_value_type`)."""

_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")


class GgufError(Exception):
    """Why a file is refused; the reader adds the path and turns it into an ArtifactError."""


@dataclass(frozen=True)
class Value:
    """One value: `type` as in "u32" or "array of i32"; `data` for scalars and strings; `count` for arrays."""

    type: str
    data: int | float | str | None = None
    count: int = 0


def read_u32(data: mmap.mmap, position: int) -> tuple[int, int]:
    """An unsigned 32-bit number and the position after it."""
    number: int = _U32.unpack_from(data, position)[0]
    return number, position + 4


def read_u64(data: mmap.mmap, position: int) -> tuple[int, int]:
    """An unsigned 64-bit number and the position after it."""
    number: int = _U64.unpack_from(data, position)[0]
    return number, position + 8


def read_string(data: mmap.mmap, position: int, limit: int) -> tuple[str, int]:
    """A UTF-8 string of at most `limit` bytes and the position after it."""
    length, position = read_u64(data, position)
    if length > limit or position + length > len(data):
        raise GgufError(f"a string of {length} bytes")
    return data[position : position + length].decode("utf-8"), position + length


def read_key_values(data: mmap.mmap, position: int, count: int) -> tuple[dict[str, Value], int]:
    """The `count` key-value pairs from `position` on and the position after them."""
    values: dict[str, Value] = {}
    for _ in range(count):
        key, position = read_string(data, position, MAX_KEY_BYTES)
        if key in values:
            raise GgufError(f"key {key!r} occurs twice")
        type_number, position = read_u32(data, position)
        if type_number == STRING:
            text, position = read_string(data, position, MAX_STRING_BYTES)
            values[key] = Value("string", text)
        elif type_number == ARRAY:
            values[key], position = _skip_array(data, position)
        elif type_number in SCALARS:
            name, encoding = SCALARS[type_number]
            values[key] = Value(name, encoding.unpack_from(data, position)[0])
            position += encoding.size
        else:
            raise GgufError(f"key {key!r} has unknown type {type_number}")
    return values, position


def _skip_array(data: mmap.mmap, position: int) -> tuple[Value, int]:
    item_type, position = read_u32(data, position)
    count, position = read_u64(data, position)
    if count > MAX_ARRAY:
        raise GgufError(f"an array of {count} items")
    if item_type == STRING:
        return Value("array of string", count=count), _skip_strings(data, position, count)
    if item_type not in SCALARS:
        raise GgufError(f"an array of type {item_type}")
    name, encoding = SCALARS[item_type]
    position += count * encoding.size
    if position > len(data):
        raise GgufError("an array that does not end")
    return Value(f"array of {name}", count=count), position


def _skip_strings(data: mmap.mmap, position: int, count: int) -> int:
    """A vocabulary and its merges are 300,000 strings: this loop is the whole cost of a header (about 25 ms)."""
    unpack = _U64.unpack_from
    for _ in range(count):
        (length,) = unpack(data, position)
        if length > MAX_STRING_BYTES:
            raise GgufError(f"a string of {length} bytes")
        position += 8 + length
    if position > len(data):
        raise GgufError("an array that does not end")
    return position
