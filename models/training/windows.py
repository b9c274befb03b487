"""Documents to windows as edgedoc shows them to a model that marks blocks, and what is so in them. Knows no network.

Each window has its prompt; for every block that is judged, the token at its end and how likely the block opens a
section; where headings are kept, the answer too.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from sections import Block, Examples, Targets, thinned

from edgedoc.tasks.marking import GAP, OMITTED

LONGEST = 1200
"""Characters of a block at most; longer ones are listings."""
SIGHT = 3
"""Blocks that tell whether the last of them opens a section; at a document's start there are fewer."""
CONTINUED = 0.4
"""Share of the windows with headings that are shown as a part of a longer document."""


@dataclass
class Window:
    """ids; `ends` of the judged blocks with `opens`, a probability, of each; rows, targets, weights of the `answer`."""

    ids: list[int]
    ends: list[int]
    opens: list[float]
    answer: Targets = field(default_factory=list)


class Windows:
    """Windows of at most `budget` tokens of document."""

    def __init__(self, examples: Examples, budget: int) -> None:
        self._examples, self._budget = examples, budget

    def bare(self, document: Sequence[Block], likely: Sequence[float]) -> Iterator[Window]:
        """All windows of a document without headings; likely[n] belongs to block n + 1."""
        texts = [block.text[:LONGEST] for block in document]
        for start, end, judged in self._walk(texts):
            opens = {number - start: likely[number - 1] for number in range(judged, end)}
            yield self._read(texts[start:end], opens, continued=start > 0)

    def headed(self, rng: random.Random, document: list[Block]) -> Window | None:
        """A window with its headings and marks, most with an answer; None where nothing is to cut."""
        if rng.random() < 0.4:
            document = thinned(rng, document, 0.2)
        if len(document) < 3:
            return None
        openings = [number for number, block in enumerate(document) if block.title is not None]
        first = rng.choice(openings) if openings and rng.random() < 0.7 else rng.randrange(len(document) - 1)
        room, taken = self._budget, []
        for block in document[first:]:
            room -= self._length(block.text[:LONGEST])
            if room < 0:
                break
            taken.append(Block(block.text[:LONGEST], block.title))
        if len(taken) < 2:
            return None
        true = [number for number, block in enumerate(taken) if number and block.title is not None]
        texts, opens = [block.text for block in taken], _opens(taken)
        if first and rng.random() < CONTINUED:
            return self._read(texts, opens, continued=True)
        # An answer follows the last block, where a device that reads marks has another line break.
        opens.pop(len(taken) - 1, None)
        ids = self._examples.prompt.render(GAP.join(texts))
        answer = self._examples.taught(ids, taken, true, [0, *true])
        return Window(ids, self._ends(texts, opens), list(opens.values()), answer)

    def _read(self, texts: Sequence[str], opens: dict[int, float], *, continued: bool) -> Window:
        """A window that is read and asks for no answer; `continued` where the document does not begin with it."""
        seen = [OMITTED, *texts] if continued else texts
        ends = self._ends(seen, [number + continued for number in opens])
        return Window(self._examples.prompt.begin(GAP.join([*seen, ""])), ends, list(opens.values()))

    def _ends(self, texts: Sequence[str], judged: Iterable[int]) -> list[int]:
        """Tokens of the line breaks after the `judged` of `texts`."""
        text, ends = GAP.join([*texts, ""]), [*accumulate(len(one) + len(GAP) for one in texts)]
        return self._examples.prompt.last_tokens(text, [ends[number] for number in judged])

    def _length(self, text: str) -> int:
        # As a device counts, with what parts it from the next.
        return self._examples.tokenizer.count(text + GAP)

    def _walk(self, texts: Sequence[str]) -> Iterator[tuple[int, int, int]]:
        """(first block, end, first block that is judged) of each window; as edgedoc.tasks.chunker walks.

        Judged are more than there: all with what tells in sight.
        """
        lengths = [self._length(text) for text in texts]
        places = [0, *accumulate(len(text) + len(GAP) for text in texts)]
        start = since = 0
        while start < len(texts) - 1:
            end, room = start, self._budget
            while end < len(texts) and (room := room - lengths[end]) >= 0:
                end += 1
            end = max(end, start + 1)
            if end - start > 1:
                yield start, end, max(start + 1, min(since, start + SIGHT - 1) if start else 1)
            if end == len(texts):
                return
            half = (places[start] + places[end]) // 2
            later = (n for n in range(start + 1, end) if places[n] >= half)
            start, since = next(later, max(start + 1, end - 1)), end


def _opens(taken: Sequence[Block]) -> dict[int, float]:
    """Blocks of a window that are judged, and whether they open a section.

    A heading belongs to what follows: all its blocks are one place, judged at the end of the last.
    """
    found: dict[int, float] = {}
    for number, block in enumerate(taken[1:], 1):
        joined = _is_heading(taken[number - 1])
        if joined and number - 1 not in found:
            continue
        before = found.pop(number - 1) if joined else 0.0
        found[number] = max(before, float(block.title is not None))
    return found


def _is_heading(block: Block) -> bool:
    return block.text.startswith("#") and "\n" not in block.text
