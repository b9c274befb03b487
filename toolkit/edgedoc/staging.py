"""Folders that appear whole or not at all: written beside their destination, synced, then renamed. Knows no content.

A killed process leaves a hidden folder `.NAME.<random>.partial`. While a process lives it holds a lock on its
folder; a folder without one is swept away by the next export to the same destination.
"""

import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgedoc.errors import OutputError
from edgedoc.manifest import MANIFEST

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

SUFFIX = ".partial"
FORGOTTEN_SECONDS = 24 * 3600
"""Where folders cannot be locked, age tells that nobody is writing any more."""


@contextmanager
def staged(destination: Path, *, overwrite: bool) -> Iterator[Path]:
    """A folder to fill; it becomes `destination` when the block ends well and disappears when it does not.

    With `overwrite`, an artifact at `destination` is replaced; anything else there is left alone. Raises
    OutputError when something is in the way, OSError when the file system fails.
    """
    destination = destination.absolute()
    _require_vacant(destination, overwrite)
    destination.parent.mkdir(parents=True, exist_ok=True)
    _sweep(destination)
    folder, lock = _create(destination)
    try:
        yield folder
        _sync(folder)
        # Another export may have been faster.
        _require_vacant(destination, overwrite)
        _publish(folder, destination)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        if lock is not None:
            os.close(lock)


def _require_vacant(destination: Path, overwrite: bool) -> None:
    if not os.path.lexists(destination):
        return
    if not overwrite:
        raise OutputError(f"{destination} exists already. Remove it, choose another place, or say --overwrite.")
    if destination.is_symlink() or not (destination / MANIFEST).is_file():
        raise OutputError(
            f"{destination} exists and is not an artifact, so it is not overwritten. Choose another place."
        )


def _create(destination: Path) -> tuple[Path, int | None]:
    while True:
        folder = destination.with_name(f".{destination.name}.{secrets.token_hex(4)}{SUFFIX}")
        folder.mkdir()
        if fcntl is None:
            return folder, None
        descriptor = os.open(folder, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Between mkdir and flock a sweeping process may have taken it for abandoned.
        if folder.exists():
            return folder, descriptor
        os.close(descriptor)


def _sweep(destination: Path) -> None:
    for entry in destination.parent.iterdir():
        mine = entry.name.startswith(f".{destination.name}.") and entry.name.endswith(SUFFIX)
        if mine and not entry.is_symlink() and _is_abandoned(entry):
            shutil.rmtree(entry, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    if fcntl is None:
        return time.time() - folder.stat().st_mtime > FORGOTTEN_SECONDS
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _publish(folder: Path, destination: Path) -> None:
    if os.path.lexists(destination):
        # Two renames: a kill between them loses the old artifact, never shows half of the new one.
        old = folder.with_name(folder.name.replace(SUFFIX, f".old{SUFFIX}"))
        destination.rename(old)
        folder.rename(destination)
        shutil.rmtree(old, ignore_errors=True)
    else:
        folder.rename(destination)
    _sync_folder(destination.parent)


def _sync(folder: Path) -> None:
    # A rename may reach the disk before the data it names: after a power cut the folder would look finished.
    for path in folder.iterdir():
        if path.is_dir():
            _sync(path)
            continue
        with path.open("rb") as file:
            os.fsync(file.fileno())
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    if fcntl is None:
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
