"""Writes well-formed, canonical HTML from possibly nested, unclosed, misplaced pieces. Knows structure, not what to cut.

Canonical means: a block starts on its own line, loose text has its paragraph, inline tags are balanced inside one block,
empty blocks are gone, blocks nest at most MAX_DEPTH deep. Inline tags open lazily, at most one of each kind at a time, so
unclosed formatting cannot multiply. Every operation is amortised O(1).
"""

from dataclasses import dataclass
from html import escape

MAX_DEPTH = 32
"""Nesting of written blocks; real pages stay below 15. Deeper ones are dissolved and their text is kept."""

HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
REGIONS = frozenset({"nav", "header", "footer", "aside"})
CELLS = frozenset({"td", "th"})
BLOCKS = HEADINGS | REGIONS | CELLS | {"p", "ul", "ol", "li", "blockquote", "pre", "table", "tr"}

_SCAN = 64  # how far up an implied end tag looks: keeps hostile nesting linear
_HOLDS_TEXT_ONLY = HEADINGS | CELLS | {"p", "pre"}
_IMPLIED = {
    "li": (frozenset({"li"}), frozenset({"ul", "ol"})),
    "tr": (frozenset({"tr"}), frozenset({"table"})),
    "td": (CELLS, frozenset({"tr", "table"})),
    "th": (CELLS, frozenset({"tr", "table"})),
}
_ENDS_LAYOUT_TABLE = HEADINGS | REGIONS | {"table", "pre"}


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
        self._blocks: list[_Block] = []
        self._containers = [_Block("", "", 0, 0)]
        self._open: dict[str, int] = {}
        self._tables: list[list[int]] = []
        self._inlines: dict[str, tuple[str, int]] = {}
        self._opened: list[tuple[str, int]] = []
        self._written = 0
        self._space = False
        self._at_start = True

    def inside(self, name: str) -> bool:
        """Whether an element of that source name is open."""
        return self._open.get(name, 0) > 0

    @property
    def in_text_block(self) -> bool:
        """Whether text written now would join a paragraph, heading or cell that is already open."""
        return self._containers[-1].tag in _HOLDS_TEXT_ONLY

    # -- blocks ------------------------------------------------------------------------------------------------------

    def open_block(self, name: str, tag: str | None, *, start: int = 1, language: str | None = None) -> None:
        """Open source element `name`, written as `tag` where that is allowed here, otherwise as a mere separation."""
        if tag == "pre" and self._containers[-1].tag == "pre":
            tag = None
        if tag in _IMPLIED:
            self._end_implied(*_IMPLIED[tag])
        if self._containers[-1].tag in HEADINGS and tag in HEADINGS:
            self.close_block(self._containers[-1].name)
        if self._containers[-1].tag == "p":
            self._close_through(self._containers[-1], keep_formatting=True)
        if tag in _ENDS_LAYOUT_TABLE and self._containers[-1].tag in CELLS:
            self._dissolve_table()
        self._separate()
        if tag is not None and not self._allowed(tag):
            tag = None
        if tag is not None and len(self._containers) > MAX_DEPTH:
            tag, self.too_deep = None, True
        block = _Block(name, tag, len(self._out), self._written, language=language)
        if tag == "pre":
            known = language or next((b.language for b in reversed(self._blocks[-_SCAN:]) if b.language), None)
            self._out.append("\n<pre><code" + (f' class="language-{escape(known)}">' if known else ">"))
        elif tag is not None:
            self._tag(f'<{tag} start="{start}">' if tag == "ol" and start != 1 else f"<{tag}>", tag)
        self._push(block)

    def close_block(self, name: str) -> None:
        """Close the innermost open element of that name and everything inside it; nothing where there is none."""
        if self._open.get(name, 0):
            while self._blocks[-1].name != name:
                self._close()
            self._close()

    def rule(self) -> None:
        """A thematic break."""
        self._separate()
        if not self.in_text_block and self._containers[-1].tag not in ("ul", "ol", "table", "tr"):
            self._out.append("\n<hr>")

    # -- inline ------------------------------------------------------------------------------------------------------

    def text(self, text: str) -> None:
        """Character data, entities decoded. White space folds, except inside <pre>."""
        if self.inside("pre"):
            self._put(escape(text.replace("\r\n", "\n").replace("\r", "\n"), quote=False), len(text.strip()))
            return
        words = text.split()
        if not words:
            self._space = self._space or bool(text)
            return
        self._space = self._space or text[0].isspace()
        self._prepare()
        self._put(escape(" ".join(words), quote=False), 1)
        self._space = text[-1].isspace()

    def image(self, source: str, alt: str) -> None:
        """An image; `alt` may be empty."""
        if not self.inside("pre"):
            self._prepare()
            self._put(f'<img src="{escape(source)}" alt="{escape(alt)}">', 1)

    def checkbox(self, checked: bool) -> None:
        """A task-list mark."""
        self._prepare()
        self._put('<input type="checkbox" checked>' if checked else '<input type="checkbox">', 0)

    def line_break(self) -> None:
        """A hard line break; a space in a heading or cell, where Markdown has none; dropped at the start of a block."""
        if self.inside("pre"):
            self._out.append("\n")
        elif self._containers[-1].tag in HEADINGS | CELLS:
            self._space = True
        elif not self._at_start:
            self._out.append("<br>")
            self._space, self._at_start = False, True

    def open_inline(self, tag: str, attributes: str = "") -> None:
        """Start formatting; it is written with the next text. A second one of a kind replaces the first."""
        if not self.inside("pre"):
            self.close_inline(tag)
            self._inlines[tag] = (attributes, len(self._blocks))

    def close_inline(self, tag: str) -> None:
        """End formatting; nothing where it is not open."""
        if tag in (opened for opened, _ in self._opened):
            while self._close_innermost() != tag:
                pass
        self._inlines.pop(tag, None)

    def drop_inline(self, tag: str, texts: frozenset[str]) -> None:
        """As `close_inline`, but a link whose whole text is one of `texts` is taken back."""
        if self._opened and self._opened[-1][0] == tag:
            _, index = self._opened[-1]
            if "".join(self._out[index + 1 :]).strip().lower() in texts:
                self._opened.pop()
                if index and self._out[index - 1] == " ":
                    index, self._space = index - 1, True
                del self._out[index:]
        self.close_inline(tag)

    def finish(self) -> str:
        """Close what is open and return the canonical HTML."""
        while self._blocks:
            self._close()
        self._close_inlines()
        return "".join(self._out).strip("\n")

    # -- inside ------------------------------------------------------------------------------------------------------

    def _allowed(self, tag: str) -> bool:
        container = self._containers[-1].tag
        if tag in CELLS:
            return container == "tr"
        if tag == "tr":
            return container == "table"
        if tag == "li":
            return container in ("ul", "ol")
        return container not in _HOLDS_TEXT_ONLY and container not in ("table", "tr")

    def _push(self, block: _Block) -> None:
        self._blocks.append(block)
        self._open[block.name] = self._open.get(block.name, 0) + 1
        if block.tag is not None:
            self._containers.append(block)
            if block.tag == "table":
                self._tables.append([block.opened_at])
        self._at_start = block.tag is not None or self._at_start

    def _close(self, keep_formatting: bool = False) -> None:
        self._separate()
        block = self._blocks.pop()
        self._open[block.name] -= 1
        for tag, (attributes, depth) in list(self._inlines.items()):
            if depth > len(self._blocks) and keep_formatting:
                self._inlines[tag] = (attributes, len(self._blocks))
            elif depth > len(self._blocks):
                del self._inlines[tag]
        if block.tag is None:
            return
        self._containers.pop()
        if self._written == block.written and block.tag not in CELLS:
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
        if self.inside("pre"):
            if self._out and not self._out[-1].endswith(("\n", ">")):
                self._out.append("\n")
            return
        self._close_inlines()
        container = self._containers[-1]
        if container.tag in _HOLDS_TEXT_ONLY:
            self._space = True
        else:
            self._space, self._at_start = False, True
            container.broken = container.broken or self._written > container.written

    def _prepare(self) -> None:
        """Make the current place one that can hold text, and open the formatting that is due."""
        container = self._containers[-1].tag
        if container in ("ul", "ol"):
            self._implicit("li")
        elif container in ("table", "tr"):
            if container == "table":
                self._implicit("tr")
            self._implicit("td")
        elif container not in _HOLDS_TEXT_ONLY and (container != "li" or self._containers[-1].broken):
            self._implicit("p")
        for tag, (attributes, _) in self._inlines.items():
            if tag not in (opened for opened, _ in self._opened):
                self._put_space()
                self._opened.append((tag, len(self._out)))
                self._out.append(f"<{tag}{attributes}>")

    def _implicit(self, tag: str) -> None:
        block = _Block(tag, tag, len(self._out), self._written)
        self._tag(f"<{tag}>", tag)
        self._push(block)
        for name, (attributes, depth) in self._inlines.items():
            self._inlines[name] = (attributes, min(depth, len(self._blocks) - 1))

    def _tag(self, written: str, tag: str) -> None:
        if tag in CELLS or tag in ("tr", "table"):
            if self._tables and not (tag == "table" and not written.startswith("</")):
                self._tables[-1].append(len(self._out))
        self._out.append(written if tag in CELLS or written.startswith("</") else "\n" + written)

    def _dissolve_table(self) -> None:
        """A heading, region or table in a cell: the table is page layout, so its cells become paragraphs."""
        for index in self._tables.pop():
            tag = self._out[index].strip()
            self._out[index] = {"<td>": "\n<p>", "<th>": "\n<p>", "</td>": "</p>", "</th>": "</p>"}.get(tag, "")
        self._close_inlines()
        while (block := self._containers.pop()).tag != "table":
            if block.tag in CELLS:
                if self._written > block.written:
                    self._out.append("</p>")
                else:
                    del self._out[block.opened_at :]
            block.tag = None
        block.tag = None

    def _put(self, piece: str, characters: int) -> None:
        self._put_space()
        self._out.append(piece)
        self._written += characters
        self._at_start = False

    def _put_space(self) -> None:
        if self._space and not self._at_start:
            self._out.append(" ")
        self._space = False

    def _close_inlines(self) -> None:
        while self._opened:
            self._close_innermost()

    def _close_innermost(self) -> str:
        tag, _ = self._opened.pop()
        self._out.append(f"</{tag}>")
        return tag
