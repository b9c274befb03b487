"""Puts the artifacts of a bundle into this machine's store: all is checked first, then written beside and renamed.

Installs no package and asks no network; knows the steps, and none of the formats.
"""

import hashlib
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from edgedoc.artifact import Artifact
from edgedoc.bundles.manifest import WHEELS, BundleManifest
from edgedoc.bundles.minisign import SUFFIX, PublicKey, Signature
from edgedoc.bundles.reading import Bundle
from edgedoc.bundles.unpacking import Unpacker
from edgedoc.errors import ArtifactError, OutputError
from edgedoc.manifest import MANIFEST
from edgedoc.staging import staged
from edgedoc.store import holds, home, write_errors


@dataclass(frozen=True, kw_only=True)
class Installed:
    """What an installation did."""

    manifest: BundleManifest
    artifacts: tuple[Path, ...]
    """Where they are now."""
    known: tuple[Path, ...]
    """Those of them that were there before, the same to the last byte."""
    wheels: Path | None
    """Folder of the bundle's wheels, if it has any."""
    comment: str | None
    """What the signer wrote; None when no signature was checked."""


def install(path: Path, *, key: PublicKey | None = None, overwrite: bool = False) -> Installed:
    """Check a bundle, with `key` its signature `PATH.minisig` before all else, and install what is not there yet.

    Raises MissingModelError without bundle or signature, ArtifactError when it is not whole, not by that key or not
    consistent, OutputError when an artifact of the same place is another one and not to be overwritten, or the store
    cannot be written. Whatever is raised, no artifact is in the store in part.
    """
    with Bundle.open(path) as bundle:
        comment, signed = None, None
        if key is not None:
            signature, signed = Signature.read(path.with_name(path.name + SUFFIX)), bundle.digest()
            signature.check(signed, key, path)
            comment = signature.comment
        manifest, digest = bundle.read()
        if signed not in (None, digest):
            raise _changed(path)
        with write_errors():
            known, wheels = _unpack(bundle, manifest, path, overwrite)
    return Installed(
        manifest=manifest,
        artifacts=tuple(home() / place for place in manifest.artifacts),
        known=tuple(known),
        wheels=wheels,
        comment=comment,
    )


def _unpack(bundle: Bundle, manifest: BundleManifest, path: Path, overwrite: bool) -> tuple[list[Path], Path | None]:
    """Write what is missing. Returns the artifacts that are there already, and the folder of wheels."""
    known = []
    wheels = home() / WHEELS / hashlib.sha256(manifest.to_json().encode()).hexdigest()[:12] if manifest.wheels else None
    with ExitStack() as stack:
        places = {}
        for place in manifest.artifacts:
            if holds(home() / place, manifest.files[f"{place}/{MANIFEST}"]):
                known.append(home() / place)
            else:
                places[place] = stack.enter_context(staged(home() / place, overwrite=overwrite))
        if wheels is not None and not wheels.exists():
            places[WHEELS] = stack.enter_context(staged(wheels, overwrite=False))
        if places:
            _require_room(manifest.bytes)
            with Unpacker(places) as unpacker:
                if bundle.read(unpacker.take)[0] != manifest:
                    raise _changed(path)
        found = [Artifact.open(places.get(place, home() / place)) for place in manifest.artifacts]
        for place, artifact in zip(manifest.artifacts, found, strict=True):
            _require_consistent(manifest, place, artifact, path)
        if {name: licence for artifact in found for name, licence in artifact.licences.items()} != manifest.licences:
            raise ArtifactError(f"{path} states other licences than its artifacts do. Do not use it.")
    return known, wheels


def _require_consistent(manifest: BundleManifest, place: str, artifact: Artifact, path: Path) -> None:
    """An artifact's own manifest must say what the bundle's does: each is what later checks go by."""
    listed = {
        name.removeprefix(f"{place}/"): entry
        for name, entry in manifest.files.items()
        if name.startswith(f"{place}/") and name != f"{place}/{MANIFEST}"
    }
    named = (artifact.recipe.name, artifact.format.value)
    if listed != artifact.manifest.files or (place.split("/")[1], place.split("/")[2].partition("-")[0]) != named:
        raise ArtifactError(f"{path}: {place} is not the artifact its own {MANIFEST} describes. Make the bundle again.")


def _require_room(needed: int) -> None:
    folder = next(folder for folder in (home(), *home().absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OutputError(
            f"The disk is full: the bundle needs {needed >> 20} MB in {folder}, {free >> 20} are free. Make room, or "
            "set EDGEDOC_HOME to another disk."
        )


def _changed(path: Path) -> ArtifactError:
    return ArtifactError(f"{path} changed while it was read. Run the command again.")
