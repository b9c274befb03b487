"""Cuts canonical HTML into windows a model can read in one go, and says how their Markdown joins again. Knows no model.

Input is what `clean` returns: a line that starts with `<` and a letter starts a block. A window is made of whole
blocks wherever one fits; it is self-contained HTML (its list or table is reopened, with the item number or the header
row), and carries what a joiner needs: what stood between it and its predecessor, and the prefix of the containers it
was cut out of. Every word of text is in exactly one window, header rows that are repeated excepted.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from edgedoc.documents.pieces import code_pieces, row_pieces, text_pieces

_BLOCK_START = re.compile(r"^(?=<[a-z])", re.MULTILINE)
_BLOCK_TAG = re.compile(r"<(/?)(p|ul|ol|li|blockquote|pre|table|tr|td|th|h[1-6]|nav|header|footer|aside)( [^>]*)?>")
_REOPENED = frozenset({"nav", "header", "footer", "aside"})
_HEADER_ROW = re.compile(r"<tr>(?:<th>.*?</th>)+</tr>", re.DOTALL)


class Join(StrEnum):
    """How a window's Markdown continues what came before it."""

    BLOCK = "block"
    ITEM = "item"
    ROW = "row"
    WORD = "word"
    CODE = "code"


@dataclass(frozen=True, kw_only=True)
class Window:
    """Self-contained canonical HTML of consecutive blocks.

    `prefix` starts every line of its Markdown (the quotes and list items it lies in); `repeats_header` says that its
    table starts with a copy of the header row; `glue` is what a cut in a block fell on: a space, line ends, nothing.
    """

    html: str
    join: Join = Join.BLOCK
    prefix: str = ""
    repeats_header: bool = False
    glue: str = ""


@dataclass(frozen=True)
class _Open:
    """A block that is open where a unit starts; `number` is the next item of an <ol>, `header` a table's header row."""

    tag: str
    number: int = 0
    header: str = ""


@dataclass(frozen=True)
class _Unit:
    html: str
    context: tuple[_Open, ...]
    join: Join = Join.BLOCK
    glue: str = ""


def windows(html: str, budget: int, count: Callable[[str], int]) -> list[Window]:
    """Cut canonical `html` into windows of at most `budget` tokens as `count` counts them.

    Cuts at the shallowest block boundary in the second half of a full window; a block that is alone larger than the
    budget is cut by `pieces`. Reopened containers, line ends between blocks, and a repeated header row of at most half
    the budget come on top. Returns [] for a page without text.
    """
    groups: list[list[_Unit]] = []
    group: list[_Unit] = []
    sizes: list[int] = []
    for unit in _units(html, budget, count):
        size = count(unit.html)
        apart = unit.join in (Join.WORD, Join.CODE) or (group and group[0].join is Join.WORD)
        if group and (apart or not _covers(group[0].context, unit.context)):
            groups.append(group)
            group, sizes = [], []
        elif group and sum(sizes) + size > budget:
            cut = _best_cut(group, sizes, unit)
            groups.append(group[:cut])
            group, sizes = group[cut:], sizes[cut:]
            if group and not _covers(group[0].context, unit.context):
                groups.append(group)
                group, sizes = [], []
        group.append(unit)
        sizes.append(size)
    return [_window(group) for group in [*groups, group] if group]


def join_markdown(windows: list[Window], parts: list[str]) -> str:
    """Join the Markdown of each window, in order, into that of the page. Empty parts leave no trace."""
    joined: list[str] = []
    opener = 0  # index in `joined` of the part that opened the last code block
    for window, part in zip(windows, parts, strict=True):
        part = part.strip("\n")
        if window.join is Join.ROW:
            part = _without_header(part, window.repeats_header)
        if not part.strip():
            continue
        if window.prefix:
            part = "\n".join((window.prefix + line).rstrip() for line in part.split("\n"))
        if joined and window.join is Join.WORD:
            joined.append(window.glue + part.removeprefix(window.prefix).lstrip())
        elif not (joined and window.join is Join.CODE and _continue_code(joined, opener, part, window)):
            joined.append((_between(window) if joined else "") + part)
            opener = len(joined) - 1
    return "".join(joined)


def _between(window: Window) -> str:
    quotes = window.prefix.rfind(">") + 1
    return "\n" if window.join in (Join.ITEM, Join.ROW) else f"\n{window.prefix[:quotes]}\n"


def _continue_code(joined: list[str], opener: int, part: str, window: Window) -> bool:
    """Append `part` to the fenced code that `joined` ends with, inside its fence; False where there is no such code."""
    indent = re.escape(window.prefix)
    end = re.search(rf"\n{indent}(`{{3,}})$", joined[-1])
    start = re.match(rf"{indent}(`{{3,}})[^\n]*\n", part)
    if end is None or start is None:
        return False
    # A fence is longer than any run of backticks in its code, so the parts may disagree.
    old, new = end[1], start[1]
    joined[-1] = joined[-1][: end.start()].rstrip("\n")
    if len(new) > len(old):
        before, _, after = joined[opener].rpartition(old)
        joined[opener] = before + new + after
    code = part[start.end() :].lstrip("\n")
    code = re.sub(rf"^({indent}){new}$", rf"\g<1>{max(old, new)}", code, count=1, flags=re.MULTILINE)
    joined.append(window.glue + (code if window.glue.endswith("\n") else code.removeprefix(window.prefix)))
    return True


def _without_header(part: str, repeated: bool) -> str:
    lines = part.split("\n")
    if len(lines) > 1 and re.fullmatch(r"\|[ :|-]+\|", lines[1].strip()):
        return "\n".join(lines[2:] if repeated else lines[:1] + lines[2:])
    return part


def _best_cut(group: list[_Unit], sizes: list[int], following: _Unit) -> int:
    """Index of the unit that starts the next window; len(group) means `following` does."""
    best, total = len(group), 0
    depth = len(following.context)
    for index, unit in enumerate(group):
        if index and total * 2 >= sum(sizes) and len(unit.context) < depth:
            best, depth = index, len(unit.context)
        total += sizes[index]
    return best


def _covers(base: tuple[_Open, ...], context: tuple[_Open, ...]) -> bool:
    return [o.tag for o in context[: len(base)]] == [o.tag for o in base]


def _units(html: str, budget: int, count: Callable[[str], int]) -> Iterator[_Unit]:
    """The blocks of the page with what is open around each; blocks over the budget in pieces."""
    stack: list[_Open] = []
    for text in _BLOCK_START.split(html):
        if not text.strip():
            continue
        unit = _Unit(text.rstrip("\n"), tuple(stack), _continues(stack))
        _advance(stack, text)
        if stack and stack[-1].header and stack[-1].number == 2 and count(stack[-1].header) * 2 > budget:
            stack[-1] = replace(stack[-1], header="")
        if count(unit.html) <= budget:
            yield unit
        else:
            yield from _split(unit, budget, count)


def _split(unit: _Unit, budget: int, count: Callable[[str], int]) -> Iterator[_Unit]:
    """The pieces of a unit over the budget."""
    inner = list(unit.context)
    if unit.html.startswith("<tr>"):
        pieces, join = row_pieces(unit.html, budget, count), Join.ROW
        # The pieces of a header row are rows like others, each without the header.
        inner[-1] = replace(inner[-1], number=max(2, inner[-1].number))
    elif unit.html.startswith("<pre>"):
        pieces, join = code_pieces(unit.html, budget, count), Join.CODE
    else:
        pieces, join = text_pieces(unit.html, budget, count), Join.WORD
        _advance(inner, unit.html[: unit.html.index(">") + 1])
    for index, piece in enumerate(pieces):
        yield replace(unit, html=piece.html) if index == 0 else _Unit(piece.html, tuple(inner), join, piece.glue)


def _continues(stack: list[_Open]) -> Join:
    if stack and stack[-1].tag in ("ul", "ol") and stack[-1].number > 1:
        return Join.ITEM
    return Join.ROW if stack and stack[-1].tag == "table" and stack[-1].number > 1 else Join.BLOCK


def _advance(stack: list[_Open], text: str) -> None:
    for match in _BLOCK_TAG.finditer(text):
        closing, tag, attributes = match.groups()
        if closing:
            while stack and stack.pop().tag != tag:
                pass
            continue
        if tag in ("li", "tr") and stack:
            header = stack[-1].header
            if tag == "tr" and stack[-1].number == 1 and (row := _HEADER_ROW.match(text, match.start())):
                header = row[0]
            stack[-1] = replace(stack[-1], number=stack[-1].number + 1, header=header)
        start = re.search(r'start="(\d+)"', attributes or "")
        stack.append(_Open(tag, int(start[1]) if start else 1))


def _window(group: list[_Unit]) -> Window:
    first = group[0]
    reopened, prefix, header = "", "", ""
    for index, block in enumerate(first.context):
        innermost = index == len(first.context) - 1
        if block.tag in _REOPENED:
            reopened += f"<{block.tag}>\n"
        elif block.tag == "blockquote":
            prefix += "> "
        elif block.tag == "li":
            parent = first.context[index - 1] if index else block
            prefix += " " * (len(f"{parent.number - 1}. ") if parent.tag == "ol" else 2)
        elif innermost and block.tag == "ol" and block.number != 1:
            reopened += f'<ol start="{block.number}">\n'
        elif innermost and block.tag in ("ul", "ol"):
            reopened += f"<{block.tag}>\n"
        elif innermost and block.tag == "table":
            header = block.header if block.number > 1 else ""
            reopened += "<table>\n" + (header + "\n" if header else "")
    html = _balanced(reopened + "\n".join(unit.html for unit in group))
    return Window(html=html, join=first.join, prefix=prefix, repeats_header=bool(header), glue=first.glue)


def _balanced(html: str) -> str:
    """`html` without end tags that close nothing, and with the end tags that are missing."""
    stack: list[str] = []

    def keep(match: re.Match[str]) -> str:
        closing, tag, _ = match.groups()
        if not closing:
            stack.append(tag)
        elif tag in stack:
            while stack.pop() != tag:
                pass
        else:
            return ""
        return match[0]

    html = _BLOCK_TAG.sub(keep, html)
    return html + "".join("</code></pre>" if tag == "pre" else f"</{tag}>" for tag in reversed(stack))
