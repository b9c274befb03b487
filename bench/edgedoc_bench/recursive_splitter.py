"""Splits a text at the coarsest separator that makes pieces small enough, then joins what fits: the splitter most use.

In the manner of LangChain's RecursiveCharacterTextSplitter with its default separators, no overlap, lengths in
characters (langchain-text-splitters 1.1.3, character.py); the tests compare. Written here because that library brings
thirty packages with it. Unlike it, chunks keep their blanks, so that they tile the text.
"""

from itertools import pairwise

SEPARATORS = ("\n\n", "\n", " ", "")
"""Paragraphs, lines, words, characters."""

Span = tuple[int, int]


def split(text: str, size: int) -> list[Span]:
    """Chunks of at most `size` characters that tile the text, as (start, end); none for an empty text."""
    return _split(text, 0, len(text), size, SEPARATORS)


def _split(text: str, start: int, end: int, size: int, separators: tuple[str, ...]) -> list[Span]:
    # The first separator there is, or single characters.
    at = next(index for index, one in enumerate(separators) if text.find(one, start, end) >= 0 or not one)
    separator, finer = separators[at], separators[at + 1 :]
    chunks: list[Span] = []
    waiting: list[Span] = []
    for piece in _pieces(text, start, end, separator):
        if piece[1] - piece[0] < size:
            waiting.append(piece)
            continue
        chunks += _joined(waiting, size)
        waiting = []
        chunks += _split(text, *piece, size, finer) if finer and piece[1] - piece[0] > size else [piece]
    return chunks + _joined(waiting, size)


def _pieces(text: str, start: int, end: int, separator: str) -> list[Span]:
    """The parts between separators, each with the separator before it, as keep_separator has it."""
    if not separator:
        return [(at, at + 1) for at in range(start, end)]
    cuts, at = [start], text.find(separator, start, end)
    while at >= 0:
        if at > start:
            cuts.append(at)
        at = text.find(separator, at + len(separator), end)
    return list(pairwise([*cuts, end]))


def _joined(pieces: list[Span], size: int) -> list[Span]:
    """Neighbours joined as long as they fit."""
    joined: list[Span] = []
    for start, end in pieces:
        if joined and end - joined[-1][0] <= size:
            joined[-1] = joined[-1][0], end
        else:
            joined.append((start, end))
    return joined
