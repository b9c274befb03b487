"""Segmented documents from JSON lines, and from wherever a name or path says they are. Scores nothing.

A line holds `id`, `sentences` or `paragraphs`, `boundaries` (index of the last item of each segment, the last item's
included), `unit` and perhaps `titles`; `markdown` with `split_level` is the same text with its headings. Lines with
`sections` (title, level, text) instead are documents to train on.
"""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from edgedoc.errors import DocumentError, UsageError
from edgedoc_bench.segmentation_corpora import articles
from edgedoc_bench.segmentation_document import Document

JOINERS = {"sentence": " ", "paragraph": "\n\n", "utterance": "\n"}
SUFFIXES = (".jsonl", ".jsonl.gz")


def load(data: Path, name: str, limit: int | None = None) -> list[Document]:
    """Documents of a set: NAME.jsonl.gz in `data`, or `name` is itself a path to JSON lines, wiki-727k or Choi files.

    `limit` takes that many, evenly spread over a JSON-lines file, the first ones of a folder. Raises UsageError when
    there is no such set or nothing in it, DocumentError for a line that cannot be read.
    """
    path = next((path for path in (data / f"{name}{suffix}" for suffix in SUFFIXES) if path.is_file()), Path(name))
    if path.is_file() and path.name.endswith(SUFFIXES):
        found = [document(row, f"{path.name}:{number}") for number, row in rows(path)]
        if limit is not None and len(found) > limit:
            found = [found[index * len(found) // limit] for index in range(limit)]
    elif path.exists():
        found = list(islice(articles(path), limit))
    else:
        raise UsageError(f"There is no set {name!r} in {data}, and no file or folder of that name.")
    if not found:
        raise UsageError(f"{path} holds no document with at least two segments.")
    return found


def rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line number, from 1, and object of every line that is not blank. Raises DocumentError."""
    opened = gzip.open if path.name.endswith(".gz") else open
    try:
        with opened(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise DocumentError(f"{path}:{number} is no JSON object.")
                yield number, row
    except (OSError, EOFError, zlib.error) as error:
        raise DocumentError(f"{path} cannot be read: {error}.") from error
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"{path} is not JSON lines in UTF-8: {error}.") from error


def document(row: Mapping[str, Any], where: str) -> Document:
    """The document in one line; `where` names it in messages. Raises DocumentError."""
    try:
        if "sections" in row:
            return _from_sections(row)
        items = row["sentences"] if "sentences" in row else row["paragraphs"]
        unit = str(row.get("unit", "sentence" if "sentences" in row else "paragraph"))
        titles = row.get("titles")
        return Document(
            id=str(row["id"]),
            items=tuple(map(str, items)),
            boundaries=tuple(map(int, row["boundaries"])),
            titles=None if titles is None else tuple(map(str, titles)),
            unit=unit,
            joiner=JOINERS[unit],
            markdown=row.get("markdown"),
            level=row.get("split_level"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DocumentError(f"{where} is no segmented document: {type(error).__name__} {error}.") from error


def _from_sections(row: Mapping[str, Any]) -> Document:
    """Paragraphs of the sections; segments open at the first level that has three sections, and above it.

    One level must be chosen, since below it segments are a paragraph each in some documents.
    """
    levels = [int(section["level"]) for section in row["sections"]]
    main = next((level for level in sorted(set(levels)) if levels.count(level) >= 3), max(levels))
    items: list[str] = []
    opened: list[tuple[int, str]] = []
    for section, level in zip(row["sections"], levels, strict=True):
        if level <= main or not opened:
            opened.append((len(items), str(section["title"])))
        items += [part.strip() for part in str(section["text"]).split("\n\n") if part.strip()]
    ends = [*(start for start, _ in opened[1:]), len(items)]
    kept = [(end - 1, title) for (start, title), end in zip(opened, ends, strict=True) if end > start]
    return Document(
        id=str(row["id"]),
        items=tuple(items),
        boundaries=tuple(end for end, _ in kept),
        titles=tuple(title for _, title in kept),
        unit="paragraph",
        joiner=JOINERS["paragraph"],
    )
