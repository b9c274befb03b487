"""Checkpoints from the Hugging Face hub: one pinned snapshot, in the hub's own cache. Reads no tensor.

Everything the ecosystem agreed on is left to huggingface_hub: HF_ENDPOINT (mirrors), HF_HUB_OFFLINE, HF_TOKEN, HF_HOME,
the shared cache, and going on with a broken download. Here are only the choice of files and the translation of
errors.
"""

import errno
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edgedoc import __version__
from edgedoc.errors import CheckpointError, EdgedocError, MissingModelError, OutputError, UsageError

# Never pickle (*.bin, *.pt, *.ckpt): loading it runs code, and `weights_only=True` has been beaten (CVE-2025-32434).
FILES = (
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "vocab.json",
    "merges.txt",
    "added_tokens.json",
    "special_tokens_map.json",
    "*.safetensors",
    "*.safetensors.index.json",
    "adapter_config.json",
    "chat_template.*",
    "LICENSE*",
    "README.md",
)
PICKLES = (".bin", ".pt", ".pth", ".ckpt")


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A checkpoint folder in the hub's cache and the full commit hash it was taken at."""

    path: Path
    commit: str


def fetch(hub_id: str, revision: str | None = None, *, progress: bool = False) -> Snapshot:
    """Download a checkpoint, or find it in the cache when the hub is out of reach or switched off.

    `revision` is a commit, tag or branch; None is `main`. Raises UsageError for an impossible id, MissingModelError
    when the hub does not have it, does not let it go or cannot be reached, CheckpointError when it holds no
    safetensors, OutputError when the cache cannot be written.
    """
    import huggingface_hub

    with hub_errors(hub_id, revision), progress_bars(progress):
        folder = huggingface_hub.snapshot_download(
            hub_id,
            revision=revision,
            allow_patterns=list(FILES),
            library_name="edgedoc",
            library_version=__version__,
        )
    snapshot = Snapshot(path=Path(folder), commit=Path(folder).name)
    if not any(snapshot.path.glob("*.safetensors")):
        raise _no_weights(hub_id, snapshot.commit)
    _require_shards(hub_id, snapshot.path)
    return snapshot


def _require_shards(hub_id: str, folder: Path) -> None:
    # An interrupted download leaves a folder that older huggingface_hub hands out as if it were whole once it is
    # offline.
    for index in folder.glob("*.safetensors.index.json"):
        try:
            shards = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise CheckpointError(f"{hub_id}: {index.name} is not an index of shards: {error}.") from error
        missing = sorted(shard for shard in shards if not (folder / str(shard)).exists())
        if missing:
            raise MissingModelError(
                f"{hub_id} is incomplete in the cache, {missing[0]} is missing. Finish it online: edgedoc pull {hub_id}"
            )


def _no_weights(hub_id: str, commit: str) -> EdgedocError:
    import huggingface_hub

    try:
        with hub_errors(hub_id, commit):
            names = huggingface_hub.HfApi().list_repo_files(hub_id, revision=commit)
    except MissingModelError:
        return MissingModelError(f"{hub_id} has no weights in the cache. Get them online with: edgedoc pull {hub_id}")
    pickles = [name for name in names if name.endswith(PICKLES)]
    if not pickles:
        return CheckpointError(f"{hub_id} holds no *.safetensors file, so it is not a checkpoint edgedoc can read.")
    if "adapter_model.bin" in names:
        return CheckpointError(
            f"{hub_id} offers its adapter only as pickle (adapter_model.bin), and loading pickle runs code. Get it "
            f"with: hf download {hub_id} --local-dir FOLDER, then edgedoc export FOLDER says how to convert it"
        )
    return CheckpointError(
        f"{hub_id} offers its weights only as pickle ({pickles[0]}), and loading pickle runs code. "
        "Convert it to safetensors first: https://huggingface.co/spaces/safetensors/convert"
    )


@contextmanager
def progress_bars(wanted: bool) -> Iterator[None]:
    """huggingface_hub's bars, only if they are wanted here and not switched off by the user."""
    from huggingface_hub import utils

    if wanted or utils.are_progress_bars_disabled():
        yield
        return
    utils.disable_progress_bars()
    try:
        yield
    finally:
        utils.enable_progress_bars()


@contextmanager
def hub_errors(hub_id: str, revision: str | None) -> Iterator[None]:
    """What fails while `hub_id` is fetched becomes one of our errors, with what to do next."""
    from huggingface_hub import errors

    # hf_xet, the hub's transfer library, raises RuntimeError for everything.
    foreign = (errors.HFValidationError, errors.EntryNotFoundError, OSError, RuntimeError, *transport_errors())
    try:
        yield
    except foreign as error:
        raise _translate(error, hub_id, revision) from error


def transport_errors() -> tuple[type[Exception], ...]:
    """The errors of whatever HTTP client huggingface_hub uses that are no OSErrors."""
    # requests' errors are OSErrors. httpx took its place in huggingface_hub 1 and httpx2 in 2; neither's errors are,
    # and neither is a dependency of ours to import.
    clients = [sys.modules[name] for name in ("httpx", "httpx2") if name in sys.modules]
    return tuple(kind for client in clients for kind in (client.HTTPError, client.InvalidURL))


def _translate(error: Exception, hub_id: str, revision: str | None) -> EdgedocError:
    from huggingface_hub import constants, errors

    hub = constants.ENDPOINT
    if isinstance(error, errors.HFValidationError):
        return UsageError(f"{hub_id!r} is no hub id. A hub id looks like jinaai/reader-lm-0.5b.")
    if isinstance(error, errors.GatedRepoError):
        return MissingModelError(f"{hub_id} is gated: accept its terms at {hub}/{hub_id}, then run: hf auth login")
    if isinstance(error, errors.RevisionNotFoundError):
        return MissingModelError(f"{hub_id} has no revision {revision!r}. See {hub}/{hub_id}/commits/main")
    if isinstance(error, errors.RepositoryNotFoundError):
        return MissingModelError(
            f"{hub} has no model {hub_id}, or it is private. Check the name; for a private one run: hf auth login"
        )
    if constants.HF_HUB_OFFLINE:
        return MissingModelError(
            f"{hub_id} is not in the cache and HF_HUB_OFFLINE is set. With a network, run: edgedoc pull {hub_id}"
        )
    cache = constants.HF_HUB_CACHE
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"The disk of the hub's cache {cache} is full. Make room, or set HF_HOME to another disk.")
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return OutputError(f"Cannot write the hub's cache {cache}: {error.strerror}. Set HF_HOME to another folder.")
    cause = (str(error.__cause__ or error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    return MissingModelError(
        f"{hub_id} could not be fetched from {hub}: {cause}. Check the network (HF_ENDPOINT names a mirror) and run "
        "the command again: finished files are kept."
    )
