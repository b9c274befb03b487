"""bundle.json, the first file of a bundle: what is inside, and the size and SHA-256 of each other file, in their order.

Knows no tar and no artifact. With the rules of `names` and `tar` it determines every byte of the bundle's layout.
"""

import json
import re
from dataclasses import dataclass

from edgedoc.bundles import names, tar
from edgedoc.errors import ArtifactError
from edgedoc.manifest import MANIFEST, FileEntry
from edgedoc.recipes import Licence
from edgedoc.schema import SchemaError, from_table, parse_json, to_table

NAME = "bundle.json"
SCHEMA = 1
MAX_BYTES = 4 * 2**20
WHEELS = "wheels"


@dataclass(frozen=True, kw_only=True)
class Wheels:
    """The Python packages in the bundle's folder `wheels`."""

    requirement: str
    """What they install, as `edgedoc[gguf]==0.1.0`."""
    platforms: tuple[str, ...]
    """Platform tags as in a wheel's name, manylinux_2_28_x86_64."""
    python: str
    """Version of the interpreter they are for, 3.11."""


@dataclass(frozen=True, kw_only=True)
class BundleManifest:
    """Contents of bundle.json."""

    schema: int = SCHEMA
    edgedoc: str
    """Version that wrote the bundle."""
    created: str
    """UTC, ISO 8601, to the second."""
    artifacts: tuple[str, ...]
    """Their folders: artifacts/RECIPE/FORMAT-PRESET, the places they take in a store."""
    licences: dict[str, Licence]
    """By recipe name, those of adapters beside their model too."""
    wheels: Wheels | None = None
    files: dict[str, FileEntry]
    """Every file but this one, by name."""

    @property
    def bytes(self) -> int:
        """Bytes of all files but this one."""
        return sum(entry.bytes for entry in self.files.values())

    def to_json(self) -> str:
        """The manifest as JSON text; `BundleManifest.from_json` of it gives an equal manifest."""
        return json.dumps(to_table(self), indent=1, ensure_ascii=True, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "BundleManifest":
        """Read a manifest. Raises ArtifactError naming the first thing that no bundle of this version has."""
        try:
            table = parse_json(text)
            schema = table.get("schema") if isinstance(table, dict) else None
            if schema != SCHEMA:
                raise ArtifactError(
                    f"{NAME} has schema {schema!r}; this edgedoc reads {SCHEMA}. Make the bundle again, or upgrade "
                    "with: pip install -U edgedoc"
                )
            manifest = from_table(cls, table)
        except SchemaError as error:
            raise ArtifactError(f"{NAME}: {error}.") from error
        if manifest.to_json() != text:
            raise ArtifactError(f"{NAME} is not as edgedoc writes it.")
        if complaint := manifest._complaint():
            raise ArtifactError(f"{NAME}: {complaint}.")
        return manifest

    def _complaint(self) -> str | None:
        if not re.fullmatch(r"\d{4}(?:-\d\d){2}T\d\d(?::\d\d){2}\+00:00", self.created):
            return "'created' is no time in UTC"
        wheels = self.wheels
        # It ends in a command line.
        if wheels is not None and not re.fullmatch(r"edgedoc\[[a-z,]+\]==[A-Za-z0-9.+]+", wheels.requirement):
            return f"'wheels.requirement' is {wheels.requirement!r}, not edgedoc with its extras"
        if not self.artifacts or len(set(self.artifacts)) != len(self.artifacts):
            return "'artifacts' names none, or one twice"
        for place in self.artifacts:
            if not re.fullmatch(r"artifacts/[^/]+/(?:gguf|onnx)-[^/]+", place) or names.problem(place):
                return f"{place!r} is no place of an artifact"
            if f"{place}/{MANIFEST}" not in self.files:
                return f"{place!r} has no {MANIFEST}"
        for name, entry in self.files.items():
            if found := names.problem(name):
                return found
            if len(name) > tar.MAX_NAME:
                return f"{name!r} is too long"
            if not 0 <= entry.bytes <= tar.MAX_SIZE or not re.fullmatch("[0-9a-f]{64}", entry.sha256):
                return f"{name!r} has no possible size or SHA-256"
            if "/" in name and not name.startswith((*(f"{place}/" for place in self.artifacts), f"{WHEELS}/")):
                return f"{name!r} belongs to no artifact"
        if found := names.clash([NAME, *self.files]):
            return found
        return None if list(self.files) == sorted(self.files) else "'files' are not sorted by name"
