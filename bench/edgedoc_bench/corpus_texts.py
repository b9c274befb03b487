"""Texts with the places where a perfect chunker cuts, from wherever they are. Scores nothing.

Where a text comes with headings it is given twice, with them and without: with them a heading is all the answer, so the
two are different kinds of document and never one figure.
"""

import importlib.resources
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from edgedoc.documents.blocks import Kind, blocks
from edgedoc.errors import DocumentError
from edgedoc_bench.corpus import Sample
from edgedoc_bench.segmentation_corpora import articles
from edgedoc_bench.segmentation_data import SUFFIXES, document, rows
from edgedoc_bench.segmentation_document import Document, Layout

WANTED = "JSON lines with sentences or paragraphs and boundaries, Markdown files with headings, wiki-727k or Choi files"
KEPT, STRIPPED = "headings kept", "headings stripped"


def bundled() -> Iterator[Sample]:
    """The five texts that ship with the package, ours."""
    with importlib.resources.as_file(importlib.resources.files("edgedoc_models") / "samples" / "texts") as folder:
        yield from read(folder)


def read(path: Path) -> Iterator[Sample]:
    """Texts of a file or folder: all with their headings first, then all without.

    JSON lines as in `segmentation_data`, or with `source` and perhaps `boundaries`; Markdown, whose segments open at
    the first level of heading that occurs twice; else the files of wiki-727k and Choi, which have none. Raises
    DocumentError.
    """
    plain: list[Sample] = []
    for found in _documents(path):
        if isinstance(found, Sample):
            plain.append(found)
            continue
        if found.markdown is not None:
            yield sample(found, Layout.kept(found), KEPT)
        plain.append(sample(found, Layout.stripped(found), STRIPPED if found.markdown is not None else "no headings"))
    yield from plain


def sample(document: Document, layout: Layout, kind: str) -> Sample:
    """A laid-out document; a segment starts at the first character behind the last one's last item."""
    text, starts = layout.text, []
    for boundary in document.boundaries[:-1]:
        end = layout.spans[boundary][1]
        starts.append(end + len(text[end:]) - len(text[end:].lstrip()))
    return Sample(
        id=f"{document.id}, {kind}", kind=kind, source=text, boundaries=tuple(starts), items=tuple(layout.spans)
    )


def markdown_document(id: str, text: str) -> Document | None:
    """A Markdown text as segments of paragraphs; None where no level of heading occurs twice."""
    parts = [block for block in blocks(text) if text[block.start : block.end].strip()]
    levels = [block.level for block in parts if block.kind is Kind.HEADING]
    level = next((level for level in sorted(set(levels)) if levels.count(level) > 1), None)
    if level is None:
        return None
    items: list[str] = []
    opened: list[tuple[int, str]] = [(0, "")]
    for block in parts:
        if block.kind is not Kind.HEADING:
            items.append(text[block.start : block.end].strip())
        elif block.level <= level:
            opened.append((len(items), block.title))
    kept = [(end - 1, title) for (start, title), (end, _) in pairwise([*opened, (len(items), "")]) if end > start]
    return Document(
        id=id,
        items=tuple(items),
        boundaries=tuple(end for end, _ in kept),
        titles=tuple(title for _, title in kept),
        unit="paragraph",
        joiner="\n\n",
        markdown=text,
        level=level,
    )


def _documents(path: Path) -> Iterator[Document | Sample]:
    if path.name.endswith(SUFFIXES):
        for number, row in rows(path):
            where = f"{path.name}:{number}"
            # Where a row has its items, its source is where it is from.
            itemised = "sentences" in row or "paragraphs" in row
            yield _sample(row, where) if "source" in row and not itemised else document(row, where)
        return
    files = sorted(path.rglob("*.md")) if path.is_dir() else [path] if path.suffix == ".md" else []
    for file in files:
        try:
            found = markdown_document(file.stem, file.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise DocumentError(f"{file} cannot be read: {error}.") from error
        if found is not None:
            yield found
    if not files:
        yield from articles(path)


def _sample(row: dict[str, object], where: str) -> Sample:
    try:
        return Sample.from_dict({"id": where, **row})
    except (KeyError, TypeError, ValueError) as error:
        raise DocumentError(f"{where} is no text: {type(error).__name__} {error}.") from error
