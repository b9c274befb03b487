"""A segmented document: items, where its segments end, and its text laid out so that cuts in it become boundaries.

Knows no file format and no metric.
"""

from bisect import bisect_right
from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise

from edgedoc.errors import DocumentError


@dataclass(frozen=True, kw_only=True)
class Document:
    """`boundaries`: index of the last item of each segment, ascending, the last item's included; `titles` beside them.

    `markdown` is the same document with its headings, of which those down to `level` open the segments.
    """

    id: str
    items: tuple[str, ...]
    boundaries: tuple[int, ...]
    titles: tuple[str, ...] | None
    unit: str
    joiner: str
    """What stands between two items: sentences run on in a line, paragraphs have blank lines between them."""
    markdown: str | None = None
    level: int | None = None

    def __post_init__(self) -> None:
        """Raises DocumentError when boundaries or titles do not fit the items."""
        ascending = list(self.boundaries) == sorted(set(self.boundaries))
        if not (self.items and ascending and self.boundaries and self.boundaries[-1] == len(self.items) - 1):
            raise DocumentError(f"{self.id}: boundaries do not ascend to the last of the {len(self.items)} items.")
        if self.boundaries[0] < 0 or (self.titles is not None and len(self.titles) != len(self.boundaries)):
            raise DocumentError(f"{self.id}: the titles are not one for each segment.")

    def segments(self) -> list[str]:
        """The text of each segment."""
        starts = (0, *(boundary + 1 for boundary in self.boundaries))
        return [self.joiner.join(self.items[a:b]) for a, b in pairwise(starts)]


@dataclass(frozen=True)
class Layout:
    """A text and the [start, end) of each item in it, in characters."""

    text: str
    spans: tuple[tuple[int, int], ...]

    @classmethod
    def stripped(cls, document: Document) -> "Layout":
        """The items alone, without headings."""
        spans, at = [], 0
        for item in document.items:
            spans.append((at, at + len(item)))
            at += len(item) + len(document.joiner)
        return cls(document.joiner.join(document.items), tuple(spans))

    @classmethod
    def kept(cls, document: Document) -> "Layout":
        """The Markdown with its headings. Raises DocumentError when there is none or an item is not in it, in order."""
        text = document.markdown
        if text is None:
            raise DocumentError(f"{document.id}: it comes without Markdown.")
        spans, at = [], 0
        for item in document.items:
            start = text.find(item, at)
            if start < 0:
                raise DocumentError(f"{document.id}: its Markdown lacks {item[:40]!r}.")
            at = start + len(item)
            spans.append((start, at))
        return cls(text, tuple(spans))

    def boundaries(self, cuts: Collection[int]) -> tuple[frozenset[int], int]:
        """Boundaries that chunks starting at `cuts` (characters) make, and how many cuts lie inside an item.

        Between two items a cut is a boundary wherever it lies; inside one it goes to the nearer end, the start when
        both are as near.
        """
        starts = [start for start, _ in self.spans]
        found, inside = set(), 0
        for cut in cuts:
            item = bisect_right(starts, cut) - 1
            if item < 0:
                continue
            start, end = self.spans[item]
            if start < cut < end:
                inside += 1
            found.add(item - 1 if cut - start <= end - cut else item)
        return frozenset(boundary for boundary in found if 0 <= boundary < len(self.spans) - 1), inside
