"""Chunks: exact spans of a document with what is known about each. Knows no model; a counter of tokens is given to it.

    document = "".join(chunk.text for chunk in chunks)        for any document and any cuts
    document[chunk.start : chunk.end] == chunk.text

Positions are characters (code points) of the document as decoded.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgedoc.documents.blocks import blocks
from edgedoc.documents.outline import in_context
from edgedoc.documents.packing import Cut as Cut
from edgedoc.documents.packing import Packer
from edgedoc.errors import UsageError


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunk:
    """Characters `start` to `end` of a document.

    `tokens` is the number of tokens of `text` alone. `headings` are those that all of the chunk stands under, outermost
    first, its own included. `topic` and `summary` are the model's words, None where it gave none.
    """

    index: int
    start: int
    end: int
    text: str
    tokens: int
    headings: tuple[str, ...]
    topic: str | None
    summary: str | None

    def contextualized(self) -> str:
        """The text to embed: headings above the chunk in a line, the summary, and the text, with blank lines between.

        Headings that the text itself starts with are not repeated. This is what a limit of tokens holds for.
        """
        return in_context(self.headings, self.summary, self.text)

    def as_dict(self) -> dict[str, object]:
        """Plain data: the fields in their order."""
        return {
            "index": self.index,
            "start": self.start,
            "end": self.end,
            "text": self.text,
            "tokens": self.tokens,
            "headings": list(self.headings),
            "topic": self.topic,
            "summary": self.summary,
        }


def check_limits(max_tokens: int | None, min_tokens: int | None) -> None:
    """Raises UsageError when a limit is below 1, or the least above the most."""
    for name, limit in (("--max-tokens", max_tokens), ("--min-tokens", min_tokens)):
        if limit is not None and limit < 1:
            raise UsageError(f"{name} is at least 1, not {limit}.")
    if max_tokens is not None and min_tokens is not None and min_tokens > max_tokens:
        raise UsageError(f"--min-tokens {min_tokens} is more than --max-tokens {max_tokens}.")


def assemble(
    text: str,
    cuts: Sequence[Cut],
    *,
    count: Callable[[str], int],
    max_tokens: int | None = None,
    min_tokens: int | None = None,
) -> tuple[Chunk, ...]:
    """The chunks of `text` that start at `cuts` (0 is added where it is missing), within the limits.

    A cut inside code, a table, a list, HTML or a heading, or between a heading and what follows, moves to the start of
    that; one with nothing but white space before it goes. `count` is the number of tokens of a text. Of `max_tokens`:

    - no chunk's `contextualized()` has more. Longer ones are cut at blocks, else sentences; code, tables, lists and
      HTML only when one alone is longer: then at items, lines, sentences, words, characters.
    - Headings and summary together take at most half: a summary longer than that is dropped, then the outermost
      headings are. Where a single character does not fit under them, they all are.

    A chunk below `min_tokens` joins a neighbour, that under more of the same headings, while `max_tokens` allows, but
    never across a heading of level 1. Every part of a split chunk keeps its topic and summary; a joined one has those
    of its longest part.

    Raises UsageError as `check_limits` does and when a character is longer than `max_tokens`; ValueError when positions
    do not ascend or lie outside the text.
    """
    check_limits(max_tokens, min_tokens)
    if [cut.start for cut in cuts] != sorted({cut.start for cut in cuts}) or (
        cuts and not 0 <= cuts[0].start <= cuts[-1].start < max(1, len(text))
    ):
        raise ValueError("Cuts must ascend and lie inside the text.")
    packer = Packer(text, blocks(text), count, max_tokens)
    return tuple(
        Chunk(
            index=index,
            start=part.start,
            end=part.end,
            text=text[part.start : part.end],
            tokens=count(text[part.start : part.end]),
            headings=packer.headings(part),
            topic=part.topic,
            summary=part.summary,
        )
        for index, part in enumerate(packer.pack(cuts, min_tokens))
    )
