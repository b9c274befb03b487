"""Cuts a canonical block that is larger than a window into blocks that fit. Knows no page, no containers, no Markdown.

Code is cut at line ends, a table row between its cells, other text between words; a line or word that is itself too
large is cut inside. Formatting is closed at a cut and goes on behind it; a link is not cut where the cut can come
before it.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

Count = Callable[[str], int]

_OPENING = re.compile(r"<pre><code[^>]*>|<[a-z][^>]*>")
_CLOSING = re.compile(r"(?:</[a-z0-9]+>)*$")
_CELL = re.compile(r"<(t[dh])>(.*?)</\1>", re.DOTALL)
_TAG = re.compile(r"<(/?)([a-z]+)[^>]*>")
_ALT = re.compile(r' alt="([^"]*)"')
_HALF_ENTITY = re.compile(r"&[#\w]{0,31}$")
_RESERVE = 8  # tokens for the tags that are closed and opened again at a cut
_LEAST_ROOM = 16


class Piece(NamedTuple):
    """A part of a block, and what stood between it and the part before: a space, a line end or nothing."""

    html: str
    glue: str


def row_pieces(html: str, budget: int, count: Count) -> Iterator[Piece]:
    """A <tr> as several of about `budget` tokens at most, as `count` counts them, of whole cells where these fit."""
    room = max(_LEAST_ROOM, budget - _RESERVE)
    row, size = "", 0
    for tag, text in _CELL.findall(html):
        for part, _ in _parts(text, room, count, " "):
            cell = f"<{tag}>{part}</{tag}>"
            needed = count(cell)
            if row and size + needed > budget:
                yield Piece(f"<tr>{row}</tr>", "\n")
                row, size = "", 0
            row, size = row + cell, size + needed
    yield Piece(f"<tr>{row}</tr>", "\n")


def code_pieces(html: str, budget: int, count: Count) -> Iterator[Piece]:
    """A <pre> as several of at most about `budget` tokens."""
    start, body, _ = _opened(html)
    blank = 0  # line ends that the part before ended with: a converter drops them, and those that a part starts with
    for part, glue in _parts(body, _room(start, budget, count), count, "\n "):
        leading = len(part) - len(part.lstrip("\n"))
        yield Piece(f"{start}{part}</code></pre>", "\n" * (blank + leading) + glue)
        blank = len(part) - len(part.rstrip("\n"))


def text_pieces(html: str, budget: int, count: Count) -> Iterator[Piece]:
    """A block of words as one of its kind and further <p>, each of at most about `budget` tokens.

    Tags that alone would fill half of that, such as links with a kilobyte of tracking, go; the text they hold stays.
    """
    start, body, end = _opened(html)
    room = _room(start, budget, count)
    body = _TAG.sub(lambda tag: _bounded(tag, room // 2, count), body)
    first, last = start, f"</{end}>"
    for part, glue in _parts(body, room, count, " "):
        yield Piece(f"{first}{part}{last}", glue)
        first, last = "<p>", "</p>"


def _opened(html: str) -> tuple[str, str, str]:
    """Start tags, contents and name of a block."""
    opening, closing = _OPENING.match(html), _CLOSING.search(html)
    start = opening[0] if opening else "<p>"
    body = html[opening.end() if opening else 0 : closing.start() if closing else len(html)]
    return start, body, start[1:].split(">")[0].split(" ")[0]


def _room(start: str, budget: int, count: Count) -> int:
    return max(_LEAST_ROOM, budget - count(start) - _RESERVE)


def _bounded(tag: re.Match[str], room: int, count: Count) -> str:
    # A character is four tokens at most.
    if len(tag[0]) * 4 <= room or count(tag[0]) <= room:
        return tag[0]
    alt = _ALT.search(tag[0])
    return alt[1] if alt else ""


def _parts(text: str, room: int, count: Count, separators: str) -> Iterator[tuple[str, str]]:
    """`text` in balanced parts of at most `room` tokens, each with the separator before it."""
    glue = carried = ""
    # A token is rarely longer than 16 characters; counting more than that at a time would make long blocks quadratic.
    while len(text) > room * 16 or count(text) > room:
        cut, separator = _cut(text, _longest(text, room, count), separators)
        part, reopened = _balanced(carried + text[:cut])
        yield part, glue
        glue, carried, text = separator, reopened, text[cut + len(separator) :]
    if text:
        yield _balanced(carried + text)[0], glue


def _longest(text: str, room: int, count: Count) -> int:
    """Characters of `text` that make at most `room` tokens; at least one."""
    low, high = 1, min(len(text), room * 16)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if count(text[:middle]) <= room else (low, middle - 1)
    return low


def _cut(text: str, longest: int, separators: str) -> tuple[int, str]:
    """Where to cut, at `longest` or before it, and the separator that stands there."""
    cut, separator = 0, ""
    for separator in separators:
        cut = text.rfind(separator, 1, longest + 1)
        while cut > 0 and (tag := _inside_tag(text, cut)) >= 0:
            cut = text.rfind(separator, 1, tag) if tag else 0
        if cut > 0:
            break
    else:
        tag, separator = _inside_tag(text, longest), ""
        half = _HALF_ENTITY.search(text, max(0, longest - 32), longest)
        cut = (tag if tag >= 0 else half.start() if half else longest) or longest
    link = _open_link(text, cut)
    if link > 0:
        return (link - 1, " ") if link > 1 and text[link - 1] == " " else (link, "")
    return cut, separator


def _inside_tag(text: str, position: int) -> int:
    """Where the tag starts that `position` lies in, or -1."""
    start = text.rfind("<", 0, position)
    return start if start >= 0 and text.find(">", start, position) < 0 else -1


def _open_link(text: str, position: int) -> int:
    """Where the link starts that `position` lies in, or -1."""
    start = text.rfind("<a ", 0, position)
    return start if start >= 0 and text.find("</a>", start, position) < 0 else -1


def _balanced(part: str) -> tuple[str, str]:
    """`part` with formatting closed and end tags of nothing removed, and the tags that open it again behind the cut."""
    stack: list[tuple[str, str]] = []

    def keep(tag: re.Match[str]) -> str:
        closing, name = tag.groups()
        if name in ("img", "br", "input"):
            return tag[0]
        if not closing:
            stack.append((name, tag[0]))
        elif name not in (opened for opened, _ in stack):
            return ""
        else:
            while stack.pop()[0] != name:
                pass
        return tag[0]

    balanced = _TAG.sub(keep, part) + "".join(f"</{name}>" for name, _ in reversed(stack))
    # The address of a link that had to be cut is written once.
    return balanced, "".join(tag for name, tag in stack if name != "a")
