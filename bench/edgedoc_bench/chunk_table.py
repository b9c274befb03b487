"""The chunk figures as a page: floors, classic tools and models of a set beside each other. Measures nothing."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from edgedoc.catalogue import align
from edgedoc_bench.bootstrap import Interval, paired_difference
from edgedoc_bench.chunk_rows import Row
from edgedoc_bench.chunk_words import beaten, sentence
from edgedoc_bench.segmentation_baselines import FLOORS
from edgedoc_bench.spread import Spread

HEAD = (
    "",
    "Pk",
    "WD",
    "F1",
    "near F1",
    "segments",
    "mid-item",
    "s/document",
    "steps/chunk",
    "tokens fed",
    "match",
    "fallback",
    "Pk against the best floor",
)


LEGEND = (
    "Pk and WD (WindowDiff): means over documents, 0 is best. F1 of the boundaries, summed over documents; near: "
    "within 1 paragraph or 2 sentences. Segments: predicted over true. Mid-item: cuts inside a paragraph or sentence. "
    "Seconds: median (lowest-highest). Steps: calls of the engine, the prompt's included. Match: heads found in the "
    "text. Fallback: windows with a head that was not, which published code replaces by fixed lengths. Last: mean "
    "difference with the paired bootstrap's 95 %, negative is better. Below each table: which floors a row beats, as "
    "the figures stand."
)


@dataclass(frozen=True, kw_only=True)
class Table:
    """A set in one of its forms. `headings`: whether they were in the text."""

    name: str
    headings: bool
    unit: str
    rows: tuple[Row, ...]

    @property
    def floors(self) -> list[Row]:
        """The rows that read nothing."""
        return [row for row in self.rows if row.name in FLOORS]

    @property
    def best_floor(self) -> Row:
        """The floor with the lowest Pk."""
        return min(self.floors, key=lambda row: row.summary.pk_macro or 0.0)

    def difference(self, row: Row) -> Interval | None:
        """Pk of `row` less that of the best floor, by document; None for the floors and without a document to score."""
        pairs = [
            (one.pk, other.pk)
            for one, other in zip(row.scores, self.best_floor.scores, strict=True)
            if one.pk is not None and other.pk is not None
        ]
        if row.name in FLOORS or not pairs:
            return None
        return paired_difference([one for one, _ in pairs], [other for _, other in pairs])

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "set": self.name,
            "headings": self.headings,
            "unit": self.unit,
            "best_floor": self.best_floor.name,
            "rows": [
                {
                    **row.as_dict(),
                    "pk_difference": asdict(found) if (found := self.difference(row)) else None,
                    "beats": None if row.name in FLOORS else beaten(row, self.floors),
                }
                for row in self.rows
            ],
        }

    def text(self) -> str:
        """For people."""
        first = self.rows[0].summary
        skipped = f", {first.skipped} of them too short for a window" if first.skipped else ""
        title = f"{self.name}, headings {'kept' if self.headings else 'stripped'}"
        lines = [HEAD, *(self._line(row) for row in self.rows)]
        return "\n".join(
            [
                f"## {title}",
                "",
                f"{first.documents} documents{skipped}; items are {self.unit}s; best floor: {self.best_floor.name}.",
                "",
                "```",
                align(lines, right=frozenset(range(1, len(HEAD)))),
                "```",
                "",
                *(f"- {sentence(row, self.floors)}" for row in self.rows if row.name not in FLOORS),
            ]
        )

    def _line(self, row: Row) -> tuple[str, ...]:
        summary, difference = row.summary, self.difference(row)
        bill = row.bill.as_dict() if row.bill else None
        # Cuts are known where a text was cut, and none were made inside items where items were given.
        inside = f"{row.cuts_inside / row.cuts:.1%}" if row.cuts and row.cuts_inside is not None else ""
        return (
            row.name,
            _ratio(summary.pk_macro),
            _ratio(summary.wd_macro),
            _ratio(summary.f1_micro),
            _ratio(summary.near_f1_micro),
            f"{summary.segment_ratio:.2f}",
            inside,
            Spread.of(row.seconds).text(3) if row.seconds else "",
            f"{bill['steps_per_chunk']:.1f}" if bill else "",
            f"{bill['tokens_fed']:.0f}" if bill else "",
            f"{bill['match_rate']:.1%}" if bill else "",
            f"{bill['fallback_rate']:.1%}" if bill else "",
            difference.text(3) if difference else "",
        )


def page(tables: Sequence[Table], head: Sequence[str], foot: str) -> str:
    """The Markdown report; `head` and `foot` say what was measured and where."""
    return (
        "\n\n".join(
            [
                "# Where chunkers cut",
                *head,
                LEGEND,
                *(table.text() for table in tables),
                foot,
            ]
        )
        + "\n"
    )


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
