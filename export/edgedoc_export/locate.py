"""Finds the folder behind a name: a recipe's, a folder's or a hub id; the hub's are downloaded. Reads no weights."""

import importlib.resources
import re
from dataclasses import dataclass
from pathlib import Path

from edgedoc.artifact import RECIPE
from edgedoc.errors import MissingModelError, UsageError
from edgedoc.hub import fetch
from edgedoc.manifest import ManifestSource, Origin
from edgedoc.recipes import Recipe, list_recipes, load_recipe, parse_recipe

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


@dataclass(frozen=True, kw_only=True)
class Found:
    """A checkpoint or adapter on this machine, where it came from, and the recipe known for it."""

    folder: Path
    origin: ManifestSource
    recipe: Recipe | None


def locate(
    name: str | Path, *, revision: str | None = None, anonymous: bool = False, download_bars: bool = False
) -> Found:
    """`name` is a recipe's name or .toml file, a folder (a Path that is no .toml always is) or a hub id.

    `anonymous`: something no recipe is known for will do. Raises UsageError when the name means nothing or no recipe is
    known, and what `edgedoc.hub.fetch` raises.
    """
    known = {entry.name: entry for entry in list_recipes()}
    if isinstance(name, str) and name in known:
        return _from_recipe(known[name], revision, download_bars)
    if Path(name).suffix == ".toml":
        return _from_recipe(load_recipe(name), revision, download_bars)
    if isinstance(name, Path) or Path(name).exists():
        if revision is not None:
            raise UsageError(f"{name} is a folder, which has no revisions")
        folder = Path(name)
        origin = ManifestSource(kind=Origin.FOLDER, id=folder.resolve().name, path=str(folder.resolve()))
        return Found(folder=folder, origin=origin, recipe=recipe_in(folder, anonymous=anonymous))
    if HUB_ID.fullmatch(name):
        found = {entry.source.hub_id: entry for entry in known.values()}.get(name)
        if found is None and not anonymous:
            raise UsageError(
                f"No recipe is known for {name}. Name one with --recipe: {', '.join(known)}, or a .toml file."
            )
        return _from_hub(name, revision or (found.source.revision if found else None), found, download_bars)
    load_recipe(name)  # knows what to suggest for a name that is almost right
    raise UsageError(f"{name} is neither a recipe, a folder nor a hub id")


def recipe_in(folder: Path, *, anonymous: bool) -> Recipe | None:
    """The recipe.toml of a folder. Raises UsageError when it is unusable, or missing and not `anonymous`."""
    path = folder / RECIPE
    if not path.is_file():
        if anonymous:
            return None
        names = ", ".join(entry.name for entry in list_recipes())
        raise UsageError(
            f"{folder} has no {RECIPE}, so nothing says how to prompt it. Name a recipe with --recipe ({names}), or "
            f"put a {RECIPE} there."
        )
    try:
        return parse_recipe(path.read_text("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"Cannot read {path}: {error}") from error


def _from_recipe(named: Recipe, revision: str | None, download_bars: bool) -> Found:
    source = named.source
    if source.bundled is not None:
        folder = Path(str(importlib.resources.files("edgedoc_models") / "checkpoints" / source.bundled))
        if not folder.is_dir():
            raise MissingModelError(
                f"The bundled checkpoint {source.bundled} is not installed. Reinstall with: "
                "pip install --force-reinstall edgedoc"
            )
        return Found(folder=folder, origin=ManifestSource(kind=Origin.BUNDLED, id=source.bundled), recipe=named)
    if source.hub_id is None:
        raise UsageError(
            f"Recipe {named.name} names no checkpoint; give a folder or a hub id and --recipe {named.name}"
        )
    return _from_hub(source.hub_id, revision or source.revision, named, download_bars)


def _from_hub(hub_id: str, revision: str | None, recipe: Recipe | None, download_bars: bool) -> Found:
    snapshot = fetch(hub_id, revision, progress=download_bars)
    origin = ManifestSource(kind=Origin.HUB, id=hub_id, revision=snapshot.commit)
    return Found(folder=snapshot.path, origin=origin, recipe=recipe)
