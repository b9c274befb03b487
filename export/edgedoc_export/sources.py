"""What an export is made of: a checkpoint and, when an adapter is meant, the base it is merged into. Reads no weights.

An adapter comes with a recipe of its own, and its base from the recipe or from adapter_config.json; or the user names
the base and puts the adapter over it.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from edgedoc.errors import CheckpointError, MissingModelError, UsageError
from edgedoc.manifest import ManifestSource, Origin
from edgedoc.recipes import Recipe, list_recipes, load_recipe
from edgedoc_export.adapter import Adapter, is_adapter
from edgedoc_export.checkpoint import Checkpoint
from edgedoc_export.dense import dense_twin
from edgedoc_export.locate import HUB_ID, Found, locate
from edgedoc_export.merged import merge
from edgedoc_export.tensors import TensorSource
from edgedoc_export.vocabulary import vocabulary_size


@dataclass(frozen=True, kw_only=True)
class ExportSource:
    """A checkpoint on this machine, how to use it, and where it came from."""

    folder: Path
    """Configuration and weights; of the base, when there is an adapter."""
    tokenizer: Path
    """The folder of tokenizer.json and its companions."""
    recipe: Recipe
    origin: ManifestSource
    adapter: Adapter | None = None

    def open(self) -> TensorSource:
        """The weights, merged where there is an adapter. Raises CheckpointError."""
        checkpoint = Checkpoint.open(self.folder)
        return checkpoint if self.adapter is None else merge(checkpoint, self.adapter, str(self.folder))


def find_source(
    model: str | Path,
    *,
    revision: str | None = None,
    adapter: str | Path | None = None,
    recipe: str | Path | None = None,
    download_bars: bool = False,
) -> ExportSource:
    """`model` and, over it, `adapter`: each a recipe's name or file, a folder (a Path is one) or a hub id.

    `revision` is that of `model`. `recipe` (a name or a .toml file) says how to use what no recipe is known for; with
    an adapter its own recipe counts. Raises UsageError when a name means nothing or no recipe is known,
    MissingModelError when an adapter's base cannot be found, CheckpointError when an adapter is none, and what
    `edgedoc.hub.fetch` raises.
    """
    chosen = load_recipe(recipe) if recipe is not None else None
    if adapter is not None:
        added = locate(adapter, anonymous=chosen is not None, download_bars=download_bars)
        base = locate(model, revision=revision, anonymous=True, download_bars=download_bars)
        return _over(base, added, Adapter.open(added.folder), _recipe_of(added, chosen))
    found = locate(model, revision=revision, anonymous=chosen is not None, download_bars=download_bars)
    used = _recipe_of(found, chosen)
    if not is_adapter(found.folder):
        return ExportSource(folder=found.folder, tokenizer=found.folder, recipe=used, origin=found.origin)
    opened = Adapter.open(found.folder)
    return _over(_find_base(opened, found, download_bars), found, opened, used)


def _recipe_of(found: Found, chosen: Recipe | None) -> Recipe:
    recipe = chosen or found.recipe
    assert recipe is not None  # locate() was not told that it may be
    return recipe


def _find_base(adapter: Adapter, found: Found, download_bars: bool) -> Found:
    """The dense model below an adapter: what its recipe names, else what its configuration does.

    A folder may have borrowed its recipe, so there the configuration comes first.
    """
    named = [found.recipe.source.base if found.recipe is not None else None, adapter.config.base]
    names = [name for name in (named if found.origin.kind != Origin.FOLDER else reversed(named)) if name]
    help_ = f"Name a copy of it that you have: edgedoc export BASE_FOLDER --adapter {found.origin.id}"
    if not names:
        raise MissingModelError(f"{adapter.config.origin} does not name the base of the adapter. {help_}")
    wanted = next((name for name in map(_dense, names) if _means_something(name)), None)
    if wanted is None:
        raise MissingModelError(
            f"The adapter {found.origin.id} belongs over {names[0]}, which is no folder here, no recipe and no hub id. "
            f"{help_}"
        )
    revision = adapter.config.base_revision if wanted == adapter.config.base and not Path(wanted).exists() else None
    try:
        return locate(wanted, revision=revision, anonymous=True, download_bars=download_bars)
    except MissingModelError as error:
        raise MissingModelError(f"The adapter {found.origin.id} needs its base, {wanted}. {error} {help_}") from error


def _dense(name: str) -> str:
    return dense_twin(name) or name


def _means_something(name: str) -> bool:
    return Path(name).exists() or bool(HUB_ID.fullmatch(name)) or name in {entry.name for entry in list_recipes()}


def _over(base: Found, found: Found, adapter: Adapter, recipe: Recipe) -> ExportSource:
    if is_adapter(base.folder):
        raise CheckpointError(
            f"{base.origin.id}, the base of {found.origin.id}, is an adapter itself; merge it into its own base first "
            "(PEFT: merge_and_unload)"
        )
    name = base.origin.path or base.origin.id
    trained_on = adapter.config.base
    origin = replace(
        found.origin,
        adapter=adapter.describe(),
        base=name,
        base_revision=base.origin.revision,
        trained_on=trained_on if trained_on not in ("", name, base.origin.id) else None,
    )
    if recipe.source.base is None and base.origin.path is None:
        recipe = replace(recipe, source=replace(recipe.source, base=name))
    tokenizer = _tokenizer_folder(found.folder, base.folder)
    return ExportSource(folder=base.folder, tokenizer=tokenizer, recipe=recipe, origin=origin, adapter=adapter)


def _tokenizer_folder(adapter: Path, base: Path) -> Path:
    """The adapter's own is what it was trained with, unless it has grown: the base's table has no such rows."""
    own, shipped = adapter / "tokenizer.json", base / "tokenizer.json"
    if not own.exists():
        return base
    return adapter if not shipped.exists() or vocabulary_size(own) == vocabulary_size(shipped) else base


def find_family(
    model: str | Path,
    adapters: tuple[str | Path, ...],
    *,
    revision: str | None = None,
    recipe: str | Path | None = None,
    download_bars: bool = False,
) -> tuple[ExportSource, tuple[ExportSource, ...]]:
    """One base and the adapters over it, to be kept apart; without `adapters`, `model` is one and brings its base.

    The base's recipe is `recipe`, else its own, else the first adapter's. Raises what `find_source` raises, and
    UsageError for two adapters of one recipe.
    """
    chosen = load_recipe(recipe) if recipe is not None else None
    if adapters:
        over = tuple(
            find_source(model, revision=revision, adapter=one, download_bars=download_bars) for one in adapters
        )
        base = locate(model, revision=revision, anonymous=True, download_bars=download_bars)
    else:
        first = find_source(model, revision=revision, recipe=recipe, download_bars=download_bars)
        if first.adapter is None:
            raise UsageError(f"{model} is no adapter, so there is nothing to keep apart; add --adapter ADAPTER")
        over, chosen = (first,), None
        found = Found(folder=first.adapter.folder, origin=first.origin, recipe=first.recipe)
        base = _find_base(first.adapter, found, download_bars)
    lent = over[0].recipe
    # Its file is the base's, which was tuned for nothing of this.
    lent = replace(lent, identity=replace(lent.identity, finetune=None))
    whole = ExportSource(
        folder=base.folder, tokenizer=base.folder, recipe=chosen or base.recipe or lent, origin=base.origin
    )
    names = [source.recipe.name for source in over]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"Two adapters have the recipe {twice}; the artifact keeps them by that name")
    return whole, over
