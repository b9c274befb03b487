"""Documents in from paths or stdin, results out beside their destination and renamed. Knows nothing of content."""

import os
import sys
import tempfile
from pathlib import Path

from edgedoc.errors import DocumentError, OutputError

STDIN = "-"


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


def destination(source: str, out: Path, *, many: bool) -> Path:
    """Where the Markdown of `source` goes: `out` itself, or NAME.md in it when it is a folder or has to be one."""
    if many or out.is_dir():
        name = "stdin" if source == STDIN else Path(source).name
        return out / f"{name.removesuffix('.html').removesuffix('.htm')}.md"
    return out


def write(path: Path, text: str) -> None:
    """Write UTF-8 so that `path` holds the old content or the new one, never half. Raises OutputError.

    A device or pipe, such as /dev/null, is written to and stays what it is.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8", newline="\n", errors="replace")
        else:
            _replace(path, text)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror or error}. Choose another place with --out."
        ) from error


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Only part of the name: with the rest of the temporary one it must not exceed what file systems allow.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n", errors="replace") as file:
            file.write(text)
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
