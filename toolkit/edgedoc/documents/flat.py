"""Text on one line, white space collapsed, and where each of its characters came from. Knows no Markdown."""

import re
from bisect import bisect_right

WORD = re.compile(r"\S+")


class Flat:
    """The part [start, end) of a document, flattened."""

    def __init__(self, document: str, start: int, end: int) -> None:
        self._starts: list[int] = []
        """Where each word starts in the document, and in `text`."""
        self._flat_starts: list[int] = []
        words, length = [], 0
        for match in WORD.finditer(document, start, end):
            self._starts.append(match.start())
            self._flat_starts.append(length)
            words.append(match.group())
            length += len(words[-1]) + 1
        self.text = " ".join(words)

    def at(self, position: int) -> int:
        """Offset in `text` of the first character that comes from `position` in the document or from after it."""
        word = bisect_right(self._starts, position) - 1
        if word < 0:
            return 0
        inside = position - self._starts[word]
        return self._flat_starts[word] + inside if inside < self._length(word) else self._start_of(word + 1)

    def origin(self, offset: int) -> int:
        """Position in the document of the character at `offset` in `text`; of the next word's start for a space."""
        word = bisect_right(self._flat_starts, offset) - 1
        inside = offset - self._flat_starts[word]
        return self._starts[word] + inside if inside < self._length(word) else self._starts[word + 1]

    def head(self, position: int, length: int) -> str:
        """What the text says from `position` on: at most `length` characters, no space at the end."""
        first = self.at(position)
        return self.text[first : first + length].rstrip()

    def _start_of(self, word: int) -> int:
        return self._flat_starts[word] if word < len(self._flat_starts) else len(self.text)

    def _length(self, word: int) -> int:
        more = word + 1 < len(self._flat_starts)
        return (self._flat_starts[word + 1] - 1 if more else len(self.text)) - self._flat_starts[word]
