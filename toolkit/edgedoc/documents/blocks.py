"""Which lines of a Markdown or plain text belong together: headings, paragraphs, lists, tables, code. Knows no tokens.

Only the outermost blocks of CommonMark 0.31 (spec.commonmark.org) and GFM's tables, as spans that tile the text: what a
list or quote holds stays one block. markdown-it-py finds the same blocks (`tests/test_blocks.py` compares them) but
keeps half a kilobyte for every nested token, needs 25 s for a megabyte under twenty quote marks, and gives the rest of
the document to a list nested deeper than its limit.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from edgedoc.documents.html_blocks import html_block_end
from edgedoc.documents.lines import after_blank, indent, line_at

_FENCE = re.compile(r"(`{3,}+)[^`]*$|(~{3,})")
_ATX = re.compile(r"(#{1,6})(?:[ \t]+|$)")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-+)[ \t]*$")
_ITEM = re.compile(r"([ \t]*)([-+*]|\d{1,9}[.)])(?:([ \t]+)(?=[^ \t])|[ \t]*$)")
_DELIMITERS = re.compile(r" {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*+\|?[ \t]*$")
_PIPE = re.compile(r"(?<!\\)\|")
_LINK = re.compile(r"!?\[([^\[\]]*+)\]\([^()\s]*+\)")
_FRONT_MATTER = re.compile(r"---[ \t]*(?:\r\n?|\n)[\w-]+:")
_SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？")
_MOST_TITLE_LINES = 3
"""A longer paragraph over a line of dashes is a paragraph and a rule: CommonMark would make it one long heading."""


class Kind(StrEnum):
    """What a block is."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST = "list"
    TABLE = "table"
    CODE = "code"
    QUOTE = "quote"
    HTML = "html"
    RULE = "rule"


@dataclass(frozen=True, slots=True)
class Block:
    """Characters `start` to `end` of a text. `level` is 1 to 6 and `title` plain for headings, else 0 and ""."""

    start: int
    end: int
    kind: Kind
    level: int = 0
    title: str = ""


def blocks(text: str) -> list[Block]:
    """The blocks of `text`, which tile it: the first starts at 0, each ends where the next starts, the last at the end.

    Blank lines belong to the block before them, leading ones to the first; YAML front matter is code. Linear time.
    """
    return list(_scan(text)) or ([Block(0, len(text), Kind.PARAGRAPH)] if text else [])


def leading_titles(text: str) -> list[str]:
    """Titles of the headings that `text` starts with, before any other block."""
    titles = []
    for block in _scan(text):
        if block.kind is not Kind.HEADING:
            break
        titles.append(block.title)
    return titles


def _scan(text: str) -> Iterator[Block]:
    # A byte order mark is no part of the first line.
    mark = int(text.startswith("\ufeff"))
    start, position = 0, after_blank(text, mark)
    while position < len(text):
        line, following = line_at(text, position)
        kind, level, title, end = _block(text, position, line, following)
        position = after_blank(text, end)
        yield Block(start, position, kind, level, title)
        start = position


def _block(text: str, start: int, line: str, following: int) -> tuple[Kind, int, str, int]:
    """Kind, level and title of the block that `line` starts, and where the line behind it starts."""
    if indent(line) >= 4:
        return Kind.CODE, 0, "", _indented_code(text, following)
    content = line.lstrip(" \t")
    if (
        start == int(text.startswith("\ufeff"))
        and _FRONT_MATTER.match(text, start)
        and (end := _front_matter(text, following))
    ):
        return Kind.CODE, 0, "", end
    if heading := _ATX.match(content):
        return Kind.HEADING, len(heading[1]), _title(_unclosed(content[heading.end() :])), following
    if fence := _FENCE.match(content):
        return Kind.CODE, 0, "", _fenced(text, following, fence[1] or fence[2])
    if _is_rule(content):
        return Kind.RULE, 0, "", following
    if content[0] == ">":
        return Kind.QUOTE, 0, "", _quote(text, following, content)
    if item := _ITEM.match(line):
        return Kind.LIST, 0, "", _list(text, following, line, item)
    if content[0] == "<" and (end := html_block_end(text, start, interrupting=False)):
        return Kind.HTML, 0, "", end
    if _is_table(text, line, following):
        return Kind.TABLE, 0, "", _table(text, following)
    return _paragraph(text, start, following)


def _paragraph(text: str, start: int, position: int) -> tuple[Kind, int, str, int]:
    lines = 1
    while position < len(text):
        line, following = line_at(text, position)
        if lines <= _MOST_TITLE_LINES and _UNDERLINE.match(line):
            return Kind.HEADING, 1 if "=" in line else 2, _title(text[start:position]), following
        if not line.strip() or _interrupts(text, position, line, following):
            break
        position, lines = following, lines + 1
    return Kind.PARAGRAPH, 0, "", position


def _interrupts(text: str, start: int, line: str, following: int) -> bool:
    """Whether `line` ends the paragraph before it by starting another block."""
    content = line.lstrip(" \t")
    if content[0] in "#`~-+*_<>0123456789" and indent(line) < 4:
        if content[0] == ">" or _ATX.match(content) or _FENCE.match(content) or _is_rule(content):
            return True
        # An empty item or a list that does not start at 1 is more often a line of prose: "in the year\n1986. A good".
        item = _ITEM.match(line)
        if item and item[3] and item[2][:-1] in ("", "1"):
            return True
        if content[0] == "<" and html_block_end(text, start, interrupting=True):
            return True
    return _is_table(text, line, following)


def _indented_code(text: str, position: int) -> int:
    while position < len(text):
        line, following = line_at(text, position)
        if line.strip() and indent(line) < 4:
            break
        position = following
    return position


def _front_matter(text: str, position: int) -> int:
    """Where YAML front matter ends, or 0 where nothing closes it."""
    while position < len(text):
        line, position = line_at(text, position)
        if line.rstrip() in ("---", "..."):
            return position
    return 0


def _fenced(text: str, position: int, fence: str) -> int:
    while position < len(text):
        line, position = line_at(text, position)
        if _closes(line, fence):
            break
    return position


def _closes(line: str, fence: str) -> bool:
    content = line.strip(" \t")
    return content.startswith(fence) and not content.strip(fence[0]) and indent(line) < 4


def _quote(text: str, position: int, content: str) -> int:
    lazy = _is_prose(content.lstrip("> \t"))
    while position < len(text):
        line, following = line_at(text, position)
        inner = line.lstrip(" \t")
        if inner[:1] == ">" and indent(line) < 4:
            lazy = _is_prose(inner.lstrip("> \t"))
        elif not inner or not lazy or _interrupts(text, position, line, following):
            break
        position = following
    return position


def _list(text: str, position: int, line: str, item: re.Match[str]) -> int:
    """The end of a list: items with the same marker, what is indented under them, and their paragraphs' lazy lines."""
    mark, width, fence = item[2][-1], _width(item), ""
    lazy = _goes_on(line[item.end() :])
    while position < len(text):
        line, following = line_at(text, position)
        content = line.strip()
        if not content:
            lazy = False
        elif (columns := indent(line)) >= width:
            if fence:
                fence = "" if _closes(content, fence) else fence
            elif opened := _FENCE.match(content):
                fence = opened[1] or opened[2]
            lazy = not fence and _goes_on(content)
        elif (item_ := _ITEM.match(line)) and columns < 4 and item_[2][-1] == mark and not _is_rule(content):
            opened = _FENCE.match(line, item_.end())
            width, fence = _width(item_), (opened[1] or opened[2]) if opened else ""
            lazy = not fence and _goes_on(line[item_.end() :])
        elif not lazy or _interrupts(text, position, line, following):
            break
        position = following
    return position


def _width(item: re.Match[str]) -> int:
    """Columns that what belongs to an item is indented by."""
    mark = len(item.string[: item.end(2)].expandtabs(4))
    gap = len(item.string[: item.end(3)].expandtabs(4)) - mark if item[3] else 1
    # Five and more are one, and an indented code block in the item.
    return mark + (gap if gap < 5 else 1)


def _is_table(text: str, line: str, following: int) -> bool:
    """Whether `line` is a header row: a delimiter row of as many cells is under it."""
    if "|" not in line or not text[following : following + 80].lstrip(" ").startswith(("|", "-", ":")):
        return False
    under = line_at(text, following)[0]
    return bool(_DELIMITERS.match(under)) and _cells(line) == _cells(under) and indent(line) < 4


def _cells(row: str) -> int:
    return len(_PIPE.findall(row.strip().removeprefix("|"))) + (not row.rstrip().endswith("|"))


def _table(text: str, position: int) -> int:
    position = line_at(text, position)[1]
    while position < len(text):
        line, following = line_at(text, position)
        if not line.strip() or indent(line) >= 4 or _interrupts(text, position, line, following):
            break
        position = following
    return position


def _is_prose(content: str) -> bool:
    """Whether a line of a list or quote is text of a paragraph, which the next line may go on with."""
    return bool(content.strip()) and not (_ATX.match(content) or _FENCE.match(content) or _is_rule(content))


def _goes_on(content: str) -> bool:
    """Whether the next line, not indented, may go on with this line of a list.

    CommonMark would say so after a full stop too, and make one list of all that follows a sentence that starts with
    "1986." or a dash, where plain text has a sentence a line.
    """
    return _is_prose(content) and not content.rstrip("\"'”’»)]*_ \t").endswith(_SENTENCE_ENDS)


def _is_rule(content: str) -> bool:
    marks = content[:1]
    return marks in ("-", "*", "_") and not content.strip(f" \t{marks}") and content.count(marks) >= 3


def _unclosed(title: str) -> str:
    """An ATX heading's text without its closing sequence of #."""
    title = title.rstrip(" \t")
    bare = title.rstrip("#")
    return bare if not bare or bare[-1] in " \t" else title


def _title(source: str) -> str:
    """A heading's text: lines joined, and links, such as the anchors of generated pages, without their targets."""
    return " ".join(_LINK.sub(r"\1", source).split())
