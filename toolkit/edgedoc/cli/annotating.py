"""The command that has a large model label chunks, to train the topic and summary chunkers with."""

import os
from pathlib import Path
from typing import Annotated

import typer

from edgedoc import console
from edgedoc.cli.finding import artifact
from edgedoc.cli.options import Json, Threads
from edgedoc.errors import DocumentError, UsageError


def annotate(
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT", help="JSON lines with text or sections, wiki-727k, or text files.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="File of labels, which a later run goes on with.")],
    endpoint: Annotated[
        str | None, typer.Option(help="Address of a server with OpenAI's interface, e.g. http://localhost:8000/v1.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="What the endpoint calls its model.")] = None,
    # No default: a key that lies in the environment must not go to whatever address is named.
    api_key_env: Annotated[
        str | None, typer.Option(metavar="VAR", help="Environment variable that holds the key, if one is needed.")
    ] = None,
    local: Annotated[
        str | None, typer.Option(metavar="ARTIFACT", help="Ask an artifact on this machine instead.")
    ] = None,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds to wait for an answer.")] = 120.0,
    retries: Annotated[int, typer.Option(min=0, help="How often to ask again while the endpoint is busy.")] = 6,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Have a model write topics and summaries.

    Asks for a five-to-ten-word topic and a one-sentence summary of every chunk or section. What is labelled already is
    skipped; failures are written down and tried again by the next run.
    """
    from contextlib import nullcontext

    from edgedoc_bench.annotate import Section, sections
    from edgedoc_bench.annotate import annotate as run
    from edgedoc_bench.annotate_endpoint import Endpoint
    from edgedoc_bench.annotate_file import LabelFile
    from edgedoc_bench.annotate_local import LocalModel

    if (endpoint is None) == (local is None):
        raise UsageError("Name either a server with --endpoint and --model, or an artifact with --local.")
    if endpoint is not None and model is None:
        raise UsageError("Name the endpoint's model with --model.")
    if api_key_env is not None and not os.environ.get(api_key_env, "").strip():
        raise UsageError(f"The environment variable {api_key_env} holds no key. Set it, or leave out --api-key-env.")
    wanted: list[Section] = []
    unread = 0
    for source in inputs:
        try:
            wanted += sections(Path(source))
        except DocumentError as error:
            unread += 1
            console.error(str(error))
    if local is not None:
        asked: LocalModel | nullcontext[Endpoint] = LocalModel.open(artifact(local), threads=threads)
    else:
        key = os.environ.get(api_key_env, "").strip() if api_key_env is not None else None
        asked = nullcontext(Endpoint(endpoint or "", model or "", api_key=key, timeout=timeout, retries=retries))
    with asked as answering, LabelFile(out) as file, console.progress() as report:
        found = run(
            wanted, answering.ask, file, answering.model, lambda done, total: report("labelling chunks", done, total)
        )
    if json:
        console.data({"out": str(out), **found.as_dict(), "unread": unread})
    else:
        console.note(
            f"{out}: {found.labelled} labelled, {found.known} already were, {found.failed} failed"
            + (f", {unread} inputs could not be read" if unread else "")
        )
        print(out)
    if found.failed or unread:
        raise typer.Exit(1)
