"""Documents in from paths or stdin, results out beside their destination and renamed. Knows nothing of content."""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, TextIO

from edgedoc.errors import DocumentError, OutputError

STDIN = "-"

_KNOWN = re.compile(r"\.(?:html?|md|markdown|txt)\Z")


def read(source: str) -> bytes:
    """The bytes of a file, or of stdin for "-". Raises DocumentError."""
    if source == STDIN:
        return sys.stdin.buffer.read()
    try:
        return Path(source).read_bytes()
    except IsADirectoryError as error:
        raise DocumentError("It is a folder. Name the files in it.") from error
    except OSError as error:
        raise DocumentError(f"It cannot be read: {error.strerror or error}.") from error


def destination(source: str, out: Path, suffix: str, *, many: bool) -> Path:
    """Where the result of `source` goes: `out` itself, or NAME + suffix in it when it is a folder or has to be one."""
    if many or out.is_dir():
        name = "stdin" if source == STDIN else Path(source).name
        named = f"{_KNOWN.sub('', name)}{suffix}"
        # A result must not become its own source.
        return out / (named if named != name else f"{name}{suffix}")
    return out


def write(path: Path, text: str) -> None:
    """Write UTF-8 so that `path` holds the old content or the new one, never half. Raises OutputError.

    A device or pipe, such as /dev/null, is written to and stays what it is.
    """
    with replacing(path) as file:
        file.write(text)


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """A UTF-8 file to write to that becomes `path` when all went well, as in `write`. Raises OutputError."""
    with replacing_bytes(path) as raw:
        file = TextIOWrapper(raw, "utf-8", "replace", "\n")
        yield file
        file.flush()


@contextmanager
def replacing_bytes(path: Path) -> Iterator[BinaryIO]:
    """As `replacing`, for bytes."""
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as file:
                yield file
        else:
            yield from _beside(path)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror or error}. Choose another place with --out."
        ) from error


def _beside(path: Path) -> Iterator[BinaryIO]:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Only part of the name: with the rest of the temporary one it must not exceed what file systems allow.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
