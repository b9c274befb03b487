"""The command that cuts text into chunks."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
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
    ModeNames,
    Provider,
    Threads,
    mode_named,
)
from edgedoc.errors import DocumentError, UsageError

if TYPE_CHECKING:
    from edgedoc.recipes import Method, Mode
    from edgedoc.tasks.chunker import Chunker, Chunking
    from edgedoc.tasks.marking import Heads

SUFFIX = ".chunks.jsonl"


def chunk(
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT", help="Text or Markdown files; - is stdin.")],
    model: ChunkModel = None,
    mode: ModeNames = None,
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

    Every chunk is an exact span of its document, and together they are the document, whatever the model does. With
    several modes each line names its own.
    """
    from edgedoc.documents.chunks import check_limits
    from edgedoc.documents.plain_text import decode
    from edgedoc.files import read, write
    from edgedoc.recipes import Method
    from edgedoc.tasks.marking import Heads

    modes = [wanted for wanted in map(mode_named, dict.fromkeys(mode or [])) if wanted is not None]
    check_limits(max_tokens, min_tokens)
    if out is not None and len(inputs) > 1 and out.suffix == ".jsonl" and not out.is_dir():
        raise UsageError(f"Several inputs go into a folder, one file each: {out} is named like a file.")
    targets = destinations(inputs, out, SUFFIX)
    failed = 0
    with _opened(
        model,
        modes,
        method=None if scoring is None else Method.SCORE if scoring else Method.GENERATE,
        heads=Heads.FREE if free_heads else Heads.CONSTRAINED,
        threads=threads,
        provider=provider,
        memory_limit=console.size(memory) if memory is not None else None,
    ) as chunkers:
        for number, (source, target) in enumerate(zip(inputs, targets, strict=True), 1):
            try:
                decoded = decode(read(source))
                with progress_of(source, number, len(inputs)) as told:
                    cut = [
                        (said, one.chunk(decoded.text, max_tokens=max_tokens, min_tokens=min_tokens, progress=told))
                        for said, one in chunkers
                    ]
                if target is not None:
                    write(target, "".join(_lines(chunking, said) for said, chunking in cut))
                if json:
                    for said, chunking in cut:
                        notes = [note for note in (decoded.note, *chunking.notes) if note]
                        about = {"source": source, **said, "charset": decoded.charset}
                        console.data({**about, **chunking.as_dict(), "notes": notes}, one_line=True)
                elif target is None:
                    named = {"source": source} if len(inputs) > 1 else {}
                    sys.stdout.write("".join(_lines(chunking, {**named, **said}) for said, chunking in cut))
                    sys.stdout.flush()
            except DocumentError as error:
                failed += 1
                console.error(f"{source}: {error}")
                if json:
                    console.data({"source": source, "error": str(error)}, one_line=True)
            else:
                remarks = [(*said.values(), line) for said, chunking in cut for line in chunking.remarks()]
                for parts in [*([(decoded.note,)] if decoded.note else []), *remarks]:
                    console.note(": ".join((source, *parts)))
    if failed:
        raise typer.Exit(1)


@contextmanager
def _opened(
    model: str | None,
    modes: "list[Mode]",
    *,
    method: "Method | None",
    heads: "Heads",
    threads: int | None,
    provider: str,
    memory_limit: int | None,
) -> "Iterator[list[tuple[dict[str, str], Chunker]]]":
    """The chunkers meant, each with what tells its chunks from those of the others."""
    from edgedoc.tasks.chunker import Chunker
    from edgedoc.tasks.chunkers import Chunkers

    if len(modes) < 2:
        mode = modes[0] if modes else None
        with Chunker.open(
            artifact(chunker_name(model, mode)),
            mode=mode,
            method=method,
            heads=heads,
            threads=threads,
            provider=provider,
            memory_limit=memory_limit,
        ) as chunker:
            yield [({}, chunker)]
        return
    if model is None:
        raise UsageError(
            "Several modes need one --model with an adapter for each: edgedoc export nano-reader --adapter "
            f"nano-chunker-{modes[0]} --adapter nano-chunker-{modes[1]} --unmerged --out chunkers"
        )
    with Chunkers.open(
        artifact(model),
        wanted=modes,
        method=method,
        heads=heads,
        threads=threads,
        provider=provider,
        memory_limit=memory_limit,
    ) as chunkers:
        yield [({"mode": str(mode)}, chunkers.of(mode)) for mode in modes]


def _lines(chunking: "Chunking", before: dict[str, str]) -> str:
    """A chunk a line; `before` goes in front where chunks of several documents or modes run together."""
    return "".join(console.json_line({**before, **chunk.as_dict()}) for chunk in chunking.chunks)
