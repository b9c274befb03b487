"""HTML text to a flat stream of tag and text events, in linear time. Builds no tree and knows no element's meaning.

A tree is what makes hostile pages expensive or lossy: libxml2 drops everything below 255 levels without a word, lexbor
needs gigabytes for 60 KB of unclosed formatting elements, html.parser of Python 3.11 is quadratic on unclosed comments.
The rules are those of the WHATWG tokenizer (html.spec.whatwg.org, 13.2.5) reduced to what text extraction needs, with
two deliberate differences that keep text: a comment, quote or tag that is never closed does not swallow the rest of the
page, and `<script/>` is empty, as its author meant it.
"""

import re
from collections.abc import Iterator
from html import unescape
from typing import NamedTuple

PREFORMATTED = frozenset({"xmp", "plaintext"})
"""Raw text that is shown: the ancestors of <pre>."""
RAW_TEXT = PREFORMATTED | {"script", "style", "title", "textarea", "iframe", "noembed", "noframes", "noscript"}
"""Elements in which `<` starts no tag."""

_MARKUP = re.compile(r"<(?:(?P<close>/?)(?P<name>[a-zA-Z][^\s/>\x00]*)|(?P<comment>!--)|(?P<bogus>[!?/]))")
_ATTRIBUTE = re.compile(r"""[\s/]*+([^\s/>][^\s/>=]*+)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s>]*+)))?""")
_TAG_END = re.compile(r"[\s/]*+>?")
_COMMENT_END = re.compile(r"--!?>")


class Start(NamedTuple):
    """An opening tag; `name` and attribute names are lower case, values have their entities decoded."""

    name: str
    attributes: dict[str, str]
    self_closing: bool = False


class End(NamedTuple):
    """A closing tag, matched or not."""

    name: str


class Text(NamedTuple):
    """Character data with entities decoded."""

    text: str


class Lost(NamedTuple):
    """Characters that were skipped because `element`, such as <script> or a comment ("!--"), was never closed."""

    element: str
    characters: int


Event = Start | End | Text | Lost


def events(html: str) -> Iterator[Event]:
    """Yield the events of `html` in order. Of raw text (script, style ...) only what is PREFORMATTED is reported."""
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
            if "-->" in unclosed and position > match.end():
                yield Lost("!--", position - match.end())
        elif match["bogus"]:
            position = _after(html, ">", match.end(), unclosed)
        elif match["close"]:
            yield End(match["name"].lower())
            position = _after(html, ">", match.end(), unclosed)
        else:
            name = match["name"].lower()
            attributes, self_closing, position = _attributes(html, match.end())
            if html[position - 1] != ">":
                yield Text(unescape(html[match.start() :]))
                return
            yield Start(name, attributes, self_closing)
            if name in RAW_TEXT and not self_closing:
                end = _raw_text_end(html, name, position, unclosed)
                if name in PREFORMATTED:
                    yield Text(html[position:end])
                elif end is None:
                    yield Lost(name, length - position)
                if end is None:
                    return
                position = end


def _attributes(html: str, position: int) -> tuple[dict[str, str], bool, int]:
    """Attributes, whether the tag closes itself, and the position behind it."""
    found: dict[str, str] = {}
    while match := _ATTRIBUTE.match(html, position):
        position = match.end()
        name = match[1].lower()
        if name not in found:
            found[name] = unescape(match[2] or match[3] or match[4] or "")
    end = _TAG_END.match(html, position)
    return (found, end[0].endswith("/>"), end.end()) if end else (found, False, position)


def _after(html: str, mark: str, position: int, unclosed: set[str]) -> int:
    """Position behind the next `mark`; `position` where there is none. A miss is remembered: it costs a scan."""
    found = -1 if mark in unclosed else html.find(mark, position)
    if found < 0:
        unclosed.add(mark)
        return position
    return found + len(mark)


def _after_comment(html: str, position: int, unclosed: set[str]) -> int:
    if html.startswith(">", position) or html.startswith("->", position):
        return html.index(">", position) + 1
    end = None if "-->" in unclosed else _COMMENT_END.search(html, position)
    if end is None:
        unclosed.add("-->")
        return _after(html, ">", position, unclosed)
    return end.end()


def _raw_text_end(html: str, name: str, position: int, unclosed: set[str]) -> int | None:
    """Where the end tag of raw-text element `name` starts, or None."""
    closing = f"</{name}"
    if closing not in unclosed and (
        match := re.compile(closing + r"(?![^\s/>])", re.IGNORECASE).search(html, position)
    ):
        return match.start()
    unclosed.add(closing)
    return None
