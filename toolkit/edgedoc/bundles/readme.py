"""README.txt of a bundle: what is inside, under which licences, and how it gets onto a machine. Knows no file."""

from collections.abc import Sequence

from edgedoc import __version__
from edgedoc.artifact import Artifact
from edgedoc.bundles.manifest import WHEELS, Wheels
from edgedoc.store import place_of

README = "README.txt"
_TEXTS = ("LICENSE", "LICENCE", "NOTICE")


def readme(artifacts: Sequence[Artifact], wheels: Wheels | None) -> str:
    """The text; the file it lies in is BUNDLE.tar there, so that its name does not change its content."""
    lines = [f"Models for edgedoc, bundled by edgedoc {__version__}.", "", "To install them, no network needed:", ""]
    if wheels is not None:
        lines += [
            f"    tar -xf BUNDLE.tar {WHEELS}",
            f"    {pip_command(WHEELS, wheels.requirement)}",
            f"        (Python {wheels.python}, {' '.join(wheels.platforms)})",
        ]
    lines += ["    edgedoc install BUNDLE.tar", "", "With BUNDLE.tar.minisig beside it, --key checks who made it.", ""]
    for artifact in artifacts:
        place, manifest = place_of(artifact), artifact.manifest
        lines += [
            place,
            f"    {artifact.recipe.title}",
            f"    {manifest.format} {manifest.preset}, {manifest.bits_per_weight:.2f} bits a weight, {artifact.size} B",
            f"    made from {' at '.join(filter(None, (manifest.source.id, manifest.source.revision)))}",
            *(f"    {model}: {licence.terms}" for model, licence in artifact.licences.items()),
            *(f"    licence text: {place}/{file}" for file in manifest.files if _is_text(file)),
            "",
        ]
    return "\n".join(lines)


def pip_command(folder: str, requirement: str) -> str:
    """The command that installs the wheels in `folder`."""
    return f"pip install --no-index --find-links {folder} '{requirement}'"


def _is_text(file: str) -> bool:
    return file.rpartition("/")[2].split("-")[-1].startswith(_TEXTS)
