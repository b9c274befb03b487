"""Documents in from paths or stdin, results out beside their destination and renamed. Knows nothing of their content."""

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
    """Write UTF-8 so that `path` holds the old content or the new one, never half. Raises OutputError."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        temporary = Path(name)
        with open(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise OutputError(
            f"{path} cannot be written: {error.strerror or error}. Choose another place with --out."
        ) from error


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
