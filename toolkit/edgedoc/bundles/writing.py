"""Writes artifacts and wheels into one file; the same content gives the same bytes. Knows no signature and no index."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from edgedoc import __version__
from edgedoc.artifact import Artifact
from edgedoc.bundles import names, tar
from edgedoc.bundles.manifest import MAX_BYTES, NAME, WHEELS, BundleManifest, Wheels
from edgedoc.bundles.readme import README, readme
from edgedoc.errors import ArtifactError, UsageError
from edgedoc.files import replacing_bytes
from edgedoc.manifest import MANIFEST, FileEntry
from edgedoc.store import place_of

CHUNK = 2**20


def write(
    artifacts: Sequence[Artifact], out: Path, *, wheels: Wheels | None = None, wheel_files: Iterable[Path] = ()
) -> BundleManifest:
    """Write `out` from artifacts, each checked to the last byte, and the files of `wheels`; return what it holds.

    Raises ArtifactError when an artifact is not what was exported, UsageError when two would take the same place or a
    name cannot go into a bundle, OutputError when `out` cannot be written; then `out` is as it was.
    """
    artifacts = sorted(artifacts, key=place_of)
    sources: dict[str, Path] = {}
    for artifact in artifacts:
        artifact.check()
        place = place_of(artifact)
        if f"{place}/{MANIFEST}" in sources:
            raise UsageError(f"Two of the artifacts are {place} in a store. Bundle them apart.")
        sources |= {f"{place}/{name}": artifact.path / name for name in (MANIFEST, *artifact.manifest.files)}
    sources |= {f"{WHEELS}/{file.name}": file for file in wheel_files}
    text = readme(artifacts, wheels).encode()
    for complaint in filter(None, [*map(names.problem, sources), names.clash(sources)]):
        raise UsageError(f"{complaint}, so it cannot go into a bundle. Export the artifact again under another name.")
    files = {name: _entry(path) for name, path in sources.items()}
    files[README] = FileEntry(bytes=len(text), sha256=hashlib.sha256(text).hexdigest())
    manifest = BundleManifest(
        edgedoc=__version__,
        created=_created(artifacts),
        artifacts=tuple(map(place_of, artifacts)),
        licences={name: licence for artifact in artifacts for name, licence in artifact.licences.items()},
        wheels=wheels,
        files=dict(sorted(files.items())),
    )
    content = manifest.to_json().encode("ascii")
    if len(content) > MAX_BYTES:
        raise UsageError("These are too many files for one bundle. Make several.")
    # What could not be installed is not written.
    BundleManifest.from_json(content.decode())
    with replacing_bytes(out) as file:
        _put(file, NAME, content)
        for name, entry in manifest.files.items():
            if name == README:
                _put(file, name, text)
            else:
                _copy(file, name, sources[name], entry)
        file.write(tar.END)
    return manifest


def _created(artifacts: Iterable[Artifact]) -> str:
    # https://reproducible-builds.org/specs/source-date-epoch/ ; without it the artifacts' own date, for the same end.
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        return max(artifact.manifest.created for artifact in artifacts)
    try:
        return datetime.fromtimestamp(int(epoch), UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(f"SOURCE_DATE_EPOCH is {epoch!r}, not seconds since 1970.") from error


def _entry(path: Path) -> FileEntry:
    try:
        return FileEntry.of(path)
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror or error}.") from error


def _put(file: BinaryIO, name: str, content: bytes) -> None:
    file.write(tar.header(name, len(content)) + content + tar.padding(len(content)))


def _copy(file: BinaryIO, name: str, source: Path, entry: FileEntry) -> None:
    file.write(tar.header(name, entry.bytes))
    digest, copied = hashlib.sha256(), 0
    for piece in _pieces(source):
        digest.update(piece)
        copied += len(piece)
        file.write(piece)
    if (copied, digest.hexdigest()) != (entry.bytes, entry.sha256):
        raise ArtifactError(f"{source} changed while it was bundled. Make the bundle again.")
    file.write(tar.padding(entry.bytes))


def _pieces(source: Path) -> Iterator[bytes]:
    # An error of reading must not be taken for one of writing.
    try:
        with source.open("rb") as content:
            while piece := content.read(CHUNK):
                yield piece
    except OSError as error:
        raise ArtifactError(f"{source} cannot be read: {error.strerror or error}.") from error
