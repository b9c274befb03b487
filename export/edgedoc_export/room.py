"""Refuses an export that the disk cannot hold, before an hour of work. Knows no format."""

import shutil
from pathlib import Path

from edgedoc.errors import OutputError


def require_room(folder: Path, needed: int) -> None:
    """Raises OutputError when the disk of the staged `folder` has less than `needed` bytes left."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OutputError(
            f"The disk is full: the export needs {needed >> 20} MB in {folder.parent}, {free >> 20} are free"
        )
