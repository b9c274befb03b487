"""The one form of tar a bundle has: plain files in ustar headers (POSIX.1-1988), every other field fixed.

A name and a size determine every byte of a header, so a reader compares headers instead of interpreting them. What
archives are attacked with has no place in that: links, devices, owners, sparse files, base-256 sizes, extensions that
say otherwise than the header. A name over 100 characters, as wheels have, is in a PAX header (POSIX.1-2001) and nothing
else is. Knows no bundle.
"""

from edgedoc.errors import UsageError

BLOCK = 512
END = bytes(2 * BLOCK)
"""Not padded to tar's customary 10,240 bytes; every tar reads it."""
MAX_SIZE = 8**11 - 1
"""Eleven octal digits: 8 GiB less a byte."""
MAX_NAME = 255
"""Of a path; file systems allow that much for each part of one."""
_NAME = 100
_KINDS = {"1": "a hard link", "2": "a symbolic link", "5": "a folder", "x": "a PAX header", "g": "a PAX header"}
_DEVICES = "346"


def header(name: str, size: int) -> bytes:
    """What goes before the content of a file with this ASCII name and size in bytes.

    Raises UsageError when a bundle cannot hold it.
    """
    if not 0 <= size <= MAX_SIZE:
        raise UsageError(f"{name} has {size} bytes; a file in a bundle has at most {MAX_SIZE}.")
    if len(name) > MAX_NAME:
        raise UsageError(f"{name} is too long a name for a bundle.")
    if len(name) <= _NAME:
        return _block(name, size, b"0")
    # Its own length counts, three digits from here on.
    record = f"{len(name) + len('123 path=') + 1} path={name}\n".encode("ascii")
    return _block("././@PaxHeader", len(record), b"x") + record + padding(len(record)) + _block(name, size, b"0")


def _block(name: str, size: int, kind: bytes) -> bytes:
    fields = [
        name[:_NAME].encode("ascii").ljust(_NAME, b"\0"),
        *(b"0000644\0", b"0000000\0", b"0000000\0"),  # mode, owner, group
        b"%011o\0" % size,
        b"00000000000\0",  # time: the same content gives the same bytes
        b" " * 8,  # the checksum counts itself as spaces
        kind,
        bytes(100),
        b"ustar\x0000",
        bytes(32 + 32 + 8 + 8 + 155 + 12),
    ]
    plain = b"".join(fields)
    return plain[:148] + b"%06o\0 " % sum(plain) + plain[156:]


def padding(size: int) -> bytes:
    """The zeros between a file of this size and the next header."""
    return bytes(-size % BLOCK)


def length(names_and_sizes: dict[str, int]) -> int:
    """Bytes of the whole archive."""
    return sum(len(header(name, size)) + size + len(padding(size)) for name, size in names_and_sizes.items()) + len(END)


def size_in(block: bytes) -> int | None:
    """The size a header states, if it states it as `header` does."""
    digits = block[124:135]
    return int(digits, 8) if len(block) == BLOCK and digits.isdigit() and not set(digits) & set(b"89") else None


def describe(block: bytes) -> str:
    """What a foreign header announces, for messages only."""
    if block.strip(b"\0") == b"":
        return "the end"
    kind = block[156:157].decode("latin-1")
    name = block[:_NAME].split(b"\0")[0].decode("utf-8", "replace")
    return f"{'a device' if kind in _DEVICES else _KINDS.get(kind, 'an entry')} {name!r}"
