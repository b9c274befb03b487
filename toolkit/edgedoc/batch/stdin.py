"""stdin on disk: it comes once, and a job reads its inputs more often than that. Knows no format."""

import shutil
import sys
from pathlib import Path

from edgedoc.errors import OutputError


class Spool:
    """Call it for a file with all of stdin, written to `folder` at the first call."""

    def __init__(self, folder: Path) -> None:
        """Reads nothing yet."""
        self._path = folder / "stdin"
        self._filled = False

    def __call__(self) -> Path:
        """The file. Raises OutputError when it cannot be written."""
        if not self._filled:
            try:
                with self._path.open("wb") as file:
                    shutil.copyfileobj(sys.stdin.buffer, file, 1 << 20)
            except OSError as error:
                raise OutputError(f"stdin cannot be kept in {self._path}: {error.strerror or error}.") from error
            self._filled = True
        return self._path

    def close(self) -> None:
        """Remove it."""
        self._path.unlink(missing_ok=True)
