"""How well cuts in a text are chosen: where its segments end, how large the chunks are, and what they tear apart.

Cuts are characters at which chunks start. Knows no chunker.
"""

from bisect import bisect_left
from collections.abc import Collection, Sequence
from itertools import pairwise

from edgedoc.documents.blocks import Kind, blocks
from edgedoc_bench.boundary_similarity import boundary_similarity
from edgedoc_bench.segmentation import f1, score
from edgedoc_bench.segmentation_document import Layout

WHOLE = (Kind.CODE, Kind.TABLE, Kind.LIST)
"""Blocks that lose their meaning when they are cut."""
LONGEST = 2000
"""Characters of a chunk that an embedding model of 512 tokens can hold, at four a token."""

Span = tuple[int, int]


def boundary_scores(
    text: str, spans: Sequence[Span], gold: Collection[int], starts: Collection[int]
) -> dict[str, float]:
    """Pk, WindowDiff, B, F1 exact and within 1 item, segments per true segment, and the share of cuts inside an item.

    `spans` are the items, which a boundary falls between; `gold` and `starts` the characters at which segments and
    chunks start, 0 counted or not. Pk and WindowDiff are left out where the document is too short for a window. Items
    are sentences or paragraphs and change every number here: never compare across units.
    """
    layout = Layout(text, tuple(spans))
    reference, _ = layout.boundaries([cut for cut in gold if cut > 0])
    cuts = [cut for cut in starts if cut > 0]
    found, inside = layout.boundaries(cuts)
    counts = score(reference=reference, hypothesis=found, items=len(spans), tolerance=1)
    values = {
        "boundary_similarity": boundary_similarity(reference=reference, hypothesis=found, items=len(spans)),
        "boundary_f1": counts.f1,
        "boundary_f1_near": f1(counts.near_hits, counts.predicted, counts.gold),
        "segment_ratio": (counts.predicted + 1) / (counts.gold + 1),
        "cuts_inside": inside / len(cuts) if cuts else 0.0,
    }
    if counts.pk is not None and counts.wd is not None:
        values |= {"pk": counts.pk, "window_diff": counts.wd}
    return values


def size_compliance(lengths: Sequence[int], limit: int = LONGEST) -> float | None:
    """Share of the chunks of at most `limit` characters (after Adaptive Chunking, arXiv 2603.25333); None for none.

    In characters, since a splitter without a model has no tokens.
    """
    return sum(length <= limit for length in lengths) / len(lengths) if lengths else None


def block_integrity(text: str, starts: Collection[int]) -> float | None:
    """Share of the blocks of code, tables and lists that no chunk starts inside, 0 to 1 (Adaptive Chunking).

    None for a text that has none. Leading blanks of a block are no part of it.
    """
    cuts = sorted(starts)
    whole = [(block.start, block.end) for block in blocks(text) if block.kind in WHOLE]
    if not whole:
        return None
    return sum(not _cut(cuts, *_inked(text, start, end)) for start, end in whole) / len(whole)


def chunk_lengths(text: str, starts: Collection[int]) -> list[int]:
    """Characters of every chunk."""
    return [end - start for start, end in pairwise(sorted({0, *starts, len(text)}))]


def paragraphs(text: str) -> list[Span]:
    """The items of a text nobody gave items for: its outermost blocks, without the blank lines around."""
    return [_inked(text, block.start, block.end) for block in blocks(text) if text[block.start : block.end].strip()]


def _cut(cuts: Sequence[int], start: int, end: int) -> bool:
    """Whether a cut lies strictly inside."""
    place = bisect_left(cuts, start + 1)
    return place < len(cuts) and cuts[place] < end


def _inked(text: str, start: int, end: int) -> Span:
    part = text[start:end]
    return start + len(part) - len(part.lstrip()), start + len(part.rstrip())
