"""A Markdown document as it renders: one tree that every structure score reads. Scores nothing.

Rendered by markdown-it-py (CommonMark with GFM's tables and strikethrough), then parsed by lxml, so that two dialects
that render alike are alike (setext and ATX headings, `*` and `_`), and HTML within Markdown is what it stands for.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgedoc.errors import MissingPackageError

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

BLANKS = re.compile(r"\s+")
HEADING = re.compile(r"h([1-6])")
BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "br", "dd", "details", "div", "dl", "dt", "figcaption",
    "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre",
    "section", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul",
})  # fmt: skip
UNSEEN = frozenset(("script", "style", "template", "noscript", "head"))

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a list: the number of lists it is within (from 1) and its own text, without that of lists in it."""

    depth: int
    text: str


@dataclass(frozen=True, kw_only=True)
class Tree:
    """What a reader sees; all text with runs of blanks folded to one space, but for code."""

    text: str
    """Everything, block after block, a line each."""
    headings: tuple[tuple[int, str], ...]
    links: tuple[tuple[str, str], ...]
    """Text and target, the target as it was written."""
    items: tuple[Item, ...]
    code: tuple[str, ...]
    """Blocks of code as they stand, without the blank lines around."""
    tables: tuple[tuple[Row, ...], ...]


def render(markdown: str) -> Tree:
    """The tree of a document; "" has an empty one. Raises MissingPackageError."""
    try:
        import lxml.html
    except ImportError as error:
        raise MissingPackageError("lxml", "bench") from error
    # An HTML parser takes no control characters, and a model may write any.
    clean = "".join(
        char for char in markdown if char in "\t\n\r" or (ord(char) >= 32 and not 0xD800 <= ord(char) < 0xE000)
    )
    html = f"<body>{_renderer().render(clean)}</body>"
    root = lxml.html.document_fromstring(html, parser=lxml.html.HTMLParser(huge_tree=True))
    found: dict[str, list[Any]] = {"headings": [], "links": [], "items": [], "code": [], "tables": []}
    for element in root.iter():
        tag = element.tag
        if not isinstance(tag, str) or _unseen(element):
            continue
        if heading := HEADING.fullmatch(tag):
            found["headings"].append((int(heading[1]), _text(element)))
        elif tag == "a" and element.get("href"):
            found["links"].append((_text(element), element.get("href").strip()))
        elif tag == "li":
            found["items"].append(Item(sum(1 for _ in element.iterancestors("ul", "ol")), _own_text(element)))
        elif tag == "pre":
            found["code"].append("".join(element.itertext()).strip("\n"))
        elif tag == "table":
            rows = [tuple(_text(cell) for cell in row if cell.tag in ("td", "th")) for row in element.iter("tr")]
            found["tables"].append(tuple(row for row in rows if row))
    return Tree(text=lines_of(root), **{name: tuple(values) for name, values in found.items()})


def fold(text: str) -> str:
    """`text` with runs of blanks as one space and none around it."""
    return BLANKS.sub(" ", text).strip()


def same_target(href: str) -> str:
    """A link's target as two converters should agree on it: percent-escapes read, a fragment only where it is all.

    Relative targets stay relative: the page's address is in neither document.
    """
    from urllib.parse import unquote

    target = unquote(href.strip())
    base, _, _ = target.partition("#")
    plain = base or target
    # "page/" and "page" are the same page; "/" alone is the site.
    return plain.rstrip("/") or plain


def _renderer() -> "MarkdownIt":
    try:
        from markdown_it import MarkdownIt
    except ImportError as error:
        raise MissingPackageError("markdown-it-py", "bench") from error
    return MarkdownIt("commonmark").enable(["table", "strikethrough"])


def _unseen(element: Any) -> bool:
    return element.tag in UNSEEN or any(parent.tag in UNSEEN for parent in element.iterancestors())


def _text(element: Any) -> str:
    return fold(lines_of(element))


def _own_text(element: Any) -> str:
    """Text of an item up to the lists in it, which are items of their own."""
    parts: list[str] = []
    _collect(element, parts, stop=("ul", "ol"))
    return fold("".join(parts))


def lines_of(element: Any) -> str:
    """Text with a line break where a block begins or ends, blanks folded within the lines, no empty line."""
    parts: list[str] = []
    _collect(element, parts, stop=())
    return "\n".join(line for part in "".join(parts).split("\n") if (line := fold(part)))


def _collect(root: Any, parts: list[str], stop: tuple[str, ...]) -> None:
    """Text of `root`. A loop with a stack of its own: a model may nest deeper than Python recurses."""
    waiting: list[tuple[Any, bool]] = [(root, False)]
    while waiting:
        element, closing = waiting.pop()
        tag = element.tag
        block = tag in BLOCKS
        if closing:
            parts.append("\n" if block else "")
            # What follows the element belongs to its parent; behind the root that is no part of it.
            parts.append((element.tail or "").replace("\n", " ") if element is not root else "")
            continue
        waiting.append((element, True))
        if not isinstance(tag, str) or tag in UNSEEN or (tag in stop and element is not root):
            continue
        parts.append("\n" if block else "")
        # A line break in the source is a blank; in code too, where dialects differ in the empty lines.
        parts.append(((element.get("alt") if tag == "img" else element.text) or "").replace("\n", " "))
        waiting.extend((child, False) for child in reversed(element))
