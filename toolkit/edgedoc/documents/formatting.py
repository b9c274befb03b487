"""The inline level of canonical HTML: white space, and formatting that is balanced inside one block. Knows no blocks.

Inline tags open lazily, with the text they format, and at most one of each kind at a time, so unclosed formatting
cannot multiply. Output is appended to a list that is shared with the writer of blocks.
"""

from collections.abc import Collection


class Formatting:
    """Open inline elements, and the space due before the next word, at the end of `out`."""

    def __init__(self, out: list[str]) -> None:
        self.space = False
        """White space was read and not written yet."""
        self.at_start = True
        """Nothing was written in this block yet: white space is dropped."""
        self.written = 0
        """What was written and counts as content; where this has not grown, a block is empty."""
        self._out = out
        self._due: dict[str, tuple[str, int]] = {}  # tag: attributes, number of blocks open when it was opened
        self._open: list[tuple[str, int, int]] = []  # tag, index in `out`, `written` before it

    def put(self, piece: str, content: int) -> None:
        """Append a word or element, after the space that is due; it counts as so much content."""
        self._put_space()
        self._out.append(piece)
        self.written += content
        self.at_start = False

    def start(self, tag: str, attributes: str, blocks: int) -> None:
        """Begin formatting inside `blocks` open blocks. A second one of a kind replaces the first."""
        self.end(tag)
        self._due[tag] = (attributes, blocks)

    def end(self, tag: str) -> None:
        """End formatting; nothing where it is not open."""
        if tag in (opened for opened, _, _ in self._open):
            while self._close_innermost() != tag:
                pass
        self._due.pop(tag, None)

    def take_back(self, tag: str, texts: Collection[str]) -> None:
        """Remove element `tag` from the output if it is innermost and its whole text in lower case is in `texts`."""
        if self._open and self._open[-1][0] == tag:
            _, index, written = self._open[-1]
            if "".join(self._out[index + 1 :]).strip().lower() in texts:
                self._open.pop()
                if index and self._out[index - 1] == " ":
                    index, self.space = index - 1, True
                del self._out[index:]
                self.written = written

    def write_due(self) -> None:
        """Write the start tags of what is begun and not written yet."""
        for tag, (attributes, _) in self._due.items():
            if tag not in (opened for opened, _, _ in self._open):
                self._put_space()
                self._open.append((tag, len(self._out), self.written))
                self._out.append(f"<{tag}{attributes}>")

    def suspend(self) -> None:
        """Write the end tags of all that is open; it goes on with the next text."""
        while self._open:
            self._close_innermost()

    def leave(self, blocks: int, keep: bool) -> None:
        """`blocks` blocks are still open: formatting begun in deeper ones ends, or moves up with `keep`."""
        for tag, (attributes, depth) in list(self._due.items()):
            if depth > blocks and keep:
                self._due[tag] = (attributes, blocks)
            elif depth > blocks:
                del self._due[tag]

    def survive(self, blocks: int) -> None:
        """Formatting that is due was begun outside a block that holds `blocks` blocks: it outlives it."""
        self.leave(blocks, keep=True)

    def _put_space(self) -> None:
        if self.space and not self.at_start:
            self._out.append(" ")
        self.space = False

    def _close_innermost(self) -> str:
        tag, _, _ = self._open.pop()
        self._out.append(f"</{tag}>")
        return tag
