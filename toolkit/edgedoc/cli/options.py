"""Options that several commands have, and what their values mean. Knows no command."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from edgedoc.errors import UsageError

if TYPE_CHECKING:
    from edgedoc.documents.cleaning import Cleaning
    from edgedoc.recipes import Mode
    from edgedoc.tasks.reader import Fallback

Kind = TypeVar("Kind", bound=StrEnum)
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
_READER = "Artifact folder or recipe name; default: the bundled nano-reader."
_CHUNKER = "Artifact folder or recipe name; default: the bundled nano-chunker of the mode."
Model = Annotated[str | None, typer.Option("--model", "-m", envvar="EDGEDOC_MODEL", help=_READER)]
ReaderModel = Annotated[str | None, typer.Option("--reader", envvar="EDGEDOC_MODEL", help=_READER)]
# A variable of its own: one that names a reader must not reach a command that wants a chunker.
ChunkModel = Annotated[str | None, typer.Option("--model", "-m", envvar="EDGEDOC_CHUNKER", help=_CHUNKER)]
ChunkerModel = Annotated[str | None, typer.Option("--chunker", envvar="EDGEDOC_CHUNKER", help=_CHUNKER)]
ModeName = Annotated[
    str | None,
    typer.Option("--mode", help="What the chunker says of each chunk: simple (nothing), topic or summary."),
]
ModeNames = Annotated[
    list[str] | None,
    typer.Option("--mode", help="simple, topic or summary: what it says of each chunk. Of an unmerged model, several."),
]
MaxTokens = Annotated[
    int | None,
    typer.Option(min=1, help="Most tokens of a chunk with its headings and summary; default: as the model cuts."),
]
MinTokens = Annotated[int | None, typer.Option(min=1, help="Chunks below that join a neighbour where they may.")]
FallbackName = Annotated[
    str, typer.Option("--fallback", help="What stands in for a window the model failed on: rules or none.")
]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads; default: the cores this process may use.")]
Provider = Annotated[
    str, typer.Option(help="Where an ONNX model runs: auto, cpu, cuda, dml or coreml. GGUF: auto or cpu.")
]
MemoryLimit = Annotated[
    str | None, typer.Option("--memory", help="Most memory for a model, e.g. 600M or 2G; default: what is free.")
]

Drafts = Annotated[
    bool,
    typer.Option("--drafts/--no-drafts", help="Have rules write a draft that the model verifies in blocks: faster."),
]
Exact = Annotated[
    bool,
    typer.Option("--exact", help="The same text to the last bit with drafts and without, where rounding could tip it."),
]

CleaningName = Annotated[
    str,
    typer.Option(
        "--cleaning",
        help="What is cut before the model reads: markup, attributes, or furniture too (half of many pages).",
    ),
]


def named(option: str, kind: type[Kind], name: str) -> Kind:
    """What the value `name` of `option` means, out of all there are. Raises UsageError."""
    known = [str(value) for value in kind]
    if name not in known:
        raise UsageError(f"--{option} is {(' or ' if len(known) == 2 else ', ').join(known)}, not {name!r}.")
    return kind(name)


def cleaning_named(name: str) -> "Cleaning":
    """The level of cleaning meant. Raises UsageError."""
    from edgedoc.documents.cleaning import Cleaning

    return named("cleaning", Cleaning, name)


def fallback_named(name: str) -> "Fallback":
    """The fallback meant. Raises UsageError."""
    from edgedoc.tasks.reader import Fallback

    return named("fallback", Fallback, name)


def mode_named(name: str | None) -> "Mode | None":
    """The chunker's mode meant. Raises UsageError."""
    from edgedoc.recipes import Mode

    return named("mode", Mode, name) if name is not None else None
