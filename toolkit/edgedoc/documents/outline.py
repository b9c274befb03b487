"""Under which headings a stretch of a document stands. Knows no tokens, and no chunk but its span."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from edgedoc.documents.blocks import Block, Kind, leading_titles

SEPARATOR = " > "


class Outline:
    """The headings of a document and what each is under."""

    def __init__(self, found: Sequence[Block]) -> None:
        """`found` is what `blocks` returns. A heading ends those before it of its level and of deeper ones."""
        self._headings = [block for block in found if block.kind is Kind.HEADING]
        self._starts = [block.start for block in self._headings]
        self._paths: list[tuple[Block, ...]] = []
        path: tuple[Block, ...] = ()
        for heading in self._headings:
            path = (*_above(path, heading.level), heading)
            self._paths.append(path)
        # Headings that follow one another with nothing between open what comes behind the last of them together.
        self._last_in_row = list(range(len(self._starts)))
        for index in reversed(range(len(self._starts) - 1)):
            if self._headings[index].end == self._starts[index + 1]:
                self._last_in_row[index] = self._last_in_row[index + 1]

    def opening(self, start: int) -> tuple[str, ...]:
        """Titles of the headings, outermost first, over what starts at `start`; headings there are among them."""
        return self._titles(self._opening(start))

    def path(self, start: int, end: int) -> tuple[str, ...]:
        """Titles of the headings that all of text[start:end] stands under.

        Those of `opening`, less what a heading further down ends: those of its level and deeper.
        """
        index = min(self._opening(start), bisect_left(self._starts, end) - 1)
        level = 7
        for later in range(index + 1, len(self._starts)):
            if self._starts[later] >= end or level == 1:
                break
            level = min(level, self._headings[later].level)
        return self._titles(index, below=level)

    def enters_chapter(self, start: int, end: int) -> bool:
        """Whether a heading of level 1 starts in [start, end)."""
        first, last = bisect_left(self._starts, start), bisect_left(self._starts, end)
        return any(self._headings[index].level == 1 for index in range(first, last))

    def _opening(self, start: int) -> int:
        """Index of the last heading over `start`; -1 where there is none."""
        index = bisect_right(self._starts, start) - 1
        return self._last_in_row[index] if index >= 0 and self._starts[index] == start else index

    def _titles(self, index: int, *, below: int = 7) -> tuple[str, ...]:
        path = self._paths[index] if index >= 0 else ()
        return tuple(heading.title for heading in path if heading.level < below)


def in_context(headings: Sequence[str], summary: str | None, text: str) -> str:
    """`text` under its headings and summary, as `chunks.Chunk.contextualized` says."""
    above = list(headings)
    own = leading_titles(text) if above else []
    while above and above[-1] in own:
        above.pop()
    return "\n\n".join(part for part in (SEPARATOR.join(above), summary, text) if part)


def _above(path: tuple[Block, ...], level: int) -> tuple[Block, ...]:
    return tuple(heading for heading in path if heading.level < level)
