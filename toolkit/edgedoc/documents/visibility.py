"""Which elements a reader of the page does not see as text, and where such an element ends. Knows no output.

What ends an element that is never closed follows the WHATWG tree builder (html.spec.whatwg.org, 13.2.6.4): otherwise
one unclosed `<span hidden>` would hide the rest of the page.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping

from edgedoc.documents.content_model import BLOCKS, CELLS
from edgedoc.documents.markup import RAW_TEXT

CUT = RAW_TEXT | {"template", "svg", "object", "canvas", "audio", "video", "select", "button", "annotation", "datalist"}
"""Cut with all they hold: no text at all, or the labels of controls."""

# backface-visibility and the like hide nothing.
_HIDDEN_STYLE = re.compile(r"(?<![\w-])(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_LINE_NUMBERS = re.compile(r"\b(?:linenos?|line-numbers?|lineno|gutter)\b")
_CODE_WITH_NUMBERS = re.compile(r"\bline-numbers-mode\b|(?:^|\s)(?:\w+-)*line-numbers?(?:$|\s)")

_ENDS_PARAGRAPH = (BLOCKS - CELLS - {"tr"}) | {
    "address", "article", "center", "dd", "details", "dialog", "dir", "div", "dl", "dt", "fieldset", "figcaption",
    "figure", "form", "hgroup", "hr", "main", "menu", "search", "section", "summary",
}  # fmt: skip
# Start tags that an <svg> cannot hold: the parser takes its end tag as forgotten (13.2.6.5).
_LEAVES_SVG = frozenset({
    "b", "big", "blockquote", "body", "br", "center", "code", "dd", "div", "dl", "dt", "em", "embed", "h1", "h2", "h3",
    "h4", "h5", "h6", "head", "hr", "i", "img", "li", "listing", "menu", "meta", "nobr", "ol", "p", "pre", "ruby", "s",
    "small", "span", "strong", "strike", "sub", "sup", "table", "tt", "u", "ul", "var",
})  # fmt: skip
_ROW_GROUPS = frozenset({"tbody", "thead", "tfoot"})
_IMPLIED_END: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "p": (frozenset(_ENDS_PARAGRAPH), frozenset()),
    "li": (frozenset({"li"}), frozenset({"ul", "ol", "menu"})),
    "dt": (frozenset({"dt", "dd"}), frozenset({"dl"})),
    "dd": (frozenset({"dt", "dd"}), frozenset({"dl"})),
    "td": (CELLS | {"tr"} | _ROW_GROUPS, frozenset({"table"})),
    "th": (CELLS | {"tr"} | _ROW_GROUPS, frozenset({"table"})),
    "tr": (_ROW_GROUPS | {"tr"}, frozenset({"table"})),
    "svg": (_LEAVES_SVG, frozenset({"foreignobject", "desc", "title"})),
}  # start tags that end it, and what shields it from them
_SCOPES = frozenset({"table", "template", "object"})


def hidden(name: str, attributes: Mapping[str, str]) -> bool:
    """Whether attributes hide element `name`."""
    if not attributes or name in ("html", "body"):
        return False
    # Content hidden "until-found" is text the page's author wants searched.
    return (
        attributes.get("hidden", "until-found").lower() != "until-found"
        or attributes.get("aria-hidden", "").lower() == "true"
        or _HIDDEN_STYLE.search(attributes.get("style", "")) is not None
    )


def numbers_lines(name: str, attributes: Mapping[str, str]) -> bool:
    """Whether attributes say that element `name` holds the line numbers beside code."""
    classes = attributes.get("class", "")
    if name in ("html", "body") or _LINE_NUMBERS.search(classes) is None:
        return False
    # Prism and VuePress give the code itself such a class: <pre class="line-numbers">, <div class="line-numbers-mode">.
    return not (name in ("pre", "code", "div", "figure") and _CODE_WITH_NUMBERS.search(classes))


class CutElement:
    """An element that is being cut; tell it every tag until it has ended. `characters` is for the caller to count."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.characters = 0
        self._inner: Counter[str] = Counter()

    @property
    def may_stay_open(self) -> bool:
        """Whether HTML lets the end tag be left out."""
        return self.name in _IMPLIED_END and self.name != "svg"

    def ended_by_start(self, name: str) -> bool:
        """Whether start tag `name` lies behind the element, not in it."""
        ending, shields = _IMPLIED_END.get(self.name, (frozenset[str](), frozenset[str]()))
        if name in ending and not any(self._inner[shield] for shield in shields):
            return True
        self._inner[name] += 1
        return False

    def ended_by_end(self, name: str, open_outside: Callable[[str], bool]) -> bool:
        """Whether end tag `name` ends it: its own, or that of an element around it."""
        if self._inner[name] > 0:
            self._inner[name] -= 1
            return False
        if name == self.name:
            return True
        shielded = self.name in _SCOPES or any(self._inner[scope] for scope in _SCOPES)
        return not shielded and open_outside(name) and not (name == "p" and self.name in _ENDS_PARAGRAPH | CUT)
