"""Where artifacts live on this machine, and how a model's name becomes an artifact. Exports nothing, downloads nothing.

EDGEDOC_HOME, or the platform's cache folder
└── artifacts/RECIPE/FORMAT-PRESET/        one artifact folder each
"""

import os
import sys
from pathlib import Path

from edgedoc.artifact import Artifact
from edgedoc.errors import ArtifactError, MissingModelError
from edgedoc.manifest import MANIFEST, Format
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
    recipe = load_recipe(name)
    artifact = find_artifact(recipe.name, format=format, preset=preset)
    if artifact is None:
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
