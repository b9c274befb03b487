"""Fetches an artifact from the hub into this machine's store, or a checkpoint into the hub's cache; hashes all of it.

huggingface_hub compares sizes only (its issue 2364), and has handed out files of a wrong checksum (3643).
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgedoc import __version__
from edgedoc.artifact import RECIPE, Artifact
from edgedoc.errors import ArtifactError, MissingModelError, UsageError
from edgedoc.hub import fetch, hub_errors, progress_bars
from edgedoc.manifest import MANIFEST, MAX_BYTES, FileEntry, Manifest
from edgedoc.recipes import Licence, list_recipes, load_recipe, parse_recipe
from edgedoc.sharing.checksums import forget, require_intact
from edgedoc.staging import staged
from edgedoc.store import holds, home, place_of, write_errors


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """What was fetched: `path` is an artifact in the store, or a checkpoint in the hub's cache."""

    path: Path
    commit: str
    artifact: bool
    known: bool
    """Whether the very same artifact was in the store already."""
    licences: dict[str, Licence]


def pull(model: str, revision: str | None = None, *, overwrite: bool = False, progress: bool = False) -> Pulled:
    """Fetch a recipe's checkpoint, or whatever a hub id names, at a commit, tag or branch.

    Raises UsageError for what is not on the hub by its nature, MissingModelError when it is not there or cannot be
    reached, ArtifactError or CheckpointError when a file is not what its checksum says, OutputError when another
    artifact is in its place and not to be overwritten, or the disk cannot be written.
    """
    from huggingface_hub import HfApi, constants

    if constants.HF_HUB_OFFLINE:
        raise MissingModelError("HF_HUB_OFFLINE is set, and pulling needs the hub. Without one: edgedoc install BUNDLE")
    hub_id, pinned, licences = _source(model)
    api = HfApi(library_name="edgedoc", library_version=__version__)
    with hub_errors(hub_id, revision or pinned):
        info: Any = api.model_info(hub_id, revision=revision or pinned, files_metadata=True)
    commit, files = str(info.sha), info.siblings or []
    if not {MANIFEST, RECIPE} <= {file.rfilename for file in files}:
        snapshot = fetch(hub_id, commit, progress=progress)
        require_intact(hub_id, snapshot.path, files)
        return Pulled(path=snapshot.path, commit=commit, artifact=False, known=False, licences=licences)
    found = _described(hub_id, _download(hub_id, commit, [MANIFEST, RECIPE], progress))
    place = home() / place_of(found)
    with write_errors():
        known = holds(place, FileEntry.of(found.path / MANIFEST))
        if not known:
            with staged(place, overwrite=overwrite) as folder:
                _copy(hub_id, found, _download(hub_id, commit, [MANIFEST, *found.manifest.files], progress), folder)
    return Pulled(path=place, commit=commit, artifact=True, known=known, licences=found.licences)


def _source(model: str) -> tuple[str, str | None, dict[str, Licence]]:
    """Hub id, pinned revision and known licence of what is meant."""
    known = {recipe.source.hub_id: recipe for recipe in list_recipes() if recipe.source.hub_id is not None}
    if "/" in model:
        recipe = known.get(model)
        return model, recipe.source.revision if recipe else None, {recipe.name: recipe.licence} if recipe else {}
    recipe = load_recipe(model)
    if recipe.source.bundled:
        raise UsageError(f"{model} comes with edgedoc; there is nothing to pull. Use it, or: edgedoc export {model}")
    if recipe.source.hub_id is None:
        raise UsageError(f"{model} is a recipe for a folder of yours; it is not on the hub.")
    return recipe.source.hub_id, recipe.source.revision, {recipe.name: recipe.licence}


def _download(hub_id: str, commit: str, files: list[str], progress: bool) -> Path:
    """The snapshot in the hub's cache that has at least these files."""
    import huggingface_hub

    with hub_errors(hub_id, commit), progress_bars(progress):
        return Path(huggingface_hub.snapshot_download(hub_id, revision=commit, allow_patterns=files))


def _described(hub_id: str, folder: Path) -> Artifact:
    """The artifact as its two small files say; the rest need not be there yet."""
    texts = []
    for name in (MANIFEST, RECIPE):
        path = folder / name
        if path.stat().st_size > MAX_BYTES:
            raise ArtifactError(f"{hub_id}: {name} has more than {MAX_BYTES >> 20} MiB; it is not edgedoc's.")
        texts.append(path.read_text("utf-8", "replace"))
    try:
        manifest, recipe = Manifest.from_json(texts[0], f"{hub_id}/{MANIFEST}"), parse_recipe(texts[1], hub_id)
    except UsageError as error:
        raise ArtifactError(f"The recipe of {hub_id} cannot be used: {error}") from error
    return Artifact(path=folder, recipe=recipe, manifest=manifest)


def _copy(hub_id: str, artifact: Artifact, cache: Path, folder: Path) -> None:
    """Real files, as an artifact's are: the cache has links, and may be emptied any time."""
    for name in (MANIFEST, *artifact.manifest.files):
        if not (cache / name).is_file():
            raise ArtifactError(f"{hub_id} lists {name} and does not hold it. Tell whoever published it.")
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(cache / name, folder / name)
        if name != MANIFEST and FileEntry.of(folder / name) != artifact.manifest.files[name]:
            forget(cache / name)
            raise ArtifactError(
                f"{hub_id}: {name} is not the file its {MANIFEST} describes. It was taken out of the cache: pull "
                "again; if that does not help, the repository is wrong."
            )
    Artifact.open(folder)
