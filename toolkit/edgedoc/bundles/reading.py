"""Reads a bundle to the last byte and accepts nothing that `writing` would not have written. Writes nothing.

The headers are compared with those that bundle.json implies, not interpreted: after its first file a bundle has no
byte that is not known before it is read.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from edgedoc.bundles import tar
from edgedoc.bundles.manifest import MAX_BYTES, NAME, BundleManifest
from edgedoc.errors import ArtifactError, MissingModelError

CHUNK = 2**20
Take = Callable[[str, bytes], object]
"""Is given a file's name and the next piece of its content; an empty file has one piece."""


class Bundle:
    """An open bundle. Every error names its path."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file

    @classmethod
    def open(cls, path: Path) -> "Bundle":
        """Open a bundle without reading it. Raises MissingModelError when nothing is there, ArtifactError."""
        if not path.exists():
            raise MissingModelError(f"There is no bundle at {path}. Make one with: edgedoc bundle MODEL --out {path}")
        # A pipe would wait for ever, and a bundle is read more than once.
        if not path.is_file():
            raise ArtifactError(f"{path} is not a file; a bundle is one .tar file.")
        try:
            return cls(path, path.open("rb"))
        except OSError as error:
            raise ArtifactError(f"{path} cannot be read: {error.strerror or error}.") from error

    def __enter__(self) -> "Bundle":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def digest(self) -> bytes:
        """BLAKE2b-512 of the whole file, which is what a signature signs. Raises ArtifactError."""
        self._file.seek(0)
        digest = hashlib.blake2b()
        while piece := self._read(CHUNK):
            digest.update(piece)
        return digest.digest()

    def read(self, take: Take = lambda name, piece: None) -> tuple[BundleManifest, bytes]:
        """Read everything, hand each file's content to `take`, and return the manifest and the file's BLAKE2b-512.

        Raises ArtifactError for whatever is not as in a bundle, and what `take` raises.
        """
        self._file.seek(0)
        whole = hashlib.blake2b()
        manifest, own = self._manifest(whole.update)
        expected = tar.length({NAME: own} | {name: entry.bytes for name, entry in manifest.files.items()})
        if (size := os.fstat(self._file.fileno()).st_size) != expected:
            raise self._broken(f"it has {size} bytes, and {NAME} lists {expected}")
        for name, entry in manifest.files.items():
            self._require(tar.header(name, entry.bytes), f"the file {name!r} of {entry.bytes} bytes", whole.update)
            digest = hashlib.sha256()
            for piece in self._pieces(entry.bytes, name):
                whole.update(piece)
                digest.update(piece)
                take(name, piece)
            if digest.hexdigest() != entry.sha256:
                raise self._broken(f"{name!r} is altered: its SHA-256 is not the one in {NAME}")
            self._require(tar.padding(entry.bytes), f"zeros behind {name!r}", whole.update)
        self._require(tar.END, "the end", whole.update)
        return manifest, whole.digest()

    def _manifest(self, update: Callable[[bytes], object]) -> tuple[BundleManifest, int]:
        """What the first file says, and its size."""
        header = self._exactly(tar.BLOCK, NAME)
        size = tar.size_in(header)
        if size is None or size > MAX_BYTES or header != tar.header(NAME, size):
            raise self._broken(f"it does not begin with {NAME} but with {tar.describe(header)}")
        content = self._exactly(size, NAME)
        update(header + content)
        self._require(tar.padding(size), f"zeros behind {NAME}", update)
        try:
            return BundleManifest.from_json(content.decode("ascii")), size
        except (UnicodeDecodeError, ArtifactError) as error:
            raise self._broken(str(error).rstrip(".")) from error

    def _require(self, wanted: bytes, what: str, update: Callable[[bytes], object]) -> None:
        found = self._exactly(len(wanted), what)
        if found != wanted:
            raise self._broken(f"where {NAME} promises {what} there is {tar.describe(found)}")
        update(found)

    def _pieces(self, size: int, name: str) -> Iterator[bytes]:
        yield self._exactly(min(size, CHUNK), name)
        for start in range(CHUNK, size, CHUNK):
            yield self._exactly(min(size - start, CHUNK), name)

    def _exactly(self, size: int, what: str) -> bytes:
        content = self._read(size)
        if len(content) != size:
            raise self._broken(f"it ends within {what}")
        return content

    def _read(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except OSError as error:
            raise ArtifactError(f"{self._path} cannot be read: {error.strerror or error}.") from error

    def _broken(self, problem: str) -> ArtifactError:
        return ArtifactError(f"{self._path} is not a bundle as edgedoc writes it: {problem}. Copy or make it again.")
