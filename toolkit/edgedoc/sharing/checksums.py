"""Compares a checkpoint in the hub's cache with the checksums the hub states: SHA-256, or git's for small files."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from edgedoc.errors import CheckpointError


def require_intact(hub_id: str, folder: Path, stated: Iterable[Any]) -> None:
    """Read every file of a snapshot; `stated` are huggingface_hub's RepoSiblings, asked for with their metadata.

    Raises CheckpointError for the first that differs, and takes it out of the cache, which would keep it for good.
    """
    for file in stated:
        path = folder / file.rfilename
        if not path.is_file():
            continue
        try:
            intact = _is_intact(path, file)
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read: {error.strerror or error}.") from error
        if not intact:
            forget(path)
            raise CheckpointError(
                f"{hub_id}: {file.rfilename} is not what the hub's checksum says. It was taken out of the cache: run "
                "the command again to fetch it anew."
            )


def forget(path: Path) -> None:
    """Delete a file of the hub's cache, with the blob it links to."""
    blob = path.resolve()
    path.unlink(missing_ok=True)
    blob.unlink(missing_ok=True)


def _is_intact(path: Path, file: Any) -> bool:
    if file.lfs is not None:
        with path.open("rb") as content:
            return bool(hashlib.file_digest(content, "sha256").hexdigest() == file.lfs.sha256)
    if file.blob_id is None:
        return True
    digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as content:
        while piece := content.read(2**20):
            digest.update(piece)
    return digest.hexdigest() == str(file.blob_id)
