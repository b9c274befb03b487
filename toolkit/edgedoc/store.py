"""Where artifacts live on this machine, and how a model's name becomes an artifact. Exports nothing, downloads nothing.

EDGEDOC_HOME, or the platform's cache folder
└── artifacts/RECIPE/FORMAT-PRESET/        one artifact folder each
"""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgedoc.artifact import Artifact
from edgedoc.errors import ArtifactError, MissingModelError, OutputError
from edgedoc.manifest import MANIFEST, FileEntry, Format
from edgedoc.recipes import list_recipes, load_recipe

DEFAULT_MODEL = "nano-reader"
DEFAULT_CHUNKER = "nano-chunker"
"""Of each mode there is one: nano-chunker-simple, nano-chunker-topic, nano-chunker-summary."""
# Without a wish the smallest loss comes first: eight bits cost next to nothing in quality, four bits are a choice.
PRESET_ORDER = ("int8", "q8_0", "int4", "q4_k_m", "q4_0", "f16", "bf16", "f32")


def home() -> Path:
    """edgedoc's folder on this machine; not created here."""
    if chosen := os.environ.get("EDGEDOC_HOME"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "edgedoc"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "edgedoc"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edgedoc"


def artifact_path(recipe_name: str, format: str, preset: str) -> Path:
    """Where the artifact of this recipe, format and preset belongs in the store."""
    return home() / "artifacts" / recipe_name / f"{format}-{preset}"


def place_of(artifact: Artifact) -> str:
    """Where an artifact belongs, relative to `home()` and with `/`: where it is already, or as an export would say.

    Raises ArtifactError for a preset that no export writes.
    """
    manifest = artifact.manifest
    # The manifest may come from anywhere, and this becomes a path.
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", manifest.preset):
        raise ArtifactError(f"{artifact.path} has the preset {manifest.preset!r}: it was not made by edgedoc.")
    place = artifact_path(artifact.recipe.name, manifest.format, manifest.preset)
    own = artifact.path.absolute()
    if own.parent == place.parent.absolute():
        place = own
    elif manifest.adapters:
        place = place.with_name(f"{place.name}-unmerged")
    # What only optimum traces.
    elif "optimum" in manifest.tools:
        place = place.with_name(f"{place.name}-portable")
    return "/".join(place.parts[-3:])


@contextmanager
def write_errors() -> Iterator[None]:
    """An OSError in the block becomes an OutputError that names the store."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{home()} cannot be written: {error.strerror or error}. Make room, or set EDGEDOC_HOME elsewhere."
        ) from error


def holds(folder: Path, manifest: FileEntry) -> bool:
    """Whether `folder` is an artifact with exactly this manifest, and whole to the last byte. Raises OSError."""
    path = folder / MANIFEST
    if path.is_symlink() or not path.is_file() or FileEntry.of(path) != manifest:
        return False
    try:
        return not Artifact.open(folder).problems()
    except ArtifactError:
        return False


def find_artifact(recipe_name: str, *, format: str | None = None, preset: str | None = None) -> Artifact | None:
    """The stored artifact that fits, the first of PRESET_ORDER when several do, or None.

    Raises ArtifactError when the one chosen is broken.
    """
    fitting = []
    for folder in _folders(recipe_name):
        kind, _, name = folder.name.partition("-")
        if format in (None, kind) and preset in (None, name):
            rank = PRESET_ORDER.index(name) if name in PRESET_ORDER else len(PRESET_ORDER)
            fitting.append((rank, list(Format).index(Format(kind)), name, folder))
    return Artifact.open(min(fitting)[-1]) if fitting else None


def list_artifacts() -> tuple[Artifact, ...]:
    """Every artifact in the store that opens, by recipe and folder name. A broken one shows when it is asked for."""
    found = []
    for recipe in _subfolders(home() / "artifacts"):
        for folder in _folders(recipe.name):
            try:
                found.append(Artifact.open(folder))
            except ArtifactError:
                continue
    return tuple(found)


def resolve(model: str | None, *, format: str | None = None, preset: str | None = None) -> Artifact:
    """The artifact a user means: a folder, a recipe name (looked up in the store), or None for the bundled model.

    Raises UsageError for an unknown name, MissingModelError (naming the export command) when the store has no artifact
    of it, ArtifactError when the folder is broken.
    """
    name = model or DEFAULT_MODEL
    folder = Path(name)
    known = any(recipe.name == name for recipe in list_recipes())
    # A cloned checkpoint in the working directory may carry a recipe's name; an artifact there is meant, a checkpoint
    # is not.
    if (folder / MANIFEST).exists() or (folder.exists() and not known) or os.sep in name:
        return Artifact.open(folder)
    artifact = find_artifact(name, format=format, preset=preset)
    if artifact is None:
        # An installed artifact may be of a recipe this machine's catalogue does not have; a wrong name ends here.
        load_recipe(name)
        wish = f"--format {format or Format.GGUF} --quant {preset or PRESET_ORDER[0]}"
        raise MissingModelError(
            f"There is no such artifact of {name} on this machine. Make it with: edgedoc export {name} {wish}"
        )
    return artifact


def _folders(recipe_name: str) -> list[Path]:
    return [
        folder
        for folder in _subfolders(home() / "artifacts" / recipe_name)
        if folder.name.partition("-")[0] in list(Format) and (folder / MANIFEST).exists()
    ]


def _subfolders(folder: Path) -> list[Path]:
    # Unfinished exports are hidden folders beside their destination.
    if not folder.is_dir():
        return []
    return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
