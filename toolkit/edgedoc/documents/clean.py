"""What of a page a model should read: cuts scripts, styles, hidden parts, controls, base64 and useless attributes.

Decides what stays and under which name; `visibility` knows what is not seen, `canonical` writes, `markup` reads. Knows
no model. Text that is lost because an element is never closed, or that is hidden on a page that shows less, is told in
`notes`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from edgedoc.documents.canonical import MAX_DEPTH, CanonicalWriter
from edgedoc.documents.content_model import BLOCKS
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
_INLINE = {
    "a": "a", "b": "strong", "strong": "strong", "i": "em", "em": "em", "s": "del", "strike": "del", "del": "del",
    "code": "code", "tt": "code", "kbd": "code", "samp": "code",
}  # fmt: skip
_ROLES = {"navigation": "nav", "banner": "header", "contentinfo": "footer", "complementary": "aside"}
_PERMALINK_TEXTS = frozenset({"", "¶", "#", "§", "🔗", "\uf0c1"})

_INVISIBLE = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f\u00ad\u200b\u2060\ufeff\ud800-\udfff]")
_LANGUAGE = re.compile(r"(?:^|\s)(?:language-|lang-|highlight-source-|highlight-|brush:\s*)([A-Za-z0-9+#-]{1,20})")
_NO_LANGUAGE = frozenset({"none", "default", "text", "plaintext", "notranslate", "source"})
_NAMED = 3  # elements a note names
_MOSTLY = 10
_LEAST_HIDDEN = 100  # characters


@dataclass(frozen=True)
class Cleaned:
    """Canonical HTML, and what a reader of the page should know was left out."""

    html: str
    notes: tuple[str, ...] = ()


def clean(html: str) -> Cleaned:
    """Return the canonical form of `html`. Takes any string, never raises, linear in its length.

    A page that shows next to nothing until its scripts have run (streamed React: `<div hidden id="S:1">`; an overlay
    over everything) is read with its hidden parts, and `notes` says so.
    """
    cleaner = _Cleaner(html, read_hidden=False)
    return (_Cleaner(html, read_hidden=True) if cleaner.shows_next_to_nothing else cleaner).finish()


class _Cleaner:
    def __init__(self, html: str, *, read_hidden: bool) -> None:
        self._read_hidden = read_hidden
        self._writer = CanonicalWriter()
        self._cut: CutElement | None = None
        self._shown = self._hidden = self._lost = 0
        self._unclosed: dict[str, None] = {}
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
        return self._hidden >= max(_LEAST_HIDDEN, _MOSTLY * self._shown)

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
            if name not in RAW_TEXT and not (self_closing and name in CUT) and not accordion:
                self._cut = CutElement(name)
        elif name in _INLINE:
            self._inline(name, attributes)
        elif name in _BLOCKS or ("-" in name and not self._writer.in_text_block):
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
        if name == "a":
            self._writer.drop_inline("a", _PERMALINK_TEXTS)
        elif name in _INLINE:
            self._writer.close_inline(_INLINE[name])
        else:
            self._writer.close_block(name)

    def never_closed(self, element: str, characters: int) -> None:
        """Characters were not read for want of an end tag."""
        if characters:
            self._lost += characters
            if len(self._unclosed) <= _NAMED:
                self._unclosed[element] = None

    def finish(self) -> Cleaned:
        html = self._writer.finish()
        notes: list[str] = []
        if self._lost:
            names = [f"<{name}>" for name in self._unclosed]
            listed = ", ".join(names[:_NAMED]) + (" and others" if len(names) > _NAMED else "")
            notes.append(f"{listed} is never closed: {self._lost} characters after it were not read")
        if self._read_hidden:
            notes.append("the page shows next to nothing without its scripts: what is marked as hidden was read too")
        elif self._hidden > self._shown:
            notes.append(f"{self._hidden} characters marked as hidden were not read; {self._shown} are shown")
        if self._writer.too_deep:
            notes.append(f"blocks nest deeper than {MAX_DEPTH}: the inner ones were dissolved, their text was kept")
        return Cleaned(html, tuple(notes))

    def _unseen(self, name: str, attributes: Mapping[str, str]) -> bool:
        return (not self._read_hidden and hidden(name, attributes)) or numbers_lines(name, attributes)

    def _end_cut(self) -> None:
        if self._cut and self._cut.name not in CUT:
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
                self._writer.image(_INVISIBLE.sub("", source), _INVISIBLE.sub("", alt))

    def _inline(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "a":
            target = _INVISIBLE.sub("", attributes.get("href", "").strip())
            self._writer.close_inline("a")
            if not target or target.lower().startswith("javascript:"):
                return
            self._writer.open_inline("a", f' href="{escape(target)}"')
        else:
            if name == "code":
                self._writer.code_language(_language(attributes))
            self._writer.open_inline(_INLINE[name])

    def _block(self, name: str, attributes: Mapping[str, str]) -> None:
        tag: str | None = name if name in BLOCKS else _ROLES.get(attributes.get("role", "").lower())
        if name in PREFORMATTED:
            tag = "pre"
        inside_content = self._writer.inside("main") or self._writer.inside("article") or self._writer.inside("section")
        if tag == "header" and inside_content:
            tag = None
        start = attributes.get("start", "")[:9]
        self._writer.open_block(
            name,
            tag,
            start=int(start) if name == "ol" and start.isascii() and start.isdigit() else 1,
            language=_language(attributes),
        )


def _language(attributes: Mapping[str, str]) -> str | None:
    match = _LANGUAGE.search(attributes.get("class", ""))
    language = (
        match[1].lower() if match else attributes.get("data-lang", attributes.get("data-language", "")).lower()[:20]
    )
    return language if language and language not in _NO_LANGUAGE and re.fullmatch(r"[a-z0-9+#-]+", language) else None
