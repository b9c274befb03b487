"""What a licence lets pass: under which name an artifact may be published, and when not at all. Knows no hub.

The hub's names of licences: https://huggingface.co/docs/hub/repositories-licenses
"""

from edgedoc.artifact import Artifact
from edgedoc.errors import UsageError
from edgedoc.manifest import ManifestSource
from edgedoc.recipes import Licence, list_recipes

OTHER = "other"
_HUB_NAMES = {
    *("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "mpl-2.0", "gpl-3.0", "lgpl-3.0", "agpl-3.0", "cc0-1.0"),
    *("cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-sa-4.0", "cc-by-nc-nd-4.0"),
}


def hub_name(licence: Licence) -> str | None:
    """The licence as a card on the hub names it; "other" for one that has no name there, None for none stated."""
    if licence.id is None:
        return None
    return licence.id.lower() if licence.id.lower() in _HUB_NAMES else OTHER


def require_licence(artifact: Artifact, *, private: bool) -> None:
    """Raises UsageError when an artifact states no licence, unless for oneself, or another than its model has.

    The model's licence is the one in the catalogue: whoever exports with a recipe of his own does not change it.
    """
    for name, licence in artifact.licences.items():
        if licence.id is None and not private:
            raise UsageError(
                f"{name} states no licence, so it is nobody's to publish: {licence.note} For yourself: --private"
            )
    manifest = artifact.manifest
    sources = [manifest.source, *(entry.source for entry in (manifest.adapters or {}).values())]
    known = {recipe.source.hub_id: recipe.licence for recipe in list_recipes() if recipe.source.hub_id is not None}
    for id in [id for source in sources for id in _models(source)]:
        stated = known[id].id if id in known else None
        if stated is not None and manifest.licence.id != stated:
            raise UsageError(
                f"{artifact.path} says {manifest.licence.id}, but {id}, which it was made from, is under {stated}. "
                "Export it again with its own recipe."
            )


def require_same(theirs: str | None, artifact: Artifact, repo: str) -> None:
    """Raises UsageError when the card of `repo` names another licence (for "other": by its own name) than ours."""
    licence = artifact.manifest.licence
    ours = hub_name(licence) if hub_name(licence) != OTHER else str(licence.id).lower()
    if theirs is not None and theirs != ours:
        raise UsageError(
            f"{repo} is under {theirs}, the artifact under {ours or 'no stated licence'}: a licence is not changed by "
            "uploading. Name another repository."
        )


def _models(source: ManifestSource) -> list[str]:
    return [id for id in (source.id, source.base) if id is not None]
