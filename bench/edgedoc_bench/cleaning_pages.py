"""The pages that levels of cleaning are measured on, by kind, with the text of a perfect answer. Measures nothing.

The rules of `furniture` were looked at on one half of the pages, by CRC of their ids; what is measured is the other.
"""

import gzip
import json
import random
import zlib
from dataclasses import dataclass
from pathlib import Path

from edgedoc.errors import DocumentError
from edgedoc_bench import markdown_tree

DATA = Path(__file__).parents[3] / "shared" / "data" / "html2md"
LONGEST = 150_000
"""Characters of a page's HTML: the few longer ones would be most of every sum."""
SYNTAX = frozenset({"snippet-suite", "md-source"})
"""Kinds that test syntax and are no pages."""

_SOURCES = (("html_markdown.jsonl.gz", "kind", "markdown"), ("main_text.jsonl.gz", "page_type", "text"))


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page; `gold` is the plain text of what its author or an annotator says is the main content."""

    id: str
    kind: str
    html: str
    gold: str


def load(folder: Path, count: int) -> dict[str, list[Page]]:
    """At most `count` pages of each kind, drawn with a fixed seed. Raises DocumentError, MissingPackageError."""
    found: dict[str, list[Page]] = {}
    for name, kind, gold in _SOURCES:
        if not (folder / name).is_file():
            raise DocumentError(f"There is no {name} in {folder}; name the folder that has it with --data.")
        rows: dict[str, list[dict[str, str]]] = {}
        with gzip.open(folder / name, "rt", encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                if row[kind] not in SYNTAX and len(row["html"]) < LONGEST and zlib.crc32(row["id"].encode()) % 2:
                    rows.setdefault(row[kind], []).append(row)
        for of_kind, several in rows.items():
            drawn = random.Random(1).sample(several, min(count, len(several)))
            found[of_kind] = [
                Page(
                    id=row["id"],
                    kind=of_kind,
                    html=row["html"],
                    gold=markdown_tree.render(row[gold]).text if gold == "markdown" else row[gold],
                )
                for row in drawn
            ]
    return found
