"""What of a page a model should read: cuts scripts, styles, hidden parts, controls, base64 and useless attributes.

Decides what stays and under which name; `canonical` writes it, `markup` reads it. Knows no model. Whatever a reader of
the page would have seen and is cut all the same is named in `notes`: nothing is lost in silence.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from edgedoc.documents.canonical import BLOCKS, MAX_DEPTH, CanonicalWriter
from edgedoc.documents.markup import RAW_TEXT, End, Lost, Start, Text, events

_CUT = RAW_TEXT | frozenset("template svg object canvas audio video select button annotation datalist".split())
_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_SEPARATING = frozenset(
    "html body main article section div center form fieldset legend address hgroup details summary figure figcaption dl dt dd "
    "thead tbody tfoot caption menu dir search dialog".split()
)
_INLINE = {
    "a": "a",
    "b": "strong",
    "strong": "strong",
    "i": "em",
    "em": "em",
    "s": "del",
    "strike": "del",
    "del": "del",
} | {name: "code" for name in ("code", "tt", "kbd", "samp")}
_ROLES = {"navigation": "nav", "banner": "header", "contentinfo": "footer", "complementary": "aside"}
_PERMALINK_TEXTS = frozenset({"", "¶", "#", "§", "🔗", "\uf0c1"})

_INVISIBLE = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f\u00ad\u200b\u2060\ufeff\ud800-\udfff]")
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_LINE_NUMBERS = re.compile(r"\b(?:linenos?|line-numbers?|lineno|gutter)\b")
_LANGUAGE = re.compile(r"(?:^|\s)(?:language-|lang-|highlight-source-|highlight-|brush:\s*)([A-Za-z0-9+#-]{1,20})")
_NO_LANGUAGE = frozenset({"none", "default", "text", "plaintext", "notranslate", "source"})


@dataclass(frozen=True)
class Cleaned:
    """Canonical HTML, and what a reader of the page should know was left out."""

    html: str
    notes: tuple[str, ...] = ()


def clean(html: str) -> Cleaned:
    """Return the canonical form of `html`. Takes any string, never raises, linear in its length."""
    cleaner = _Cleaner()
    for event in events(html):
        match event:
            case Text(text):
                cleaner.text(text)
            case Start(name, attributes):
                cleaner.start(name, attributes)
            case End(name):
                cleaner.end(name)
            case Lost(element, characters):
                cleaner.notes.append(f"<{element}> is never closed: {characters} characters after it were not read")
    return cleaner.finish()


class _Cleaner:
    def __init__(self) -> None:
        self.notes: list[str] = []
        self._writer = CanonicalWriter()
        self._cutting: str | None = None
        self._cut_depth = 0
        self._cut_characters = 0

    def text(self, text: str) -> None:
        if self._cutting:
            self._cut_characters += len(text.strip())
        else:
            self._writer.text(_INVISIBLE.sub("", text))

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if self._cutting:
            self._cut_depth += name == self._cutting
        elif name in _VOID:
            self._void(name, attributes)
        elif name in _CUT or (name not in ("html", "body") and _hidden(attributes)):
            if name not in RAW_TEXT:
                self._cutting, self._cut_depth, self._cut_characters = name, 1, 0
        elif name in _INLINE:
            self._inline(name, attributes)
        elif name in BLOCKS or name in _SEPARATING or ("-" in name and not self._writer.in_text_block):
            self._block(name, attributes)

    def end(self, name: str) -> None:
        if self._cutting:
            self._cut_depth -= name == self._cutting
            if self._cut_depth == 0:
                self._cutting = None
        elif name == "a":
            self._writer.drop_inline("a", _PERMALINK_TEXTS)
        elif name in _INLINE:
            self._writer.close_inline(_INLINE[name])
        else:
            self._writer.close_block(name)

    def finish(self) -> Cleaned:
        if self._cutting and self._cut_characters:
            self.notes.append(
                f"<{self._cutting}> is never closed: {self._cut_characters} characters after it were not read"
            )
        html = self._writer.finish()
        if self._writer.too_deep:
            self.notes.append(
                f"blocks nest deeper than {MAX_DEPTH}: the inner ones were dissolved, their text was kept"
            )
        return Cleaned(html, tuple(self.notes))

    def _void(self, name: str, attributes: Mapping[str, str]) -> None:
        if _hidden(attributes):
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
            self._writer.open_inline(_INLINE[name])

    def _block(self, name: str, attributes: Mapping[str, str]) -> None:
        tag: str | None = name if name in BLOCKS else _ROLES.get(attributes.get("role", "").lower())
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


def _hidden(attributes: Mapping[str, str]) -> bool:
    if not attributes:
        return False
    return (
        "hidden" in attributes
        or attributes.get("aria-hidden", "").lower() == "true"
        or _HIDDEN_STYLE.search(attributes.get("style", "")) is not None
        or _LINE_NUMBERS.search(attributes.get("class", "")) is not None
    )


def _language(attributes: Mapping[str, str]) -> str | None:
    match = _LANGUAGE.search(attributes.get("class", ""))
    language = (
        match[1].lower() if match else attributes.get("data-lang", attributes.get("data-language", "")).lower()[:20]
    )
    return language if language and language not in _NO_LANGUAGE and re.fullmatch(r"[a-z0-9+#-]+", language) else None
