"""Commands about the Hugging Face hub: a model from it, an artifact to it."""

from pathlib import Path
from typing import Annotated

import typer

from edgedoc import console
from edgedoc.cli.options import Json


def pull(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Recipe name or hub id.")],
    revision: Annotated[str | None, typer.Option(help="Commit, tag or branch; default: the recipe's, or main.")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an artifact of the same place that is another.")
    ] = False,
    json: Json = False,
) -> None:
    """Fetch a model from the hub, and check every byte.

    An artifact goes into edgedoc's store, where --model finds it; a checkpoint into the hub's cache, for export.
    """
    from edgedoc.sharing.pull import pull as fetch

    done = fetch(model, revision, overwrite=overwrite, progress=console.moving())
    for name, licence in done.licences.items():
        console.note(f"{name}: {licence.terms}")
    if done.known:
        console.note("It was here already, the same.")
    elif not done.artifact:
        console.note(f"This is a checkpoint, whole. Next: edgedoc export {model}")
    if json:
        kind = "artifact" if done.artifact else "checkpoint"
        console.data({"path": str(done.path), "kind": kind, "commit": done.commit, "known": done.known})
    else:
        print(done.path)


def push(
    artifact: Annotated[str, typer.Argument(metavar="ARTIFACT", help="Artifact folder or recipe name.")],
    repo: Annotated[str, typer.Argument(metavar="REPO", help="Hub repository, your-name/model-GGUF.")],
    private: Annotated[bool, typer.Option("--private", help="Make the repository private.")] = False,
    results: Annotated[
        Path | None, typer.Option(help="Report of a bench, Markdown, to take over into the card.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the card and send nothing.")] = False,
    json: Json = False,
) -> None:
    """Publish an artifact on the hub, with a card made from its manifest.

    Under the licence of its model, or not at all.
    """
    from edgedoc.files import read
    from edgedoc.sharing.push import plan
    from edgedoc.sharing.push import push as send
    from edgedoc.store import resolve

    found = resolve(artifact)
    report = read(str(results)).decode("utf-8", "replace") if results is not None else None
    done = (plan if dry_run else send)(found, repo, private=private, results=report)
    if dry_run:
        console.note(f"{len(done.files) + 1} files, {sum(done.files.values()) / 1e6:.1f} MB would go to {repo}:")
        for name in done.files:
            console.note(f"  {name}")
    if json:
        console.data({"repo": repo, "url": done.url, "files": done.files, "card": done.card})
    else:
        print(done.card if dry_run else done.url, end="" if dry_run else "\n")
