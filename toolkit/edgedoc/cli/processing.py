"""The command that takes HTML to Markdown and to chunks in one pass."""

import sys
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from edgedoc import console
from edgedoc.cli.finding import artifact, chunker_name, progress_of
from edgedoc.cli.options import (
    ChunkerModel,
    FallbackName,
    MaxTokens,
    MemoryLimit,
    MinTokens,
    ModeName,
    Provider,
    ReaderModel,
    Threads,
    fallback_named,
    mode_named,
)
from edgedoc.errors import UsageError


def process(
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT", help="HTML files; - is stdin.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="JSON lines file, a document a line; default: stdout.")
    ] = None,
    reader: ReaderModel = None,
    chunker: ChunkerModel = None,
    mode: ModeName = None,
    max_tokens: MaxTokens = None,
    min_tokens: MinTokens = None,
    fallback: FallbackName = "rules",
    threads: Threads = None,
    provider: Provider = "auto",
    memory: MemoryLimit = None,
    json: Annotated[bool, typer.Option("--json", help="With --out: print how it went as JSON.")] = False,
) -> None:
    """Convert HTML to Markdown and cut it into chunks.

    A document that fails is a line with its reason and does not stop the others.
    """
    from edgedoc.documents.chunks import check_limits
    from edgedoc.files import replacing
    from edgedoc.store import DEFAULT_MODEL
    from edgedoc.tasks.chunker import Chunker
    from edgedoc.tasks.pipeline import Pipeline
    from edgedoc.tasks.reader import Reader

    stand_in, wanted = fallback_named(fallback), mode_named(mode)
    check_limits(max_tokens, min_tokens)
    if out is not None and out.is_dir():
        raise UsageError(f"{out} is a folder; --out names a file, with a line for every document.")
    limit = console.size(memory) if memory is not None else None
    reader_path, chunker_path = artifact(reader or DEFAULT_MODEL), artifact(chunker_name(chunker, mode))
    outcomes: Counter[str] = Counter()
    with (
        Reader.open(reader_path, fallback=stand_in, threads=threads, provider=provider, memory_limit=limit) as reading,
        Chunker.open(chunker_path, mode=wanted, threads=threads, provider=provider, memory_limit=limit) as chunking,
        replacing(out) if out is not None else nullcontext(sys.stdout) as lines,
    ):
        pipeline = Pipeline(
            reading, chunking, artifacts=(reader_path, chunker_path), max_tokens=max_tokens, min_tokens=min_tokens
        )
        for number, source in enumerate(inputs, 1):
            with progress_of(source, number, len(inputs)) as told:
                row, remarks = pipeline.run(source, progress=told)
            lines.write(console.json_line(row.as_dict()))
            lines.flush()
            outcomes.update({row.status: 1, "chunks": len(row.chunks)})
            if row.error:
                console.error(f"{source}: {row.error}")
            for line in remarks:
                console.note(f"{source}: {line}")
    if out is not None and json:
        counts = {name: outcomes[name] for name in ("ok", "failed", "chunks")}
        console.data({"out": str(out), "documents": len(inputs), **counts})
    if outcomes["failed"]:
        raise typer.Exit(1)
