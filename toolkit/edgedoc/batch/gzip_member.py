"""One member of a gzip file as a stream that says so when it is damaged or cut short. Knows nothing of its content.

Python's gzip module reads on through all members, and warcio takes a truncated one for whole
(https://github.com/webrecorder/warcio/issues/138).
"""

import io
import zlib
from typing import BinaryIO

MAGIC = b"\x1f\x8b\x08"
_BLOCK = 1 << 16


class DamagedMember(Exception):
    """The member cannot be unpacked to its end; the message says why."""


class GzipMember(io.RawIOBase):
    """Unpacks the member that starts at `offset`; `end` is where the next one starts, once all of it has been read.

    Reading raises DamagedMember.
    """

    def __init__(self, file: BinaryIO, offset: int) -> None:
        """`file` is seekable, and nobody else's while the member is read."""
        self.end: int | None = None
        self._file = file
        self._packed = b""
        self._unpacker = zlib.decompressobj(wbits=31)
        file.seek(offset)

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        """See io.RawIOBase."""
        while self.end is None:
            self._packed = self._packed or self._file.read(_BLOCK)
            if not self._packed:
                raise DamagedMember("it is cut short")
            try:
                data = self._unpacker.decompress(self._packed, len(buffer))
            except zlib.error as error:
                raise DamagedMember(str(error)) from error
            self._packed = self._unpacker.unconsumed_tail
            if self._unpacker.eof:
                self.end = self._file.tell() - len(self._unpacker.unused_data)
            if data:
                buffer[: len(data)] = data
                return len(data)
        return 0


def begins_with(file: BinaryIO, offset: int, beginning: bytes) -> bool:
    """Whether a member starts at `offset` and unpacks to something that starts with `beginning`."""
    try:
        return io.BufferedReader(GzipMember(file, offset)).read(len(beginning)) == beginning
    except DamagedMember:
        return False
