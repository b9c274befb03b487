"""Makes chunks out of cuts: moves them to sound places, splits what is too long, joins what is too short.

Knows spans and tokens, and neither models nor what a chunk is written as.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from edgedoc.documents.blocks import Block, Kind
from edgedoc.documents.boundaries import candidates
from edgedoc.documents.cutting import Count, Measure, best_cuts, inside_character, reach, too_small, verified
from edgedoc.documents.outline import SEPARATOR, Outline, in_context

_SEAM = 2
"""Tokens that two texts together may have more than both alone."""
_PROSE = frozenset({Kind.PARAGRAPH, Kind.QUOTE})


@dataclass(frozen=True, slots=True)
class Cut:
    """A place where a chunk starts, and what a model said about that chunk."""

    start: int
    topic: str | None = None
    summary: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Characters `start` to `end`. `bare`: not even one of them fits under the headings, so it has none.

    While parts are joined, `tokens` is about the length of the text, `most` about that under its headings, and
    `labelled` the length of the part that topic and summary were given to.
    """

    start: int
    end: int
    topic: str | None
    summary: str | None
    bare: bool = False
    tokens: int = 0
    most: int = 0
    labelled: int = 0


class Packer:
    """The parts of one document, at most `limit` tokens each (None: no limit)."""

    def __init__(self, text: str, found: Sequence[Block], count: Count, limit: int | None) -> None:
        """`found` is what `blocks(text)` returns."""
        self._text = text
        self._blocks = found
        self._block_starts = [block.start for block in found]
        self._count = count
        self._limit = limit
        self._outline = Outline(found)
        self._trimmed: dict[tuple[tuple[str, ...], str | None], tuple[str, ...]] = {}
        wanted = limit is not None
        self._candidates = candidates(text, found) if wanted else []
        self._positions = [candidate.position for candidate in self._candidates]

    def pack(self, cuts: Sequence[Cut], least: int | None) -> list[Part]:
        """The parts that `cuts` make, split and joined as `chunks.assemble` says."""
        parts: list[Part] = []
        for section in self._sections(cuts):
            parts += [section] if self._limit is None else self._split(section, self._limit)
        return parts if least is None else self._join(parts, least)

    def headings(self, part: Part) -> tuple[str, ...]:
        """The headings over a part, without the outermost where the limit has no room for them."""
        return self._under(part, self._outline.path(part.start, part.end))

    def _sections(self, cuts: Sequence[Cut]) -> Iterator[Part]:
        """The cuts at sound places, as parts that tile the text."""
        sound: list[Cut] = []
        for cut in cuts if cuts and cuts[0].start == 0 else (Cut(0), *cuts):
            start = self._sound(cut.start)
            if not sound:
                sound.append(replace(cut, start=0))
            elif start > sound[-1].start:
                if self._text[sound[-1].start : start].isspace():
                    sound[-1] = replace(cut, start=sound[-1].start)
                else:
                    sound.append(replace(cut, start=start))
        if self._text and len(sound) > 1 and self._text[sound[-1].start :].isspace():
            sound.pop()
        ends = [*(cut.start for cut in sound[1:]), len(self._text)]
        for cut, end in zip(sound, ends, strict=True):
            if end > cut.start:
                yield Part(cut.start, end, cut.topic, self._bounded(cut.summary))

    def _sound(self, position: int) -> int:
        """The nearest place at or before `position` that cuts nothing that belongs together."""
        index = bisect_right(self._block_starts, position) - 1
        if index < 0:
            return 0
        block = self._blocks[index]
        if block.start < position and block.kind in _PROSE:
            while inside_character(self._text, position):
                position -= 1
            if self._text[block.start : position].strip():
                return position
        while index > 0 and self._blocks[index - 1].kind is Kind.HEADING:
            index -= 1
        return self._blocks[index].start

    def _bounded(self, summary: str | None) -> str | None:
        if summary and self._limit is not None and 2 * self._count(summary) > self._limit:
            return None
        return summary or None

    def _under(self, part: Part, path: tuple[str, ...]) -> tuple[str, ...]:
        if part.bare or self._limit is None:
            return () if part.bare else path
        known = self._trimmed.get((path, part.summary))
        if known is None:
            known = path
            while known and 2 * self._count("\n\n".join((SEPARATOR.join(known), part.summary or ""))) > self._limit:
                known = known[1:]
            self._trimmed[path, part.summary] = known
        return known

    def _measure(self, part: Part) -> int:
        """Tokens of a part under its headings."""
        return self._count(in_context(self.headings(part), part.summary, self._text[part.start : part.end]))

    def _split(self, section: Part, limit: int) -> Iterator[Part]:
        start = section.start
        while start < section.end:
            part = self._first(replace(section, start=start), limit)
            if part is None:
                part = self._first(replace(section, start=start, summary=None, bare=True), limit)
            if part is None:
                raise too_small(limit, self._text[start], self._count(self._text[start]))
            yield part
            start = part.end

    def _first(self, part: Part, limit: int) -> Part | None:
        """As much of the start of `part` as makes a good chunk; None if not a character fits under its headings."""
        # Under the headings it starts with: those that a later one ends would make a longer part look shorter.
        headings = self._under(part, self._outline.opening(part.start))

        def measure(stop: int) -> int:
            return self._count(in_context(headings, part.summary, self._text[part.start : stop]))

        furthest = reach(part.start, part.end, limit, measure)
        if furthest == part.start:
            return None
        if furthest < part.end:
            part = replace(part, end=self._cut(part, furthest, limit, measure))
        # With fewer headings there may be room for outer ones, which are dropped first.
        return part if self.headings(part) == headings or self._measure(part) <= limit else None

    def _cut(self, part: Part, furthest: int, limit: int, measure: Measure) -> int:
        """Where to end `part`, which fits up to `furthest` and hardly further."""
        first, last = (bisect_right(self._positions, position) for position in (part.start, furthest))
        middle = (part.start + furthest) // 2
        # In the second half the best, else the last: a chunk is not to be a scrap because a heading comes early.
        ranked = sorted(
            self._candidates[first:last],
            key=lambda found: (found.position > middle, found.position > middle and found.strength, found.position),
            reverse=True,
        )
        for candidate in ranked:
            if measure(candidate.position) <= limit:
                return candidate.position
        # Nothing but one sentence or block, or a heading with the block it belongs to.
        following = self._positions[last] if last < len(self._positions) else part.end
        if reach(part.start, following, limit, measure) == following:
            return following
        block = self._blocks[bisect_right(self._block_starts, furthest) - 1]
        inside = max(part.start, block.start)
        if inside > part.start and measure(inside) <= limit and self._fits_alone(block, part, limit):
            return inside
        return verified(best_cuts(self._text, inside, furthest), limit, measure) if inside < furthest else furthest

    def _fits_alone(self, block: Block, part: Part, limit: int) -> bool:
        alone = replace(part, start=block.start, end=min(block.end, part.end))
        return reach(alone.start, alone.end, limit, lambda stop: self._measure(replace(alone, end=stop))) == alone.end

    def _join(self, parts: list[Part], least: int) -> list[Part]:
        sized = [self._sized(part) for part in parts]
        joined: list[Part] = []
        for part, following in zip_longest(sized, sized[1:]):
            both = self._joined(joined[-1], part, least, following) if joined else None
            if both is None:
                joined.append(part)
            else:
                joined[-1] = both
        if self._limit is None:
            return joined
        # Lengths were added up; what came out too long after all is split again.
        whole = {(part.start, part.end) for part in parts}
        return [
            piece
            for part in joined
            for piece in ((part,) if (part.start, part.end) in whole else self._split(part, self._limit))
        ]

    def _sized(self, part: Part) -> Part:
        tokens = self._count(self._text[part.start : part.end])
        return replace(part, tokens=tokens, labelled=tokens)

    def _joined(self, before: Part, part: Part, least: int, following: Part | None) -> Part | None:
        """Both as one part, or None where they should stay two."""
        if min(before.tokens, part.tokens) >= least or before.bare or part.bare:
            return None
        if self._outline.enters_chapter(part.start, part.end):
            return None
        if before.tokens >= least and following is not None and self._nearer(before, part, following):
            return None
        label = before if before.labelled >= part.labelled else part
        both = replace(label, start=before.start, end=part.end, tokens=before.tokens + part.tokens)
        if self._limit is None:
            return both
        most = (before.most or self._measure(before)) + part.tokens + _SEAM
        if most <= self._limit:
            return replace(both, most=most)
        most = self._measure(both)
        return replace(both, most=most) if most <= self._limit else None

    def _nearer(self, before: Part, part: Part, following: Part) -> bool:
        """Whether `part` has more headings in common with `following`, and may join it."""
        if self._outline.enters_chapter(following.start, following.end):
            return False
        if self._limit is not None and part.tokens + following.tokens > self._limit // 2:
            return False
        with_before = self._outline.path(before.end - 1, part.end)
        return len(self._outline.path(part.start, following.end)) > len(with_before)
