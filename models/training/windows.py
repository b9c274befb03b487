"""Documents to windows as edgedoc shows them to a model that marks blocks, and what is so in them. Knows no network.

Each window has its prompt; for every block that is judged, the token at its end and how likely the block opens a
section; where headings are kept, the answer too. Besides, for losses that no one asks for on a device: which tokens
stood before, and how much of a block is new.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from content import NEIGHBOURS, Content, Counts
from sections import Block, Examples, Targets, thinned

NEAR = 700
"""Tokens within which a token counts as seen before: about five blocks."""
UNKNOWN = -1.0
HARD = 0.3
"""Share of the label in what a block's end is taught; the rest is the teacher's likelihood."""
SCALE = 4.0
"""Divides the logarithm of a block's new weight, so that it varies as much as the share and the cosine do."""


@dataclass
class Window:
    """ids; `ends` of the judged blocks with `opens` (probability) and `novel` (share, cosine, log weight) of each.

    `seen` holds for each token whether it, it after the one before, and it in the NEIGHBOURS before its block, stood
    before; UNKNOWN where nobody asks. `answer` are rows, targets and weights of the written answer.
    """

    ids: list[int]
    ends: list[int] = field(default_factory=list)
    opens: list[float] = field(default_factory=list)
    novel: list[tuple[float, float, float]] = field(default_factory=list)
    seen: list[tuple[float, float, float]] = field(default_factory=list)
    answer: Targets = field(default_factory=list)


class Windows:
    """Windows of at most `budget` tokens of document."""

    def __init__(self, examples: Examples, content: Content, budget: int) -> None:
        self._examples, self._content, self._budget = examples, content, budget
        self._gap = examples.tokenizer.encode_text("\n\n")
        rendered, probe = examples.prompt.render("QQ"), examples.tokenizer.encode_text("QQ")
        at = next(n for n in range(len(rendered)) if rendered[n : n + len(probe)] == probe)
        self._before, self._after = rendered[:at], rendered[at + len(probe) :]

    def walk(self, document: Sequence[Block]) -> Iterator[tuple[int, int, int]]:
        """(first block, end, first block that is judged) of each window; as edgedoc.tasks.chunker walks."""
        lengths = [len(self._content.tokens(block.text)) + len(self._gap) for block in document]
        start = since = 0
        while start < len(document) - 1:
            end, room = start, self._budget
            while end < len(document) and (room := room - lengths[end]) >= 0:
                end += 1
            end = max(end, start + 1)
            if end - start > 1:
                yield start, end, max(start + 1, since)
            if end == len(document):
                return
            half, middle = sum(lengths[start:end]) / 2, start
            while middle < end - 1 and (half := half - lengths[middle]) > 0:
                middle += 1
            start, since = max(start + 1, middle), end

    def bare(self, document: Sequence[Block], likely: Sequence[float], start: int, end: int, judged: int) -> Window:
        """Blocks [start, end) without headings, marks from block `judged` on; likely[n] belongs to block n + 1."""
        window = Window(list(self._before), seen=[(UNKNOWN,) * 3] * len(self._before))
        earlier: list[Counts] = []
        last: dict[object, int] = {}
        for number in range(start, end):
            tokens = self._content.tokens(document[number].text)
            self._look_back(window, tokens, earlier, last)
            window.ids += tokens
            if number < end - 1:
                window.ids += self._gap
                window.seen += [(UNKNOWN,) * 3] * len(self._gap)
            counts = self._content.counts(tokens)
            if number >= judged:
                share, weight = self._content.novelty(counts, earlier)
                cosine = self._content.cosine(counts, earlier[-1])
                window.ends.append(len(window.ids) - 1)
                window.opens.append(
                    HARD * (document[number].title is not None) + (1 - HARD) * float(likely[number - 1])
                )
                window.novel.append((share, cosine, math.log1p(weight) / SCALE))
            earlier.append(counts)
        window.ids += self._after
        window.seen += [(UNKNOWN,) * 3] * len(self._after)
        return window

    def headed(self, rng: random.Random, document: list[Block], longest: int) -> Window | None:
        """A window with its headings, marks and answer, in at most `longest` tokens; None where nothing is to cut."""
        if rng.random() < 0.4:
            document = thinned(rng, document, 0.2)
        if len(document) < 3:
            return None
        openings = [number for number, block in enumerate(document) if block.title is not None]
        first = rng.choice(openings) if openings and rng.random() < 0.7 else rng.randrange(len(document) - 1)
        room, taken = self._budget, []
        for block in document[first:]:
            room -= len(self._content.tokens(block.text)) + len(self._gap)
            if room < 0:
                break
            taken.append(block)
        if len(taken) < 2:
            return None
        window = Window(list(self._before))
        opens: float | None = None
        for number, block in enumerate(taken):
            # A heading belongs to what follows, so both are judged where that ends.
            if not (number and _is_heading(taken[number - 1])):
                if opens is not None:
                    window.ends.append(len(window.ids) - 1)
                    window.opens.append(opens)
                opens = float(block.title is not None) if number else None
            window.ids += self._content.tokens(block.text)
            window.ids += self._gap if number < len(taken) - 1 else []
        if opens is not None:
            window.ends.append(len(window.ids) - 1)
            window.opens.append(opens)
        window.ids += self._after
        true = [number for number, block in enumerate(taken) if number and block.title is not None]
        window.answer = self._examples.taught(window.ids, taken, true, [0, *true])
        return window if len(window.ids) <= longest else None

    def _look_back(
        self, window: Window, tokens: Sequence[int], earlier: Sequence[Counts], last: dict[object, int]
    ) -> None:
        neighbours = set().union(*earlier[-NEIGHBOURS:])
        for offset, token in enumerate(tokens):
            # Every other token is a space.
            place, phrase = len(window.ids) + offset, tuple(tokens[max(0, offset - 2) : offset + 1])
            if self._content.means(token):
                near = [float(place - last.get(key, -NEAR) < NEAR) for key in (token, phrase)]
                window.seen.append((*near, float(token in neighbours) if earlier else UNKNOWN))
            else:
                window.seen.append((UNKNOWN,) * 3)
            last[token] = last[phrase] = place


def _is_heading(block: Block) -> bool:
    return block.text.startswith("#") and "\n" not in block.text
