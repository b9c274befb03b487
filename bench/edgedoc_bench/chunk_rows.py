"""One row of the chunk table: a way of cutting, run over the documents of a set, scored and billed.

A way of cutting is a function of a laid-out document. Knows no command line and no table.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from edgedoc.documents.blocks import Kind, blocks
from edgedoc.tasks.chunker import Chunker, Chunking
from edgedoc.tasks.window import Flag
from edgedoc_bench.cohesion import boundaries as cohesion
from edgedoc_bench.segmentation import Score, Summary, score
from edgedoc_bench.segmentation_baselines import Cutter, floor
from edgedoc_bench.segmentation_document import Document, Layout
from edgedoc_bench.spread import Spread

TOLERANCE = {"sentence": 2, "utterance": 2, "paragraph": 1}
"""Items a boundary may be off and still nearly right; a paragraph is worth a few sentences."""


@dataclass(kw_only=True)
class Bill:
    """What a model spent on a set, summed; `windows_lost` had a head that was not found, or none at all."""

    chunks: int = 0
    windows: int = 0
    windows_lost: int = 0
    steps: int = 0
    prompt_tokens: int = 0
    written_tokens: int = 0
    asked: int = 0
    heads: int = 0
    matched: int = 0
    misplaced: int = 0
    prefill_seconds: float = 0.0
    decode_seconds: float = 0.0

    def add(self, chunking: Chunking) -> None:
        """One document more."""
        self.chunks += len(chunking.chunks)
        for window in chunking.windows:
            self.windows += 1
            self.windows_lost += Flag.LOST in window.flags or Flag.UNUSABLE in window.flags
            self.steps += window.steps
            self.prompt_tokens += window.prompt_tokens
            self.written_tokens += window.written_tokens
            self.asked += window.asked
            self.heads += window.heads
            self.matched += window.matched
            self.misplaced += window.misplaced
            self.prefill_seconds += window.prefill_seconds
            self.decode_seconds += window.decode_seconds

    def as_dict(self) -> dict[str, float]:
        """The sums, and the rates people compare."""
        return {
            **vars(self),
            "steps_per_chunk": self.steps / max(1, self.chunks),
            "tokens_fed": self.prompt_tokens + self.written_tokens,
            "match_rate": self.matched / self.heads if self.heads else 1.0,
            "order_rate": self.matched / found if (found := self.matched + self.misplaced) else 1.0,
            "fallback_rate": self.windows_lost / self.windows if self.windows else 0.0,
        }


@dataclass(frozen=True, kw_only=True)
class Row:
    """A way of cutting on a set: scores and seconds by document, cuts and how many of them lie inside an item."""

    name: str
    scores: tuple[Score, ...]
    seconds: tuple[float, ...] = ()
    cuts: int | None = None
    cuts_inside: int | None = None
    bill: Bill | None = None

    @property
    def summary(self) -> Summary:
        """The set as one."""
        return Summary.of(self.scores)

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> "Row":
        """What `kept` made plain."""
        return cls(
            name=kept["name"],
            scores=tuple(Score(**one) for one in kept["scores"]),
            seconds=tuple(kept["seconds"]),
            cuts=kept["cuts"],
            cuts_inside=kept["cuts_inside"],
            bill=Bill(**kept["bill"]) if kept["bill"] else None,
        )

    def kept(self) -> dict[str, Any]:
        """Everything in it as plain data, document by document."""
        return asdict(self)

    def as_dict(self) -> dict[str, Any]:
        """The figures, for JSON."""
        return {
            "name": self.name,
            **self.summary.as_dict(),
            "seconds": vars(Spread.of(self.seconds)) if self.seconds else None,
            "cuts": self.cuts,
            "cuts_inside": self.cuts_inside,
            "bill": self.bill.as_dict() if self.bill else None,
        }


@dataclass(kw_only=True)
class _Tally:
    scores: list[Score] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    cuts: int = 0
    inside: int = 0

    def row(self, name: str, bill: Bill | None = None) -> Row:
        return Row(
            name=name,
            scores=tuple(self.scores),
            seconds=tuple(self.seconds),
            cuts=self.cuts,
            cuts_inside=self.inside,
            bill=bill,
        )


def floor_row(name: str, documents: Sequence[Document], mean: float, seed: int) -> Row:
    """One of `segmentation_baselines.FLOORS`."""
    return Row(name=name, scores=tuple(_score(one, floor(name, one, mean, seed)) for one in documents))


def cohesion_row(documents: Sequence[Document]) -> Row:
    """Lexical cohesion, which sees the items and so cuts inside none."""
    tally = _Tally()
    for one in documents:
        begin = time.perf_counter()
        found = cohesion(one.items)
        tally.seconds.append(time.perf_counter() - begin)
        tally.cuts += len(found)
        tally.scores.append(_score(one, found))
    return tally.row("lexical cohesion")


def heading_row(documents: Sequence[Document], layouts: Sequence[Layout]) -> Row:
    """The oracle: every heading down to the documents' own level. What it does not get right is wrong in the bench."""
    tally = _Tally()
    for one, layout in zip(documents, layouts, strict=True):
        level = one.level or 6
        cuts = [block.start for block in blocks(layout.text) if block.kind is Kind.HEADING and block.level <= level]
        _add(tally, one, layout, cuts)
    return tally.row("headings (oracle)")


def cutter_row(name: str, cut: Cutter, documents: Sequence[Document], layouts: Sequence[Layout]) -> Row:
    """A splitter that answers with the starts of its chunks."""
    tally = _Tally()
    for one, layout in zip(documents, layouts, strict=True):
        begin = time.perf_counter()
        cuts = cut(layout.text)
        tally.seconds.append(time.perf_counter() - begin)
        _add(tally, one, layout, cuts)
    return tally.row(name)


def model_row(
    name: str,
    chunker: Chunker,
    documents: Sequence[Document],
    layouts: Sequence[Layout],
    progress: Callable[[int, int], None],
) -> Row:
    """A model; `progress` is told the documents done and their number. Raises EngineError."""
    tally, bill = _Tally(), Bill()
    for done, (one, layout) in enumerate(zip(documents, layouts, strict=True), 1):
        chunking = chunker.chunk(layout.text)
        bill.add(chunking)
        tally.seconds.append(chunking.seconds)
        _add(tally, one, layout, [chunk.start for chunk in chunking.chunks])
        progress(done, len(documents))
    return tally.row(name, bill)


def _add(tally: _Tally, document: Document, layout: Layout, cuts: Iterable[int]) -> None:
    inner = [cut for cut in cuts if cut > 0]
    found, inside = layout.boundaries(inner)
    tally.cuts += len(inner)
    tally.inside += inside
    tally.scores.append(_score(document, found))


def _score(document: Document, found: frozenset[int]) -> Score:
    return score(
        reference=document.boundaries,
        hypothesis=found,
        items=len(document.items),
        tolerance=TOLERANCE.get(document.unit, 1),
    )
