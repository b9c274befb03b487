"""One job an output: a lock that dies with its process, on every platform. Knows no journal.

It is SQLite's lock on an empty database, which is the portable one of the standard library.
"""

import sqlite3
from pathlib import Path

from edgedoc.errors import OutputError


class OutputLock:
    """Held from construction to `close`."""

    def __init__(self, path: Path) -> None:
        """Raises OutputError when another process, or another part of this one, holds it, or it cannot be made."""
        try:
            self._database = sqlite3.connect(path, timeout=0.5, isolation_level=None)
        except sqlite3.Error as error:
            raise OutputError(f"{path} cannot be made: {error}. Choose another place with --out.") from error
        try:
            self._database.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            self._database.close()
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
                raise OutputError(
                    "Another job is writing this output. Wait for it, or see how far it is with: edgedoc process "
                    "--status OUT"
                ) from error
            raise OutputError(f"{path} cannot be locked: {error}. Choose another place with --out.") from error

    def close(self) -> None:
        """Let go of it."""
        self._database.close()


def held(path: Path) -> bool:
    """Whether somebody holds the lock now."""
    if not path.exists():
        return False
    try:
        OutputLock(path).close()
    except OutputError:
        return True
    return False
