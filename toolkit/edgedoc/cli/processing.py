"""The command that takes documents to Markdown and to chunks in one pass, however many there are."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from edgedoc import console
from edgedoc.cli.finding import artifact, chunker_name
from edgedoc.cli.options import (
    ChunkerModel,
    CleaningName,
    Drafts,
    Exact,
    FallbackName,
    MaxTokens,
    MemoryLimit,
    MinTokens,
    ModeName,
    Provider,
    ReaderModel,
    Threads,
    cleaning_named,
    fallback_named,
    mode_named,
)
from edgedoc.errors import UsageError

_INPUTS = "HTML or text files, folders, patterns, .jsonl, .warc, .warc.gz, .zip; - is stdin."
_OUT = "File, or folder; a journal lies beside it, and the same command goes on where it was. Default: stdout."


def process(
    inputs: Annotated[list[str] | None, typer.Argument(metavar="INPUT", help=_INPUTS)] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help=_OUT)] = None,
    format: Annotated[
        str | None, typer.Option("--format", help="jsonl, parquet or folder; default: as --out is named.")
    ] = None,
    reader: ReaderModel = None,
    chunker: ChunkerModel = None,
    mode: ModeName = None,
    max_tokens: MaxTokens = None,
    min_tokens: MinTokens = None,
    fallback: FallbackName = "rules",
    drafts: Drafts = True,
    exact: Exact = False,
    cleaning: CleaningName = "attributes",
    in_flight: Annotated[
        int, typer.Option(min=1, help="Windows of a document that share each pass over the weights (GGUF).")
    ] = 1,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes with a model each; default: what cores and memory allow.")
    ] = None,
    threads: Threads = None,
    provider: Provider = "auto",
    memory: MemoryLimit = None,
    time_limit: Annotated[float, typer.Option(min=0.1, help="Most seconds for a document.")] = 600.0,
    memory_limit: Annotated[
        str | None,
        typer.Option(help="Most memory for a worker with its document, e.g. 2G; default: its share of what is free."),
    ] = None,
    in_process: Annotated[
        bool,
        typer.Option("--in-process", help="No workers and no limits: a document that crashes the engine ends the job."),
    ] = False,
    on: Annotated[
        str | None, typer.Option("--on", help="ray: the actors of RAY_ADDRESS's cluster, or of one started here.")
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try failed documents again.")] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Throw away what an earlier job to --out did.")] = False,
    status: Annotated[
        Path | None, typer.Option("--status", metavar="OUT", help="Say how the job of that output stands.")
    ] = None,
    log: Annotated[Path | None, typer.Option("--log", help="Tell each document there, as JSON lines.")] = None,
    json: Annotated[bool, typer.Option("--json", help="With --out or --status: print how it went as JSON.")] = False,
) -> None:
    """Convert HTML to Markdown and cut it into chunks.

    A document that fails is a row with its reason and does not stop the others.
    """
    if status is not None:
        from edgedoc.batch.status import status as status_of

        found = status_of(status)
        console.data(found.as_dict()) if json else print(found.text())
        return
    if not inputs:
        raise UsageError("Missing argument 'INPUT'. Name files, folders or archives; - is stdin.")
    if out is None and (retry_failed or restart or format is not None):
        raise UsageError("--retry-failed, --restart and --format need --out: what goes to stdout is not kept.")
    if on not in (None, "ray"):
        raise UsageError(f"--on is ray, not {on!r}. Left out, documents are processed on this machine.")
    if in_process and (workers is not None or on is not None):
        raise UsageError("--in-process has no workers. Leave one of the two out.")
    from edgedoc.batch.job import Destination
    from edgedoc.batch.outputs import format_named
    from edgedoc.cli.jobs import Isolation, run_job, to_stdout
    from edgedoc.documents.chunks import check_limits
    from edgedoc.store import DEFAULT_MODEL
    from edgedoc.tasks.pipeline import Settings

    stand_in, wanted = fallback_named(fallback), mode_named(mode)
    check_limits(max_tokens, min_tokens)
    destination = Destination(path=out, format=format_named(format, out)) if out is not None else to_stdout()
    isolation = Isolation(
        in_process=in_process or (out is None and workers is None and on is None),
        on_ray=on == "ray",
        workers=workers,
        threads=threads,
        model_memory=console.size(memory) if memory is not None else None,
        seconds=time_limit,
        memory=console.size(memory_limit) if memory_limit is not None else None,
    )
    settings = Settings(
        reader=artifact(reader or DEFAULT_MODEL),
        chunker=artifact(chunker_name(chunker, mode)),
        mode=wanted,
        max_tokens=max_tokens,
        min_tokens=min_tokens,
        fallback=stand_in,
        provider=provider,
        drafts=drafts,
        exact=exact,
        cleaning=cleaning_named(cleaning),
        in_flight=in_flight,
    )
    outcome = run_job(inputs, destination, settings, isolation, restart=restart, retry_failed=retry_failed, log=log)
    if out is not None and json:
        console.data({"out": str(out), **asdict(outcome.tally), "resumed": outcome.resumed})
    if not outcome.complete:
        raise typer.Exit(130)
    if outcome.tally.failed:
        raise typer.Exit(1)
