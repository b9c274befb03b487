"""The command that turns HTML into Markdown."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from edgedoc import console
from edgedoc.cli.finding import artifact, destinations, progress_of
from edgedoc.cli.options import (
    CleaningName,
    Drafts,
    Exact,
    FallbackName,
    Json,
    MemoryLimit,
    Model,
    Provider,
    Threads,
    cleaning_named,
    fallback_named,
)
from edgedoc.errors import DocumentError, UsageError


def convert(
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT", help="HTML files; - is stdin.")],
    model: Model = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File, or folder for several inputs; default: stdout.")
    ] = None,
    fallback: FallbackName = "rules",
    threads: Threads = None,
    provider: Provider = "auto",
    memory: MemoryLimit = None,
    cleaning: CleaningName = "attributes",
    drafts: Drafts = True,
    exact: Exact = False,
    json: Json = False,
) -> None:
    """Convert HTML to Markdown.

    A window the model got wrong is flagged, and converted by rules instead.
    """
    from edgedoc.files import read, write
    from edgedoc.store import DEFAULT_MODEL
    from edgedoc.tasks.reader import Reader

    stand_in, level = fallback_named(fallback), cleaning_named(cleaning)
    if out is None and len(inputs) > 1 and not json:
        raise UsageError(
            "Several inputs on stdout would run together. Name a folder with --out, or ask for --json (one line each)."
        )
    targets = destinations(inputs, out, ".md")
    failed = 0
    limit = console.size(memory) if memory is not None else None
    with Reader.open(
        artifact(model or DEFAULT_MODEL),
        fallback=stand_in,
        threads=threads,
        provider=provider,
        memory_limit=limit,
        cleaning=level,
        drafts=drafts,
        exact=exact,
    ) as reader:
        for number, (source, target) in enumerate(zip(inputs, targets, strict=True), 1):
            try:
                page = read(source)
                with progress_of(source, number, len(inputs)) as told:
                    conversion = reader.convert(page, progress=told)
                if target is not None:
                    write(target, conversion.markdown)
                if json:
                    console.data({"source": source, **conversion.as_dict()}, one_line=True)
                elif target is None:
                    sys.stdout.write(conversion.markdown)
                    sys.stdout.flush()
            except DocumentError as error:
                failed += 1
                console.error(f"{source}: {error}")
                if json:
                    console.data({"source": source, "error": str(error)}, one_line=True)
            else:
                for line in conversion.remarks():
                    console.note(f"{source}: {line}")
    if failed:
        raise typer.Exit(1)
