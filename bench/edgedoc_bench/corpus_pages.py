"""HTML pages with the Markdown a perfect reader makes of them, from wherever they are. Scores nothing."""

import importlib.resources
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgedoc.documents.charset import decode
from edgedoc.errors import DocumentError
from edgedoc_bench.corpus import Sample
from edgedoc_bench.segmentation_data import SUFFIXES, rows

WANTED = "JSON lines with html and markdown, or a folder of .html files with .md files of the same name beside them"


def bundled() -> Iterator[Sample]:
    """The pages that ship with the package, ours, ten of eight kinds; the folder is the kind."""
    with importlib.resources.as_file(importlib.resources.files("edgedoc_models") / "samples" / "pages") as folder:
        yield from read(folder)


def read(path: Path) -> Iterator[Sample]:
    """Pages of a JSON-lines file or of a folder and those below it, in order.

    A line has `html` (or `source`), and may have `id`, `kind`, and `markdown` (or `gold`). In a folder NAME.md is the
    gold of NAME.html where it exists, and the kind the name of the folder. Raises DocumentError.
    """
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() in (".html", ".htm"))
        for file in files:
            yield _page(file, str(file.relative_to(path).with_suffix("")))
    elif path.name.endswith(SUFFIXES):
        for number, row in rows(path):
            yield _pair(row, f"{path.name}:{number}")
    else:
        yield _page(path, path.stem)


def _page(file: Path, name: str) -> Sample:
    gold = file.with_suffix(".md")
    try:
        html = decode(file.read_bytes()).text
        # An empty gold is none: nothing can be measured by it.
        markdown = gold.read_text("utf-8") if gold.is_file() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(f"{file} or its gold cannot be read: {error}.") from error
    return Sample(id=name, kind=file.parent.name, source=html, gold=markdown if markdown.strip() else None)


def _pair(row: dict[str, Any], where: str) -> Sample:
    html, markdown = row.get("html", row.get("source")), row.get("markdown", row.get("gold"))
    if not isinstance(html, str) or not isinstance(markdown, str | None):
        raise DocumentError(f"{where} is no page: it needs `html` and may have `markdown`, both text.")
    return Sample(
        id=str(row.get("id", where)),
        kind=str(row.get("kind") or "page"),
        source=html,
        gold=markdown if markdown and markdown.strip() else None,
    )
