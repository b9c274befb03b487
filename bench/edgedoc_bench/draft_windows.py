"""Windows and pages of real documentation that the draft bench decodes, chosen by size and by lot. Measures nothing.

A window is cut by the reader's own cleaning and windows, and every contender gets the same ids. One window a page, and
pages from all over the collection, so that no site decides.
"""

import gzip
import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edgedoc.decoding.loop import FinishReason
from edgedoc.documents.charset import decode
from edgedoc.documents.clean import clean
from edgedoc.documents.windows import windows
from edgedoc.errors import UsageError
from edgedoc.recipes import Recipe
from edgedoc.tasks.reader import Fallback, Reader
from edgedoc.tokens import Prompt, Tokenizer

DATA = Path(__file__).parents[3] / "shared" / "data" / "html2md" / "html_markdown.jsonl.gz"
KIND = "docs-page"
"""Whole pages of documentation sites, navigation and scripts included."""
WINDOW_TOKENS = (150, 300)
"""Of document. Long enough that the answer decides the time, short enough that 30 of them fit the bench."""
ANSWER_TOKENS = 64
PAGE_TOKENS = (500, 1500)
"""Of a page once it is cleaned: two or three windows."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page as it came."""

    id: str
    html: str


@dataclass(frozen=True, kw_only=True)
class Passage:
    """One window: its cleaned HTML, the whole prompt's ids, and the most tokens its answer may have."""

    origin: str
    html: str
    tokens: tuple[int, ...]
    document_tokens: int
    budget: int


def load_pages(source: Path) -> list[Page]:
    """The pages of a folder of .html files, or of the collection's file. Raises UsageError when there are none."""
    if source.is_dir():
        found = [Page(id=path.name, html=decode(path.read_bytes()).text) for path in sorted(source.glob("*.html"))]
    else:
        with gzip.open(source, "rt", encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        found = [Page(id=row["id"], html=row["html"]) for row in rows if row["kind"] == KIND]
    if not found:
        raise UsageError(f"There are no pages in {source}. Name a folder of .html files with --pages.")
    return found


@contextmanager
def answerable(artifact: Path, threads: int) -> Iterator[Callable[[str], bool]]:
    """Whether a window's HTML is one whose answer can be timed: of ANSWER_TOKENS, and ended by the model itself.

    A window of page furniture has next to no answer. One in which the model loops says nothing either: edgedoc would
    stop it and the peers would write on. `artifact` is asked for plain greedy answers.
    """
    with Reader.open(artifact, fallback=Fallback.NONE, threads=threads, drafts=False) as reader:

        def fits(html: str) -> bool:
            found = [generation for _, generation in reader.answers(html)]
            return len(found) == 1 and found[0].finish is FinishReason.STOP and len(found[0].tokens) >= ANSWER_TOKENS

        yield fits


def passages(
    pages: Sequence[Page], recipe: Recipe, tokenizer: Tokenizer, wanted: int, fits: Callable[[str], bool]
) -> list[Passage]:
    """`wanted` windows of WINDOW_TOKENS that `fits` accepts, one a page, from pages spread over the collection.

    Raises UsageError when there are fewer.
    """
    prompt, lot = Prompt(recipe, tokenizer), random.Random(0)
    found: list[Passage] = []
    for page in _spread(pages, wanted):
        cut = windows(clean(page.html).html, recipe.window, tokenizer.count)
        sizes = {window.html: tokenizer.count(window.html) for window in cut}
        fitting = [html for html, size in sizes.items() if WINDOW_TOKENS[0] <= size <= WINDOW_TOKENS[1]]
        lot.shuffle(fitting)
        # A window that is cleaned and cut once more must stay what it is: that is how the reader is given it.
        html = next((html for html in fitting if clean(html).html == html and fits(html)), None)
        if html is None:
            continue
        found.append(
            Passage(
                origin=page.id,
                html=html,
                tokens=tuple(prompt.render(html)),
                document_tokens=sizes[html],
                budget=recipe.decoding.budget(sizes[html]),
            )
        )
        if len(found) == wanted:
            return found
    raise UsageError(f"Only {len(found)} windows fit out of {wanted} wanted. Ask for fewer with --windows.")


def whole_pages(pages: Sequence[Page], tokenizer: Tokenizer, wanted: int) -> list[Page]:
    """Up to `wanted` pages that have PAGE_TOKENS when cleaned."""
    low, high = PAGE_TOKENS
    fitting = (page for page in _spread(pages, wanted) if low <= tokenizer.count(clean(page.html).html) <= high)
    return [page for page, _ in zip(fitting, range(wanted), strict=False)]


def shortest_pages(pages: Sequence[Page], tokenizer: Tokenizer, wanted: int) -> list[Page]:
    """The `wanted` pages with the fewest tokens before anything is cleaned away."""
    # Characters tell well enough which few are worth counting.
    few = sorted(pages, key=lambda page: len(page.html))[: 4 * wanted]
    return sorted(few, key=lambda page: tokenizer.count(page.html))[:wanted]


def _spread(pages: Sequence[Page], wanted: int) -> Iterator[Page]:
    """All pages, those first that lie evenly over the collection, which is in the order of its sites."""
    stride = max(1, len(pages) // max(1, wanted))
    for first in range(stride):
        yield from pages[first::stride]
