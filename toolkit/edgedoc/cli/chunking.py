"""The command that cuts text into chunks."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgedoc import console
from edgedoc.cli.finding import artifact, chunker_name, destinations, progress_of
from edgedoc.cli.options import (
    ChunkModel,
    MaxTokens,
    MemoryLimit,
    MinTokens,
    ModeName,
    Provider,
    Threads,
    mode_named,
)
from edgedoc.errors import DocumentError, UsageError

if TYPE_CHECKING:
    from edgedoc.documents.chunks import Chunk

SUFFIX = ".chunks.jsonl"


def chunk(
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT", help="Text or Markdown files; - is stdin.")],
    model: ChunkModel = None,
    mode: ModeName = None,
    max_tokens: MaxTokens = None,
    min_tokens: MinTokens = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File, or folder for several inputs; default: stdout.")
    ] = None,
    free_heads: Annotated[
        bool, typer.Option("--free-heads", help="Let the model write what it likes, then look for it in the text.")
    ] = False,
    scoring: Annotated[
        bool | None,
        typer.Option(
            "--scoring/--generate",
            help="Weigh every place a chunk may start, or have the model write; default: the model's.",
        ),
    ] = None,
    threads: Threads = None,
    provider: Provider = "auto",
    memory: MemoryLimit = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print an object per document with its chunks and what they cost.")
    ] = False,
) -> None:
    """Cut text into chunks, as JSON lines.

    Every chunk is an exact span of its document, and together they are the document, whatever the model does.
    """
    from edgedoc.documents.chunks import check_limits
    from edgedoc.documents.plain_text import decode
    from edgedoc.files import read, write
    from edgedoc.recipes import Method
    from edgedoc.tasks.chunker import Chunker
    from edgedoc.tasks.marking import Heads

    wanted = mode_named(mode)
    check_limits(max_tokens, min_tokens)
    if out is not None and len(inputs) > 1 and out.suffix == ".jsonl" and not out.is_dir():
        raise UsageError(f"Several inputs go into a folder, one file each: {out} is named like a file.")
    targets = destinations(inputs, out, SUFFIX)
    failed = 0
    with Chunker.open(
        artifact(chunker_name(model, mode)),
        mode=wanted,
        method=None if scoring is None else Method.SCORE if scoring else Method.GENERATE,
        heads=Heads.FREE if free_heads else Heads.CONSTRAINED,
        threads=threads,
        provider=provider,
        memory_limit=console.size(memory) if memory is not None else None,
    ) as chunker:
        for number, (source, target) in enumerate(zip(inputs, targets, strict=True), 1):
            try:
                decoded = decode(read(source))
                with progress_of(source, number, len(inputs)) as told:
                    chunking = chunker.chunk(decoded.text, max_tokens=max_tokens, min_tokens=min_tokens, progress=told)
                if target is not None:
                    write(target, _lines(chunking.chunks))
                if json:
                    notes = [note for note in (decoded.note, *chunking.notes) if note]
                    table = {"source": source, "charset": decoded.charset, **chunking.as_dict(), "notes": notes}
                    console.data(table, one_line=True)
                elif target is None:
                    sys.stdout.write(_lines(chunking.chunks, source if len(inputs) > 1 else None))
                    sys.stdout.flush()
            except DocumentError as error:
                failed += 1
                console.error(f"{source}: {error}")
                if json:
                    console.data({"source": source, "error": str(error)}, one_line=True)
            else:
                for line in (decoded.note, *chunking.remarks()):
                    if line:
                        console.note(f"{source}: {line}")
    if failed:
        raise typer.Exit(1)


def _lines(chunks: "tuple[Chunk, ...]", source: str | None = None) -> str:
    """A chunk a line; `source` goes in front where chunks of several documents run together."""
    before = {} if source is None else {"source": source}
    return "".join(console.json_line({**before, **chunk.as_dict()}) for chunk in chunks)
