"""Protocol Buffers' wire format, walked with bounds and without copying. Knows no message type.

Numbers are Python integers, so nothing wraps. Encoding: https://protobuf.dev/programming-guides/encoding/
"""

import mmap
from collections.abc import Iterator
from typing import NamedTuple

MAX_FIELDS = 2_000_000
"""A 0.5B model has some ten thousand; a file of nothing but empty fields would otherwise keep us busy for hours."""

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MAX_VARINT_BYTES = 10


class WireError(Exception):
    """Why a message is refused; the reader adds the path."""


class Span(NamedTuple):
    """Where the bytes of a message or string begin and end."""

    start: int
    end: int

    @property
    def size(self) -> int:
        """Bytes."""
        return self.end - self.start


class Field(NamedTuple):
    """One field of a message: a number, or the span of its bytes; the other one is empty."""

    number: int
    value: int
    span: Span


class Walker:
    """Reads messages out of `data`; every read is inside the span it was asked for."""

    def __init__(self, data: mmap.mmap | bytes) -> None:
        self._data = data
        self._left = MAX_FIELDS

    def fields(self, message: Span) -> Iterator[Field]:
        """The fields of a message, in file order. Raises WireError."""
        position = message.start
        while position < message.end:
            self._left -= 1
            if self._left < 0:
                raise WireError(f"it has more than {MAX_FIELDS:,} fields")
            key, position = self._varint(position, message.end)
            number, kind = key >> 3, key & 7
            value, start = 0, position
            if kind == VARINT:
                value, position = self._varint(position, message.end)
            elif kind == BYTES:
                size, start = self._varint(position, message.end)
                position = start + size
            elif kind in (FIXED32, FIXED64):
                position += 4 if kind == FIXED32 else 8
            else:
                raise WireError(f"field {number} has the unknown wire type {kind}")
            if position > message.end:
                raise WireError("it ends early")
            yield Field(number, value, Span(start, position) if kind != VARINT else Span(0, 0))

    def text(self, string: Span, limit: int = 4096) -> str:
        """A string of at most `limit` bytes. Raises WireError."""
        if string.size > limit:
            raise WireError(f"a name is longer than {limit} bytes")
        try:
            return bytes(self._data[string.start : string.end]).decode("utf-8")
        except UnicodeDecodeError as error:
            raise WireError("a name is not UTF-8") from error

    def integers(self, field: Field) -> list[int]:
        """A repeated integer: one value, or all of them packed. Raises WireError."""
        if not field.span.size:
            return [field.value]
        values = []
        position = field.span.start
        while position < field.span.end:
            value, position = self._varint(position, field.span.end)
            values.append(value)
        return values

    def _varint(self, position: int, end: int) -> tuple[int, int]:
        value = 0
        for shift in range(0, 7 * MAX_VARINT_BYTES, 7):
            if position >= end:
                raise WireError("it ends early")
            byte = self._data[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if not byte & 0x80:
                return value, position
        raise WireError("a number has more than ten bytes")
