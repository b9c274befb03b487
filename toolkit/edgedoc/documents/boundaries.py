"""Where a chunk may start: at blocks, lines and sentences, never inside code, a table or a list. Knows no tokens."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

from edgedoc.documents.blocks import Block, Kind
from edgedoc.documents.cutting import cuts_within as cuts_within
from edgedoc.documents.lines import line_at
from edgedoc.documents.sentences import may_start, sentence_starts

_NOT_BLANK = re.compile(r"\S")
_FENCE = re.compile(r"```|~~~")
_LINE_START = re.compile(r"[\r\n][ \t]*\Z")
_ENDED = re.compile(r"[^\w\s,;–—-]\s*\Z")
_FIRST_WORD = re.compile(r"(\s*)[\s>]*+(\S+)")
_PROSE = frozenset({Kind.PARAGRAPH, Kind.QUOTE})


class Strength(IntEnum):
    """How good a place to cut is, the best last."""

    SENTENCE = 1
    LINE = 2
    ITEM = 3
    BLOCK = 4
    HEADING = 5


@dataclass(frozen=True, slots=True)
class Candidate:
    """A character a chunk may start with."""

    position: int
    strength: Strength


def candidates(text: str, found: Sequence[Block]) -> list[Candidate]:
    """Every place a chunk may start, ascending, 0 left out. `found` is what `blocks(text)` returns. Linear time.

    Blocks, unless what stands before is a heading: it belongs to what follows. In paragraphs and quotes, sentences, and
    lines where the break is meant. White space before a sentence belongs to the chunk before; a block starts with its
    line, whose indentation may be its meaning.
    """
    return list(_candidates(text, found))


def _candidates(text: str, found: Sequence[Block]) -> Iterator[Candidate]:
    after_heading = False
    for block in found:
        if block.start and not after_heading:
            heading = block.kind is Kind.HEADING
            yield Candidate(block.start, Strength.HEADING if heading else Strength.BLOCK)
        if block.kind in _PROSE:
            yield from _in_prose(text, block)
        after_heading = block.kind is Kind.HEADING


def _in_prose(text: str, block: Block) -> Iterator[Candidate]:
    if block.kind is Kind.QUOTE and _FENCE.search(text, block.start, block.end):
        return
    inside = _NOT_BLANK.search(text, block.start, block.end)
    sentences, lines = set(sentence_starts(text, block.start, block.end)), set(_meant_breaks(text, block))
    for position in sorted(sentences | lines):
        if inside and position > inside.start():
            starts_line = position in lines or _LINE_START.search(text, max(0, position - 4), position)
            yield Candidate(position, Strength.LINE if starts_line else Strength.SENTENCE)


def _meant_breaks(text: str, block: Block) -> Iterator[int]:
    """Lines of prose whose break before them is no wrapping: their first word would still have fitted above.

    That tells transcripts and lists of sentences without full stops from paragraphs that an editor filled; where most
    breaks are meant, all are. Two spaces or a backslash at the end of a line are Markdown's own sign.
    """
    lines = []
    position = block.start
    while position < block.end:
        line, following = line_at(text, position)
        lines.append((position, line))
        position = following
    widest = max(len(line.rstrip()) for _, line in lines)
    small = text[block.start : block.end].islower()
    breaks = []
    for (_, before), (start, line) in pairwise(lines):
        if word := _FIRST_WORD.match(line):
            fits = len(before.rstrip()) + 1 + len(word[2]) <= widest
            position = start + word.end(1)
            # A clause a line, as some write Markdown, is wrapping too.
            begins = _ENDED.search(before) or may_start(text, position, block.end, small)
            breaks.append((position, fits, bool(begins), before.endswith(("  ", "\\"))))
    most = 2 * sum(fits for _, fits, _, _ in breaks) >= len(breaks)
    for position, fits, begins, signed in breaks:
        if signed or (begins and (fits or most)):
            yield position
