"""HTML text to a flat stream of tag and text events, in linear time. Builds no tree and knows no element's meaning.

A tree is what makes hostile pages expensive or lossy: libxml2 drops everything below 255 levels without a word, lexbor
needs gigabytes for 60 KB of unclosed formatting elements, html.parser of Python 3.11 is quadratic on unclosed comments.
The rules are those of the WHATWG tokenizer (html.spec.whatwg.org, 13.2.5) reduced to what text extraction needs, with one
deliberate difference: a comment, quote or tag that is never closed does not swallow the rest of the page.
"""

import re
from collections.abc import Iterator
from html import unescape
from typing import NamedTuple

RAW_TEXT = frozenset(
    {"script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes", "noscript", "plaintext"}
)

_MARKUP = re.compile(r"<(?:(?P<close>/?)(?P<name>[a-zA-Z][^\s/>\x00]*)|(?P<comment>!--)|(?P<bogus>[!?/]))")
_ATTRIBUTE = re.compile(r"""[\s/]*+([^\s/>][^\s/>=]*+)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s>]*+)))?""")
_TAG_END = re.compile(r"[\s/]*+>?")


class Start(NamedTuple):
    """An opening tag; `name` and attribute names are lower case, values have their entities decoded."""

    name: str
    attributes: dict[str, str]


class End(NamedTuple):
    """A closing tag, matched or not."""

    name: str


class Text(NamedTuple):
    """Character data with entities decoded."""

    text: str


class Lost(NamedTuple):
    """Characters that were skipped because an element such as <script> was never closed."""

    element: str
    characters: int


Event = Start | End | Text | Lost


def events(html: str) -> Iterator[Event]:
    """Yield the events of `html` in order. Contents of raw-text elements (script, style, title ...) are not reported."""
    position, length = 0, len(html)
    unclosed: set[str] = set()
    while position < length:
        match = _MARKUP.search(html, position)
        if match is None:
            yield Text(unescape(html[position:]))
            return
        if match.start() > position:
            yield Text(unescape(html[position : match.start()]))
        if match["comment"]:
            position = _after_comment(html, match.end(), unclosed)
        elif match["bogus"]:
            position = _after(html, ">", match.end(), unclosed)
        elif match["close"]:
            yield End(match["name"].lower())
            position = _after(html, ">", match.end(), unclosed)
        else:
            name = match["name"].lower()
            attributes, position = _attributes(html, match.end())
            if html[position - 1] != ">":
                yield Text(html[match.start() :])
                return
            yield Start(name, attributes)
            if name in RAW_TEXT:
                end = _raw_text_end(html, name, position, unclosed)
                if end is None:
                    yield Lost(name, length - position)
                    return
                position = end


def _attributes(html: str, position: int) -> tuple[dict[str, str], int]:
    found: dict[str, str] = {}
    while match := _ATTRIBUTE.match(html, position):
        position = match.end()
        name = match[1].lower()
        if name not in found:
            found[name] = unescape(match[2] or match[3] or match[4] or "")
    end = _TAG_END.match(html, position)
    return found, end.end() if end else position


def _after(html: str, mark: str, position: int, unclosed: set[str]) -> int:
    """Position behind the next `mark`, or `position` itself where there is none. A miss is remembered: it costs a scan."""
    found = -1 if mark in unclosed else html.find(mark, position)
    if found < 0:
        unclosed.add(mark)
        return position
    return found + len(mark)


def _after_comment(html: str, position: int, unclosed: set[str]) -> int:
    if html.startswith(">", position) or html.startswith("->", position):
        return html.index(">", position) + 1
    end = _after(html, "-->", position, unclosed)
    return end if end > position else _after(html, ">", position, unclosed)


def _raw_text_end(html: str, name: str, position: int, unclosed: set[str]) -> int | None:
    closing = f"</{name}"
    match = None if closing in unclosed else re.compile(closing + r"[^>]*+>?", re.IGNORECASE).search(html, position)
    if match is None:
        unclosed.add(closing)
        return None
    return match.end()
