"""Publishes an artifact folder on the hub: one repository, one artifact, in one commit, with its card.

A repository never comes to hold files of two artifacts, or an artifact under a licence that is not its model's.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgedoc import __version__
from edgedoc.artifact import Artifact
from edgedoc.errors import MissingError, OutputError, UsageError
from edgedoc.hub import transport_errors
from edgedoc.manifest import MANIFEST, Manifest
from edgedoc.sharing.card import card
from edgedoc.sharing.terms import OTHER, require_licence, require_same

if TYPE_CHECKING:
    from huggingface_hub import HfApi

CARD = "README.md"
_HARMLESS = (CARD, ".gitattributes", ".gitignore")


@dataclass(frozen=True, kw_only=True)
class Upload:
    """What a push sends, or would send."""

    repo: str
    card: str
    files: dict[str, int]
    """Name to bytes, the card left out."""
    url: str | None = None
    """Of the commit; None when nothing was sent."""


def plan(artifact: Artifact, repo: str, *, private: bool = False, results: str | None = None) -> Upload:
    """Check an artifact and its licence and write its card; asks no network.

    Raises ArtifactError when the folder is not what was exported, UsageError when its licence forbids publishing it.
    """
    artifact.check()
    require_licence(artifact, private=private)
    sizes = {name: entry.bytes for name, entry in sorted(artifact.manifest.files.items())}
    manifest = (artifact.path / MANIFEST).stat().st_size
    return Upload(repo=repo, card=card(artifact, repo, results), files=sizes | {MANIFEST: manifest})


def push(artifact: Artifact, repo: str, *, private: bool = False, results: str | None = None) -> Upload:
    """Publish an artifact as the repository `repo`, made if need be; files of an older push of it are replaced.

    Raises what `plan` raises; MissingError without a token or a way to the hub, UsageError when the repository is
    something else or public against `private`, OutputError when it may not be written.
    """
    import huggingface_hub
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    planned = plan(artifact, repo, private=private, results=results)
    if huggingface_hub.get_token() is None:
        raise MissingError("There is no token for the hub here. Get one with: hf auth login (or set HF_TOKEN)")
    api = HfApi(library_name="edgedoc", library_version=__version__)
    with _push_errors(repo):
        stale, parent = _vacant(api, artifact, planned, private)
        if parent is None:
            api.create_repo(repo, private=private)
        adding = [CommitOperationAdd(name, str(artifact.path / name)) for name in planned.files]
        commit = api.create_commit(
            repo,
            [
                *adding,
                CommitOperationAdd(CARD, planned.card.encode()),
                *(CommitOperationDelete(name, is_folder=False) for name in stale),
            ],
            commit_message=f"{artifact.recipe.name}, {artifact.format.value} {artifact.manifest.preset}",
            # Whoever pushes meanwhile is not overwritten.
            parent_commit=parent,
        )
    return Upload(repo=repo, card=planned.card, files=planned.files, url=str(commit.commit_url))


def _vacant(api: "HfApi", artifact: Artifact, planned: Upload, private: bool) -> tuple[list[str], str | None]:
    """Files of an older push that go, and the commit they are in; None when there is no repository yet."""
    from huggingface_hub.errors import RepositoryNotFoundError

    repo = planned.repo
    try:
        info: Any = api.model_info(repo)
    except RepositoryNotFoundError:
        return [], None
    if private and not info.private:
        raise UsageError(f"{repo} exists and is public. Name another repository, or leave --private out.")
    if info.card_data is not None:
        theirs = info.card_data.get("license")
        require_same(info.card_data.get("license_name", theirs) if theirs == OTHER else theirs, artifact, repo)
    names = {file.rfilename for file in info.siblings or []}
    if MANIFEST in names:
        older = Manifest.from_json(_text(api, repo, info.sha), f"{repo}'s {MANIFEST}")
        ours = artifact.manifest
        if (older.source.id, older.format, older.preset) != (ours.source.id, ours.format, ours.preset):
            raise UsageError(
                f"{repo} holds {older.source.id} as {older.format} {older.preset}, which is another artifact. One "
                "repository is one artifact: name another."
            )
        return sorted(set(older.files) & names - planned.files.keys()), str(info.sha)
    foreign = sorted(names - set(_HARMLESS) - planned.files.keys())
    if foreign:
        raise UsageError(f"{repo} holds something that is no artifact ({foreign[0]}). Name another repository.")
    return [], str(info.sha)


def _text(api: "HfApi", repo: str, commit: str) -> str:
    return Path(api.hf_hub_download(repo, MANIFEST, revision=commit)).read_text("utf-8")


@contextmanager
def _push_errors(repo: str) -> Iterator[None]:
    from huggingface_hub import constants, errors

    # ValueError: the hub did not like the card's metadata. hf_xet raises RuntimeError for everything.
    foreign: tuple[type[Exception], ...] = (OSError, RuntimeError, ValueError, *transport_errors())
    try:
        yield
    except errors.HFValidationError as error:
        raise UsageError(
            f"{repo!r} is no name of a repository. It looks like your-name/reader-lm-0.5b-GGUF."
        ) from error
    except errors.HfHubHTTPError as error:
        raise _refused(repo, error) from error
    except foreign as error:
        if constants.HF_HUB_OFFLINE:
            raise MissingError("HF_HUB_OFFLINE is set, and pushing needs the hub. Unset it.") from error
        cause = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        raise MissingError(
            f"{repo} could not be sent to {constants.ENDPOINT}: {cause}. Check the network and run the command again: "
            "files that arrived are not sent twice."
        ) from error


def _refused(repo: str, error: Any) -> MissingError | OutputError:
    status = error.response.status_code
    cause = (str(getattr(error, "server_message", None) or error).strip() or "no reason").splitlines()[0].rstrip(".")
    if status == 401:
        return MissingError("The hub does not know this token. Get a new one with: hf auth login")
    if status == 403:
        return OutputError(f"The token may not write to {repo}. It needs the role 'write': hf auth login ({cause}).")
    if status in (409, 412):
        return OutputError(f"{repo} changed or was made meanwhile: {cause}. Run the command again.")
    return OutputError(f"The hub refused {repo} with status {status}: {cause}.")
