"""Finds the checkpoint folder and the recipe that a user means by a model's name. Reads no weights."""

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
class ExportSource:
    """A checkpoint on this machine, how to use it, and where it came from."""

    folder: Path
    recipe: Recipe
    origin: ManifestSource


def find_source(
    model: str | Path, *, revision: str | None = None, recipe: str | Path | None = None, download_bars: bool = False
) -> ExportSource:
    """`model` is a recipe's name, a checkpoint folder (a Path always is) or a hub id; hub checkpoints are downloaded.

    `recipe` (a name or a .toml file) says how to use a checkpoint that no recipe is known for. Raises UsageError
    when the name means nothing or no recipe is known, and what `edgedoc.hub.fetch` raises.
    """
    known = {entry.name: entry for entry in list_recipes()}
    chosen = load_recipe(recipe) if recipe is not None else None
    if isinstance(model, str) and model in known:
        return _from_recipe(known[model], chosen or known[model], revision, download_bars)
    if isinstance(model, Path) or Path(model).exists():
        if revision is not None:
            raise UsageError(f"{model} is a folder, which has no revisions")
        folder = Path(model)
        origin = ManifestSource(kind=Origin.FOLDER, id=folder.resolve().name, path=str(folder.resolve()))
        return ExportSource(folder=folder, recipe=chosen or _recipe_in(folder), origin=origin)
    if HUB_ID.fullmatch(model):
        by_hub_id = {entry.source.hub_id: entry for entry in known.values()}
        found = chosen or by_hub_id.get(model)
        if found is None:
            raise UsageError(
                f"No recipe is known for {model}. Name one with --recipe: {', '.join(known)}, or a .toml file."
            )
        return _from_hub(
            model, revision or (found.source.revision if model == found.source.hub_id else None), found, download_bars
        )
    load_recipe(model)  # knows what to suggest for a name that is almost right
    raise UsageError(f"{model} is neither a recipe, a folder nor a hub id")


def _from_recipe(named: Recipe, recipe: Recipe, revision: str | None, download_bars: bool) -> ExportSource:
    source = named.source
    if source.bundled is not None:
        folder = Path(str(importlib.resources.files("edgedoc_models") / "checkpoints" / source.bundled))
        if not folder.is_dir():
            raise MissingModelError(
                f"The bundled checkpoint {source.bundled} is not installed. Reinstall with: "
                "pip install --force-reinstall edgedoc"
            )
        origin = ManifestSource(kind=Origin.BUNDLED, id=source.bundled)
        return ExportSource(folder=folder, recipe=recipe, origin=origin)
    if source.hub_id is None:
        raise UsageError(
            f"Recipe {named.name} names no checkpoint; give a folder or a hub id and --recipe {named.name}"
        )
    return _from_hub(source.hub_id, revision or source.revision, recipe, download_bars)


def _from_hub(hub_id: str, revision: str | None, recipe: Recipe, download_bars: bool) -> ExportSource:
    snapshot = fetch(hub_id, revision, progress=download_bars)
    origin = ManifestSource(kind=Origin.HUB, id=hub_id, revision=snapshot.commit)
    return ExportSource(folder=snapshot.path, recipe=recipe, origin=origin)


def _recipe_in(folder: Path) -> Recipe:
    path = folder / RECIPE
    if not path.is_file():
        names = ", ".join(entry.name for entry in list_recipes())
        raise UsageError(
            f"{folder} has no {RECIPE}, so nothing says how to prompt it. Name a recipe with --recipe ({names}), or "
            f"put a {RECIPE} there."
        )
    try:
        return parse_recipe(path.read_text("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"Cannot read {path}: {error}") from error
