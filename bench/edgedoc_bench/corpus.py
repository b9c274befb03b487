"""The documents a bench runs on: sets that ship with the package, or the user's own. Knows no model and no score."""

import difflib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgedoc.errors import DocumentError, UsageError
from edgedoc.recipes import Task

Span = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One document: HTML for a reader, text for a chunker, and what a perfect answer is where somebody wrote one.

    `gold` is Markdown; `boundaries` are the characters at which segments start, 0 left out. `items` are the sentences
    or paragraphs that boundaries fall between, [start, end) in characters; None: whoever scores finds paragraphs.
    """

    id: str
    kind: str
    source: str
    gold: str | None = None
    boundaries: tuple[int, ...] | None = None
    items: tuple[Span, ...] | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, table: dict[str, Any]) -> "Sample":
        """The inverse of `as_dict`. Raises KeyError for what is no sample."""
        boundaries, items = table.get("boundaries"), table.get("items")
        return cls(
            id=str(table["id"]),
            kind=str(table.get("kind") or "document"),
            source=table["source"],
            gold=table.get("gold"),
            boundaries=tuple(boundaries) if boundaries is not None else None,
            items=tuple((start, end) for start, end in items) if items is not None else None,
        )


SETS = ("samples",)
"""What ships with the package."""


def load(name: str, task: Task, *, limit: int | None = None, base: Path | None = None) -> tuple[Sample, ...]:
    """The documents of a set, at most `limit` of them, spread over kinds; a path is relative to `base`.

    A path is JSON lines (.jsonl, .jsonl.gz) or a folder; for a reader see `corpus_pages`, for a chunker `corpus_texts`.
    Raises UsageError for a name that is neither a set nor a path, DocumentError when nothing is in it or a line cannot
    be read.
    """
    from edgedoc_bench import corpus_pages, corpus_texts

    source = corpus_pages if task is Task.READER else corpus_texts
    if name in SETS:
        found = tuple(source.bundled())
    else:
        path = (base or Path()) / name
        if not path.exists():
            near = difflib.get_close_matches(name, SETS, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise UsageError(f"There are no documents {name}: it is neither {', '.join(SETS)} nor a file.{hint}")
        found = tuple(source.read(path))
    if not found:
        raise DocumentError(f"{name} has no documents for a {task}: {source.WANTED}.")
    return spread(found, limit)


def spread(found: Sequence[Sample], limit: int | None) -> tuple[Sample, ...]:
    """At most `limit` of the documents in their order: as many of each kind as there is room for, evenly spread.

    Kinds are reported apart, so a rare one needs as many documents as a common one.
    """
    if limit is None or limit >= len(found):
        return tuple(found)
    kinds: dict[str, list[int]] = {}
    for place, sample in enumerate(found):
        kinds.setdefault(sample.kind, []).append(place)
    chosen: list[int] = []
    for done, places in enumerate(sorted(kinds.values(), key=len)):
        # What a kind before had too few for is left to those after it.
        share = min(len(places), -(-(limit - len(chosen)) // (len(kinds) - done)))
        chosen += [places[index * len(places) // share] for index in range(share)]
    return tuple(found[place] for place in sorted(chosen))
