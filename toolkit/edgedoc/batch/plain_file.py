"""One file as one document: read whole, within a limit, and only as long as it stays what it was. Knows no container.

A file ending in .gz is what is in it.
"""

import gzip
import os
import stat
import zlib
from io import BytesIO
from pathlib import Path

from edgedoc.batch.source import too_large
from edgedoc.documents.charset import MAX_BYTES
from edgedoc.errors import DocumentError


def version(path: Path) -> str:
    """Size and time of the last change, as text; "missing" where there is nothing."""
    try:
        return _version(path.stat())
    except OSError:
        return "missing"


def _version(status: os.stat_result) -> str:
    return f"{status.st_size}-{status.st_mtime_ns}"


def read(path: Path, limit: int = MAX_BYTES) -> bytes:
    """The bytes of a file. Raises DocumentError when it cannot be read, is over `limit` or changes meanwhile."""
    try:
        with path.open("rb") as file:
            before = os.fstat(file.fileno())
            if before.st_size > limit:
                raise too_large(before.st_size, limit)
            data = file.read(limit + 1)
            after = os.fstat(file.fileno())
    except IsADirectoryError as error:
        way_out = "Name the files in it." if os.access(path, os.R_OK) else "It cannot be read: permission denied."
        raise DocumentError(f"It is a folder. {way_out}") from error
    except OSError as error:
        raise DocumentError(f"It cannot be read: {error.strerror or error}.") from error
    if len(data) > limit:
        raise too_large(len(data), limit)
    # Pipes and devices have no size to compare.
    if stat.S_ISREG(before.st_mode) and (_version(before) != _version(after) or len(data) != after.st_size):
        raise DocumentError("It changed while it was read. Run the same command again when it is complete.")
    return unpacked(data, limit) if path.suffix == ".gz" else data


def unpacked(data: bytes, limit: int = MAX_BYTES) -> bytes:
    """What is in a gzip file. Raises DocumentError when it is damaged, cut short, or over `limit` bytes."""
    try:
        with gzip.open(BytesIO(data)) as file:
            content = file.read(limit + 1)
    except EOFError as error:
        raise DocumentError("The gzip file is cut short. Get it again.") from error
    except (OSError, zlib.error) as error:
        raise DocumentError(f"The gzip file is damaged: {error}. Get it again.") from error
    if len(content) > limit:
        raise too_large(len(content), limit)
    return content
