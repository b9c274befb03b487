"""The manifest of an artifact folder: what the model is made of, where it came from, and the checksum of every file.

Knows JSON and checksums; opens no model. It protects against damage and mix-ups, not against an attacker, who could
write a manifest of his own.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from edgedoc.errors import ArtifactError, OutputError
from edgedoc.recipes import Licence
from edgedoc.schema import SchemaError, from_table, parse_json, to_table

MANIFEST = "manifest.json"
SCHEMA = 1
MAX_BYTES = 2**20


class Format(StrEnum):
    """The file format of the model, hence the engine that runs it."""

    GGUF = "gguf"
    ONNX = "onnx"


class Origin(StrEnum):
    """Where the checkpoint was taken from."""

    HUB = "hub"
    FOLDER = "folder"
    BUNDLED = "bundled"


@dataclass(frozen=True, kw_only=True)
class ManifestSource:
    """The checkpoint or adapter an artifact was made from. `revision` is the resolved commit of a hub source."""

    kind: Origin
    id: str
    revision: str | None = None
    path: str | None = None
    adapter: str | None = None
    """What kind of adapter it is, as "LoRA of rank 16"; None for a whole checkpoint, and so for the three below."""
    base: str | None = None
    """Hub id, bundled name or path of the dense model below the adapter."""
    base_revision: str | None = None
    trained_on: str | None = None
    """What the adapter says it was trained over, where that is not `base`: a 4-bit copy, a path elsewhere."""


@dataclass(frozen=True, kw_only=True)
class TensorTotals:
    """All tensors of one storage type: how many, how many weights they hold, how many bytes they take."""

    tensors: int
    weights: int
    bytes: int


@dataclass(frozen=True, kw_only=True)
class FileEntry:
    """Size and SHA-256 (lower-case hexadecimal) of one file."""

    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> "FileEntry":
        """Measure a file. Raises OSError."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(bytes=path.stat().st_size, sha256=digest)


@dataclass(frozen=True, kw_only=True)
class AdapterEntry:
    """An adapter that lies beside the model it goes with, unmerged. Paths as in `Manifest.files`."""

    file: str
    recipe: str
    source: ManifestSource
    licence: Licence
    parameters: int


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Contents of manifest.json. `files` covers every file of the folder except the manifest itself.

    Paths are relative to the folder, with `/` on every platform.
    """

    schema: int = SCHEMA
    edgedoc: str
    """Version that wrote the artifact."""
    created: str
    """UTC, ISO 8601."""
    format: Format
    preset: str
    model_file: str
    source: ManifestSource
    licence: Licence
    parameters: int
    bits_per_weight: float
    """Bits of weights per parameter: metadata, tokenizer and computed tables not counted."""
    tensor_types: dict[str, TensorTotals]
    files: dict[str, FileEntry]
    tools: dict[str, str]
    """Name to version of everything that had a hand in the file."""
    verification: dict[str, Any] | None = None
    adapters: dict[str, AdapterEntry] | None = None
    """Recipe name -> adapter; None when the model stands alone, with whatever adapter it has merged in."""

    def to_json(self) -> str:
        """The manifest as JSON text; `Manifest.from_json` of it gives an equal manifest."""
        return json.dumps(to_table(self), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @property
    def sha256(self) -> str:
        """Of the JSON text, hexadecimal: the artifact's identity, since the checksums of all its files are in there."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    @classmethod
    def from_json(cls, text: str, origin: str) -> "Manifest":
        """Read a manifest; `origin` names it in messages. Raises ArtifactError for all but schema 1, to the letter."""
        try:
            table = parse_json(text)
        except SchemaError as error:
            raise ArtifactError(f"{origin} {error}.") from error
        schema = table.get("schema") if isinstance(table, dict) else None
        if type(schema) is not int or not isinstance(table.get("edgedoc"), str):
            raise ArtifactError(f"{origin} was not written by edgedoc.")
        if schema != SCHEMA:
            raise ArtifactError(
                f"{origin} has schema {schema} and was written by edgedoc {table['edgedoc']}; this edgedoc reads "
                f"schema {SCHEMA}. Export the model again, or upgrade with: pip install -U edgedoc"
            )
        try:
            manifest = from_table(cls, table)
        except SchemaError as error:
            raise ArtifactError(f"{origin}: {error}.") from error
        for name in manifest.files:
            if name == MANIFEST or not all(_is_plain_name(part) for part in name.split("/")):
                raise ArtifactError(f"{origin} lists {name!r}: a file of an artifact is a plain name in its folder.")
        if manifest.model_file not in manifest.files:
            raise ArtifactError(f"{origin}: 'model_file' {manifest.model_file!r} is not in 'files'.")
        for name, entry in (manifest.adapters or {}).items():
            if entry.file not in manifest.files or entry.recipe not in manifest.files:
                raise ArtifactError(f"{origin}: the files of the adapter {name!r} are not in 'files'.")
        return manifest

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """The manifest of an artifact folder. Raises ArtifactError."""
        path = folder / MANIFEST
        try:
            if path.is_symlink() or path.stat().st_size > MAX_BYTES:
                raise ArtifactError(f"{path} is a symbolic link or larger than {MAX_BYTES >> 20} MiB: not edgedoc's.")
            return cls.from_json(path.read_text("utf-8"), str(path))
        except FileNotFoundError as error:
            raise ArtifactError(
                f"{folder} is not an artifact: it has no {MANIFEST}. Make one with: edgedoc export MODEL --out {folder}"
            ) from error
        except (OSError, UnicodeDecodeError) as error:
            raise ArtifactError(f"Cannot read {path}: {error}.") from error

    def write(self, folder: Path) -> None:
        """Write manifest.json, replacing an older one in one step. Raises OutputError."""
        temporary = folder / f".{MANIFEST}.{os.getpid()}"
        try:
            temporary.write_text(self.to_json(), "utf-8")
            temporary.replace(folder / MANIFEST)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise OutputError(f"Cannot write {folder / MANIFEST}: {error.strerror or error}.") from error


def _is_plain_name(name: str) -> bool:
    # Separators of every platform and Windows' drives and streams: a folder may have been written anywhere.
    return bool(name) and name not in {".", ".."} and not set(name) & set("/\\:\0")
