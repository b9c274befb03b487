"""Writes well-formed, canonical HTML from nested, unclosed, misplaced pieces. Knows structure, not what to cut.

Canonical means: a block starts on its own line, loose text has its paragraph, inline tags are balanced inside one
block, empty blocks are gone, blocks nest at most MAX_DEPTH deep. Every operation is amortised O(1).
"""

from collections.abc import Collection
from dataclasses import dataclass
from html import escape

from edgedoc.documents.content_model import (
    CELLS,
    ENDS_LAYOUT_TABLE,
    HEADINGS,
    HOLDS_TEXT_ONLY,
    IMPLIED_END,
    LISTS,
    allowed,
)
from edgedoc.documents.formatting import Formatting

MAX_DEPTH = 32
"""Nesting of written blocks; real pages stay below 15. Deeper ones are dissolved and their text is kept."""

_SCAN = 64  # how far up an implied end tag looks: keeps hostile nesting linear
_PLAIN_CODE = "\n<pre><code>"
_UNTABLED = {"<td>": "\n<p>", "<th>": "\n<p>", "</td>": "</p>", "</th>": "</p>"}


@dataclass
class _Block:
    name: str  # the source element: what its end tag will say
    tag: str | None  # what was written for it; None where it only separates
    opened_at: int  # index in `out`
    written: int  # characters written before it
    broken: bool = False  # it holds text, and a block boundary came after
    language: str | None = None


class CanonicalWriter:
    """Feed blocks, inlines and text in document order, then `finish()`."""

    def __init__(self) -> None:
        self.too_deep = False
        self._out: list[str] = []
        self._inline = Formatting(self._out)
        self._blocks: list[_Block] = []
        self._containers = [_Block("", "", 0, 0)]
        self._open: dict[str, int] = {}
        self._tables: list[list[int]] = []

    def inside(self, name: str) -> bool:
        """Whether an element of that source name is open."""
        return self._open.get(name, 0) > 0

    @property
    def in_text_block(self) -> bool:
        """Whether text written now would join a paragraph, heading or cell that is already open."""
        return self._containers[-1].tag in HOLDS_TEXT_ONLY

    @property
    def in_heading(self) -> bool:
        """Whether text written now would join a heading."""
        return self._containers[-1].tag in HEADINGS

    @property
    def _in_code(self) -> bool:
        return self._containers[-1].tag == "pre"

    # -- blocks ------------------------------------------------------------------------------------------------------

    def open_block(
        self, name: str, tag: str | None, *, start: int = 1, language: str | None = None, attributes: str = ""
    ) -> None:
        """Open source element `name`, written as `tag` where that is allowed here, otherwise as a mere separation.

        `attributes` is written as it is, and only where `tag` is: " title=..." or nothing. Not for <pre> and tables.
        """
        if tag in IMPLIED_END:
            self._end_implied(*IMPLIED_END[tag])
        if self._containers[-1].tag in HEADINGS and tag in HEADINGS:
            self.close_block(self._containers[-1].name)
        if self._containers[-1].tag == "p":
            self._close_through(self._containers[-1], keep_formatting=True)
        if tag in ENDS_LAYOUT_TABLE and self._containers[-1].tag in CELLS:
            self._dissolve_table()
        self._separate()
        if tag is not None and not allowed(tag, self._containers[-1].tag):
            tag = None
        if tag is not None and len(self._containers) > MAX_DEPTH:
            tag, self.too_deep = None, True
        block = _Block(name, tag, len(self._out), self._inline.written, language=language)
        if tag == "pre":
            known = language or next((b.language for b in reversed(self._blocks[-_SCAN:]) if b.language), None)
            self._out.append(f'\n<pre><code class="language-{escape(known)}">' if known else _PLAIN_CODE)
        elif tag is not None:
            number = f' start="{start}"' if tag == "ol" and start != 1 else ""
            self._tag(f"<{tag}{number}{attributes}>", tag)
        self._push(block)

    def close_block(self, name: str) -> None:
        """Close the innermost open element of that name and everything inside it; nothing where there is none."""
        if self._open.get(name, 0):
            while self._blocks[-1].name != name:
                self._close()
            self._close()

    def code_language(self, language: str | None) -> None:
        """Name the language of the <pre> that is open, where its own tag did not: `<pre><code class="language-x">`."""
        if language and self._in_code and self._out[self._containers[-1].opened_at] == _PLAIN_CODE:
            self._out[self._containers[-1].opened_at] = f'\n<pre><code class="language-{escape(language)}">'

    def rule(self) -> None:
        """A thematic break."""
        self._separate()
        if not self.in_text_block and self._containers[-1].tag not in LISTS | {"table", "tr"}:
            self._out.append("\n<hr>")

    def finish(self) -> str:
        """Close what is open and return the canonical HTML."""
        while self._blocks:
            self._close()
        self._inline.suspend()
        return "".join(self._out).strip("\n")

    # -- inline ------------------------------------------------------------------------------------------------------

    def text(self, text: str) -> None:
        """Character data, entities decoded. White space folds, except inside <pre>."""
        if self._in_code:
            code = escape(text.replace("\r\n", "\n").replace("\r", "\n"), quote=False)
            self._inline.put(code, len(text.strip()))
            return
        words = text.split()
        if not words:
            self._inline.space = self._inline.space or bool(text)
            return
        self._inline.space = self._inline.space or text[0].isspace()
        self._prepare()
        self._inline.put(escape(" ".join(words), quote=False), 1)
        self._inline.space = text[-1].isspace()

    def image(self, source: str, alt: str, attributes: str = "") -> None:
        """An image; `alt` may be empty, `attributes` as in `open_block`."""
        if not self._in_code:
            self._prepare()
            self._inline.put(f'<img src="{escape(source)}" alt="{escape(alt)}"{attributes}>', 1)

    def checkbox(self, checked: bool) -> None:
        """A task-list mark; nothing outside a list item."""
        if not self._in_code and any(block.tag == "li" for block in self._containers):
            self._prepare()
            self._inline.put('<input type="checkbox" checked>' if checked else '<input type="checkbox">', 0)

    def line_break(self) -> None:
        """A hard line break; a space in a heading or cell, where Markdown has none; dropped at the start of a block."""
        if self._in_code:
            self._out.append("\n")
        elif self._containers[-1].tag in HEADINGS | CELLS:
            self._inline.space = True
        elif not self._inline.at_start:
            self._out.append("<br>")
            self._inline.space, self._inline.at_start = False, True

    def open_inline(self, tag: str, attributes: str = "") -> None:
        """Start formatting; it is written with the next text. A second one of a kind replaces the first."""
        if not self._in_code:
            self._inline.start(tag, attributes, len(self._blocks))

    def close_inline(self, tag: str) -> None:
        """End formatting; nothing where it is not open."""
        self._inline.end(tag)

    def drop_inline(self, tag: str, texts: Collection[str]) -> None:
        """As `close_inline`, but a link whose whole text is one of `texts` is taken back."""
        self._inline.take_back(tag, texts)
        self._inline.end(tag)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _push(self, block: _Block) -> None:
        self._blocks.append(block)
        self._open[block.name] = self._open.get(block.name, 0) + 1
        if block.tag is not None:
            self._containers.append(block)
            if block.tag == "table":
                self._tables.append([block.opened_at])
        self._inline.at_start = block.tag is not None or self._inline.at_start

    def _close(self, keep_formatting: bool = False) -> None:
        self._separate()
        block = self._blocks.pop()
        self._open[block.name] -= 1
        self._inline.leave(len(self._blocks), keep_formatting)
        if block.tag is None:
            return
        self._containers.pop()
        if self._inline.written == block.written and block.tag not in CELLS:
            del self._out[block.opened_at :]
            for indices in self._tables:
                while indices and indices[-1] >= block.opened_at:
                    indices.pop()
        elif block.tag == "pre":
            code = "".join(self._out[block.opened_at + 1 :]).strip("\n")
            self._out[block.opened_at + 1 :] = [code, "</code></pre>"]
        else:
            self._tag(f"</{block.tag}>", block.tag)
        if block.tag == "table":
            self._tables.pop()
        self._containers[-1].broken = True

    def _close_through(self, block: _Block, keep_formatting: bool = False) -> None:
        while self._blocks[-1] is not block:
            self._close(keep_formatting)
        self._close(keep_formatting)

    def _end_implied(self, ended: frozenset[str], until: frozenset[str]) -> None:
        for block in reversed(self._blocks[-_SCAN:]):
            if block.tag in until:
                return
            if block.tag in ended:
                self._close_through(block)
                return

    def _separate(self) -> None:
        """A block boundary: what follows does not join the text before it."""
        if self._in_code:
            if self._out and not self._out[-1].endswith(("\n", ">")):
                self._out.append("\n")
            return
        self._inline.suspend()
        container = self._containers[-1]
        if container.tag in HOLDS_TEXT_ONLY:
            self._inline.space = True
        else:
            self._inline.space, self._inline.at_start = False, True
            container.broken = container.broken or self._inline.written > container.written

    def _prepare(self) -> None:
        """Make the current place one that can hold text, and open the formatting that is due."""
        container = self._containers[-1].tag
        if container in LISTS:
            self._implicit("li")
        elif container in ("table", "tr"):
            if container == "table":
                self._implicit("tr")
            self._implicit("td")
        elif container not in HOLDS_TEXT_ONLY and (container != "li" or self._containers[-1].broken):
            self._implicit("p")
        self._inline.write_due()

    def _implicit(self, tag: str) -> None:
        block = _Block(tag, tag, len(self._out), self._inline.written)
        self._tag(f"<{tag}>", tag)
        self._push(block)
        self._inline.survive(len(self._blocks) - 1)

    def _tag(self, written: str, tag: str) -> None:
        in_table = tag in CELLS or tag == "tr" or written == "</table>"
        if in_table and self._tables:
            self._tables[-1].append(len(self._out))
        self._out.append(written if tag in CELLS or written.startswith("</") else "\n" + written)

    def _dissolve_table(self) -> None:
        """A heading, region or table in a cell: the table is page layout, so its cells become paragraphs."""
        for index in self._tables.pop():
            empty = self._out[index] in ("<td>", "<th>") and self._out[index + 1 : index + 2] in (["</td>"], ["</th>"])
            self._out[index] = _UNTABLED.get(self._out[index].strip(), "")
            if empty:
                self._out[index] = self._out[index + 1] = ""
        self._inline.suspend()
        while (block := self._containers.pop()).tag != "table":
            if block.tag in CELLS:
                if self._inline.written > block.written:
                    self._out.append("</p>")
                else:
                    del self._out[block.opened_at :]
            block.tag = None
        block.tag = None
