"""What of a page a model should read: cuts scripts, styles, hidden parts, controls, base64 and useless attributes.

Decides what stays and under which name; `cleaning` names the levels, `visibility` knows what is not seen, `furniture`
what is not the text, `canonical` writes, `markup` reads. Knows no model. Text that is lost because an element is never
closed, that is hidden on a page that shows less, or that is furniture, is told in `notes`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape

from edgedoc.documents.attributes import written
from edgedoc.documents.canonical import MAX_DEPTH, CanonicalWriter
from edgedoc.documents.cleaning import DEFAULT, Cleaning
from edgedoc.documents.content_model import BLOCKS
from edgedoc.documents.furniture import REGIONS, furniture
from edgedoc.documents.markup import PREFORMATTED, RAW_TEXT, End, Lost, Start, Text, events
from edgedoc.documents.visibility import CUT, CutElement, hidden, numbers_lines

_VOID = frozenset({
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
})  # fmt: skip
_SEPARATING = frozenset({
    "html", "body", "main", "article", "section", "div", "center", "form", "fieldset", "legend", "address", "hgroup",
    "details", "summary", "figure", "figcaption", "dl", "dt", "dd", "thead", "tbody", "tfoot", "caption", "menu", "dir",
    "search", "dialog",
})  # fmt: skip
_BLOCKS = BLOCKS | _SEPARATING | PREFORMATTED
_CUT = CUT - PREFORMATTED
_LABELS = frozenset({"select", "button"})
_INLINE = {
    "a": "a", "b": "strong", "strong": "strong", "i": "em", "em": "em", "s": "del", "strike": "del", "del": "del",
    "code": "code", "tt": "code", "kbd": "code", "samp": "code",
}  # fmt: skip
# The canonical form writes these itself; these elements are known by their bare tag to what cuts windows.
_OWN_ATTRIBUTES = frozenset({"href", "src", "alt", "start", "type", "checked"})
_BARE = frozenset({"table", "tr", "td", "th", "pre"})
_PERMALINK_TEXTS = frozenset({"", "¶", "#", "§", "🔗", "\uf0c1"})

_INVISIBLE = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f\u00ad\u200b\u2060\ufeff\ud800-\udfff]")
_LANGUAGE = re.compile(r"(?:^|\s)(?:language-|lang-|highlight-source-|highlight-|brush:\s*)([A-Za-z0-9+#-]{1,20})")
_NO_LANGUAGE = frozenset({"none", "default", "text", "plaintext", "notranslate", "source"})
_NAMED = 3  # elements a note names
_MOSTLY = 10
_LEAST_HIDDEN = 100  # characters
_LEAST_LEFT = 250  # characters: trafilatura's MIN_EXTRACTED_SIZE, below which it takes its extraction for failed


@dataclass(frozen=True)
class Cleaned:
    """Canonical HTML, and what a reader of the page should know was left out."""

    html: str
    notes: tuple[str, ...] = ()


def clean(html: str, level: Cleaning = DEFAULT) -> Cleaned:
    """Return the canonical form of `html`. Takes any string, never raises, linear in its length.

    A page that shows next to nothing until its scripts have run (streamed React: `<div hidden id="S:1">`; an overlay
    over everything) is read with its hidden parts, and `notes` says so. How much furniture was cut is told there too;
    where next to nothing would be left, or an element of it is never closed, none is.
    """
    cleaner = _Cleaner(html, level)
    if cleaner.shows_next_to_nothing:
        cleaner = _Cleaner(html, level, read_hidden=True)
    return cleaner.finish() if cleaner.leaves_enough else clean(html, Cleaning.ATTRIBUTES)


class _Cleaner:
    def __init__(self, html: str, level: Cleaning, *, read_hidden: bool = False) -> None:
        self._read_hidden = read_hidden
        self._keeps_all = level is Cleaning.MARKUP
        self._cuts_furniture = level is Cleaning.FURNITURE
        self._writer = CanonicalWriter()
        self._cut: CutElement | None = None
        self._furniture_cut = ""
        self._shown = self._hidden = self._lost = self._furniture = 0
        self._swallowed = False
        self._unclosed: dict[str, None] = {}
        self._furniture_names: dict[str, None] = {}
        for event in events(html):
            match event:
                case Text(text):
                    self.text(text)
                case Start(name, attributes, self_closing):
                    self.start(name, attributes, self_closing)
                case End(name):
                    self.end(name)
                case Lost(element, characters):
                    self.never_closed(element, characters)
        if self._cut:
            self.never_closed(self._cut.name, self._cut.characters)
            self._end_cut()

    @property
    def shows_next_to_nothing(self) -> bool:
        """Whether the page is hidden but for a few words."""
        return self._hidden >= max(_LEAST_HIDDEN, _MOSTLY * (self._shown + self._furniture))

    @property
    def leaves_enough(self) -> bool:
        """Whether what is left without the furniture can be the text of the page, and nothing else went with it."""
        return not self._furniture or (self._shown >= _LEAST_LEFT and not self._swallowed)

    def text(self, text: str) -> None:
        if self._cut:
            self._cut.characters += len(text.strip())
        else:
            self._shown += len(text.strip())
            self._writer.text(_INVISIBLE.sub("", text))

    def start(self, name: str, attributes: Mapping[str, str], self_closing: bool) -> None:
        if self._cut:
            if not self._cut.ended_by_start(name):
                return
            self._end_cut()
        if name in _VOID:
            self._void(name, attributes)
        elif name in _CUT or self._unseen(name, attributes):
            # <h3><button> is how accordions are written (w3.org/WAI/ARIA/apg/patterns/accordion): it is the heading.
            accordion = name == "button" and self._writer.in_heading and not self._unseen(name, attributes)
            label = name in _LABELS and self._keeps_all
            if name not in RAW_TEXT and not (self_closing and name in CUT) and not accordion and not label:
                self._cut = CutElement(name)
        elif self._cuts_furniture and (sign := furniture(name, attributes, self._inside_content)):
            # It separates what stands around it all the same, and shows that the table it lies in is page layout.
            self._block(name, attributes)
            self._writer.close_block(name)
            self._cut, self._furniture_cut = CutElement(name), sign
        elif name in _INLINE:
            self._inline(name, attributes)
        elif (
            name in _BLOCKS
            or ("-" in name and not self._writer.in_text_block)
            or (name == "option" and self._keeps_all)
        ):
            self._block(name, attributes)

    def end(self, name: str) -> None:
        if self._cut:
            if not self._cut.ended_by_end(name, self._writer.inside):
                return
            own = name == self._cut.name
            if not own and not self._cut.may_stay_open:
                self.never_closed(self._cut.name, self._cut.characters)
            self._end_cut()
            if own:
                return
        if name == "a" and not self._keeps_all:
            self._writer.drop_inline("a", _PERMALINK_TEXTS)
        elif name in _INLINE:
            self._writer.close_inline(_INLINE[name])
        else:
            self._writer.close_block(name)

    def never_closed(self, element: str, characters: int) -> None:
        """Characters were not read for want of an end tag."""
        if characters:
            self._swallowed = self._swallowed or bool(self._furniture_cut)
            self._lost += characters
            if len(self._unclosed) <= _NAMED:
                self._unclosed[element] = None

    def finish(self) -> Cleaned:
        html = self._writer.finish()
        notes: list[str] = []
        if self._lost:
            listed = _listed(f"<{name}>" for name in self._unclosed)
            notes.append(f"{listed} is never closed: {self._lost} characters after it were not read")
        if self._furniture:
            notes.append(f"{self._furniture} characters of furniture were not read: {_listed(self._furniture_names)}")
        if self._read_hidden:
            notes.append("the page shows next to nothing without its scripts: what is marked as hidden was read too")
        elif self._hidden > self._shown:
            notes.append(f"{self._hidden} characters marked as hidden were not read; {self._shown} are shown")
        if self._writer.too_deep:
            notes.append(f"blocks nest deeper than {MAX_DEPTH}: the inner ones were dissolved, their text was kept")
        return Cleaned(html, tuple(notes))

    @property
    def _inside_content(self) -> bool:
        return self._writer.inside("main") or self._writer.inside("article") or self._writer.inside("section")

    def _unseen(self, name: str, attributes: Mapping[str, str]) -> bool:
        return not self._keeps_all and (
            (not self._read_hidden and hidden(name, attributes)) or numbers_lines(name, attributes)
        )

    def _end_cut(self) -> None:
        if self._cut and self._furniture_cut:
            self._furniture += self._cut.characters
            if self._cut.characters and len(self._furniture_names) <= _NAMED:
                self._furniture_names[self._furniture_cut] = None
            self._furniture_cut = ""
        elif self._cut and self._cut.name not in CUT:
            self._hidden += self._cut.characters
        self._cut = None

    def _void(self, name: str, attributes: Mapping[str, str]) -> None:
        if self._unseen(name, attributes):
            return
        if name == "br":
            self._writer.line_break()
        elif name == "hr":
            self._writer.rule()
        elif name == "input" and attributes.get("type", "").lower() == "checkbox" and self._writer.inside("li"):
            self._writer.checkbox("checked" in attributes)
        elif name == "img":
            source, alt = attributes.get("src", "").strip(), " ".join(attributes.get("alt", "").split())
            if source.startswith("data:"):
                source = "#" if alt else ""
            if source:
                self._writer.image(_INVISIBLE.sub("", source), _INVISIBLE.sub("", alt), self._kept(attributes))

    def _inline(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "a":
            target = _INVISIBLE.sub("", attributes.get("href", "").strip())
            self._writer.close_inline("a")
            if not target or target.lower().startswith("javascript:"):
                return
            self._writer.open_inline("a", f' href="{escape(target)}"{self._kept(attributes)}')
        else:
            if name == "code":
                self._writer.code_language(_language(attributes))
            self._writer.open_inline(_INLINE[name], self._kept(attributes))

    def _block(self, name: str, attributes: Mapping[str, str]) -> None:
        tag: str | None = name if name in BLOCKS else REGIONS.get(attributes.get("role", "").lower())
        if name in PREFORMATTED:
            tag = "pre"
        if tag == "header" and self._inside_content:
            tag = None
        start = attributes.get("start", "")[:9]
        self._writer.open_block(
            name,
            tag,
            start=int(start) if name == "ol" and start.isascii() and start.isdigit() else 1,
            language=_language(attributes),
            attributes="" if tag in _BARE else self._kept(attributes),
        )

    def _kept(self, attributes: Mapping[str, str]) -> str:
        return written(attributes, _OWN_ATTRIBUTES) if self._keeps_all else ""


def _listed(names: Iterable[str]) -> str:
    few = list(names)
    return ", ".join(few[:_NAMED]) + (" and others" if len(few) > _NAMED else "")


def _language(attributes: Mapping[str, str]) -> str | None:
    match = _LANGUAGE.search(attributes.get("class", ""))
    language = (
        match[1].lower() if match else attributes.get("data-lang", attributes.get("data-language", "")).lower()[:20]
    )
    return language if language and language not in _NO_LANGUAGE and re.fullmatch(r"[a-z0-9+#-]+", language) else None
