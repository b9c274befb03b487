"""Ways of doing the task without a model, by name: what a model has to beat, and at what speed.

Readers: trafilatura, the best on main content; html-to-markdown, the fastest; readability and markdownify, the pair
that reader-lm was made to replace; edgedoc's own rules. Chunkers: floors, splitters by size and by structure, lexical
cohesion. Each is a function of a text, so that whoever measures it needs to know no library.
"""

from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version

from edgedoc.errors import DocumentError, MissingPackageError
from edgedoc_bench.chunk_scores import Span, paragraphs
from edgedoc_bench.quality_metrics import check_names

Read = Callable[[str], str]
"""HTML to Markdown."""
Cut = Callable[[str, float], list[int]]
"""A text and the mean length of a true segment in characters, to the characters where chunks start, 0 left out."""

SEED = 1
FEWEST = 8
"""Paragraphs below which lexical cohesion looks at sentences: it compares blocks of as many items."""


def reader(name: str) -> Read:
    """The converter of this name, ready: what it imports is imported. Raises UsageError, MissingPackageError."""
    check_names([name], READERS, "baseline")
    READERS[name]("<p>x</p>")
    return READERS[name]


def chunker(name: str) -> Cut:
    """The same for a chunker. Raises UsageError, MissingPackageError."""
    check_names([name], CHUNKERS, "baseline")
    CHUNKERS[name]("x", 100.0)
    return CHUNKERS[name]


def package_version(name: str) -> str | None:
    """What a baseline's figures depend on, "trafilatura 2.3.1"; None for our own."""
    found = []
    for package in PACKAGES.get(name, ()):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found) or None


def _rules(html: str) -> str:
    from edgedoc.documents import rules
    from edgedoc.documents.clean import clean

    return rules.convert(clean(html).html)


def _trafilatura(html: str) -> str:
    try:
        import trafilatura
    except ImportError as error:
        raise MissingPackageError("trafilatura", "bench") from error
    # None is its word for "nothing worth keeping".
    return str(
        trafilatura.extract(html, output_format="markdown", include_links=True, include_tables=True, deduplicate=False)
        or ""
    )


def _html_to_markdown(html: str) -> str:
    import html_to_markdown

    options = html_to_markdown.ConversionOptions(extract_metadata=False)
    return str(html_to_markdown.convert(html, options).content)


def _readability(html: str) -> str:
    try:
        import lxml.etree
        from markdownify import markdownify
        from readability import Document
        from readability.readability import Unparseable
    except ImportError as error:
        raise MissingPackageError("readability-lxml with markdownify", "bench") from error
    try:
        return str(markdownify(Document(html).summary(html_partial=True), heading_style="ATX"))
    except (Unparseable, lxml.etree.ParserError) as error:
        raise DocumentError(f"readability cannot read the page: {error}.") from error
    except RecursionError as error:
        # markdownify gives up at about 330 nested elements (its issue 276).
        raise DocumentError("markdownify cannot convert the page: it is nested too deeply.") from error


def _floor(name: str) -> Cut:
    def cut(text: str, mean: float) -> list[int]:
        import random

        starts = [start for start, _ in paragraphs(text)][1:]
        if name == "none":
            return []
        if name == "all":
            return starts
        if name == "random":
            draw, rate = random.Random(f"{SEED} {text[:200]}"), len(text) / mean / max(1, len(starts))
            return [start for start in starts if draw.random() < rate]
        cuts, last = [], 0
        for start in starts:
            if start - last >= mean:
                cuts.append(start)
                last = start
        return cuts

    return cut


def _recursive(text: str, mean: float) -> list[int]:
    from edgedoc_bench.recursive_splitter import split

    return [start for start, _ in split(text, max(1, round(mean)))][1:]


def _structural(text: str, mean: float) -> list[int]:
    from edgedoc_bench.segmentation_baselines import structural

    return [start for start in structural(max(1, round(mean)), markdown=True)(text) if start]


def _cohesion(text: str, mean: float) -> list[int]:
    from edgedoc_bench.cohesion import boundaries

    items = paragraphs(text)
    if len(items) < FEWEST:
        items = sentences(text, items)
    found = boundaries([text[start:end] for start, end in items])
    return [items[boundary + 1][0] for boundary in sorted(found)]


def sentences(text: str, parts: Iterable[Span]) -> list[Span]:
    """The sentences of some parts of a text, blanks at their ends included."""
    from edgedoc.documents.sentences import sentence_starts

    found: list[Span] = []
    for start, end in parts:
        starts = [start, *sentence_starts(text, start, end)]
        found += zip(starts, [*starts[1:], end], strict=True)
    return found


READERS: dict[str, Read] = {
    "rules": _rules,
    "trafilatura": _trafilatura,
    "html-to-markdown": _html_to_markdown,
    "readability+markdownify": _readability,
}
CHUNKERS: dict[str, Cut] = {
    "none": _floor("none"),
    "all": _floor("all"),
    "uniform": _floor("uniform"),
    "random": _floor("random"),
    "recursive": _recursive,
    "semantic-text-splitter": _structural,
    "cohesion": _cohesion,
}
FLOORS = ("none", "all", "uniform", "random")
PACKAGES = {
    "rules": ("html-to-markdown",),
    "trafilatura": ("trafilatura",),
    "html-to-markdown": ("html-to-markdown",),
    "readability+markdownify": ("readability-lxml", "markdownify"),
    "semantic-text-splitter": ("semantic-text-splitter",),
}
