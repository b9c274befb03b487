"""Documents with sections, to windows of blocks, to (prompt, response) examples for the chunkers. Knows no network.

A response lists heads; besides the true ones it may list false ones, as scoring does on the device. What the model is
taught after any listed head is the next *true* one: the listed text is followed only as far as both agree.
"""

import gzip
import json
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgedoc.recipes import Mode, Recipe
from edgedoc.tokens import Prompt, Tokenizer

HEAD = 50
"""Characters of a head, as the prompts say."""
SUMMARY = 160
"""Characters of a summary at most."""
COPY, DECIDE = 0.2, 1.0
"""Loss weights: where a head begins or the answer ends is the task, the rest of a head is copying."""
HELD_OUT = 25
"""Every 25th document is never trained on."""
RATES = (0.0, 0.0, 0.0, 0.1, 0.3, 0.6, 1.0, 1.0, 1.0, 1.0)
"""Shares of the false heads that a response lists: none when generating, all when weighing."""
LISTING, SUMMARY_LISTING = 34, 120
"""Tokens that a listed chunk takes, about."""
DROPPED = 0.2
FIRST = 3
"""Tokens of a head that tell it from others, the space before it among them."""


Targets = list[tuple[int, int, float]]


@dataclass(frozen=True)
class Block:
    """A paragraph, list, code block or heading; `title` is that of the section it opens, None where it opens none."""

    text: str
    title: str | None


@dataclass(frozen=True)
class Example:
    """ids (n,); `rows` of them (m,) predict `targets` (m,), each with its weight in the loss."""

    ids: NDArray[np.uint16]
    rows: NDArray[np.int64]
    targets: NDArray[np.int64]
    weights: NDArray[np.float32]


def documents(path: Path) -> list[dict[str, object]]:
    """Rows of a JSON-lines file with `sections`: a list of {title, level, text}."""
    with gzip.open(path, "rt") as lines:
        return [json.loads(line) for line in lines]


def blocks(document: dict[str, object], *, headings: bool) -> list[Block]:
    """Blocks of a document, sections down to its main level marked; `headings` keeps the heading lines."""
    sections = document["sections"]
    assert isinstance(sections, list)
    counts: dict[int, int] = {}
    for section in sections:
        counts[section["level"]] = counts.get(section["level"], 0) + 1
    main = next((level for level in sorted(counts) if counts[level] >= 3), max(counts))
    found: list[Block] = []
    for section in sections:
        opens: str | None = section["title"] if section["level"] <= main else None
        if headings and section["title"]:
            found.append(Block(f"{'#' * section['level']} {section['title']}", opens))
            opens = None
        for part in split(section["text"]):
            found.append(Block(part, opens))
            opens = None
    return found


def patchwork(rng: random.Random, group: list[list[Block]]) -> list[Block]:
    """Sections of different documents of one source, one after the other, as Choi (2000) makes texts to be segmented.

    No two are alike, so nothing can be learnt by heart: only that the words change where the subject does.
    """
    made: list[Block] = []
    for _ in range(24):
        parts = rng.choice(group)
        first = rng.randrange(len(parts))
        length = rng.randint(1, 7)
        piece = [Block(part.text, None) for part in parts[first : first + length]]
        title = parts[first].title or one_line(piece[0].text, 30)
        made += [Block(piece[0].text, title), *piece[1:]]
    return made


def split(text: str) -> list[str]:
    """At blank lines outside fenced code."""
    parts: list[list[str]] = [[]]
    fence = ""
    for line in text.split("\n"):
        mark = line.lstrip()[:3]
        if fence:
            fence = "" if mark == fence else fence
        elif mark in ("```", "~~~"):
            fence = mark
        if not line.strip() and not fence:
            parts.append([])
        else:
            parts[-1].append(line.rstrip())
    return ["\n".join(part) for part in parts if part]


def thinned(rng: random.Random, parts: list[Block], share: float) -> list[Block]:
    """Without a random `share` of the blocks; a title goes over to the next block of its section."""
    kept: list[Block] = []
    title: str | None = None
    for block in parts:
        title = block.title if block.title is not None else title
        if rng.random() >= share:
            kept.append(Block(block.text, title))
            title = None
    return kept


def one_line(text: str, limit: int) -> str:
    """White space collapsed, cut after `limit` characters."""
    return " ".join(text.split())[:limit].rstrip()


def lead(chunk: list[Block], limit: int) -> str:
    """First sentence of the first prose in a chunk, its heading if it has nothing else."""
    prose = next((b.text for b in chunk if b.text[0] not in "#`~|>-*+<" and len(b.text) > 40), chunk[-1].text)
    text = " ".join(prose.split())
    for end in range(30, len(text)):
        if text[end - 1] in ".!?。！？" and text[end] == " ":
            text = text[:end]
            break
    return text if len(text) <= limit else text[:limit].rsplit(" ", 1)[0]


def topic(chunk: list[Block]) -> str:
    """The section's title where the text says it, else the first words of its first sentence."""
    title = next((block.title for block in chunk if block.title), "")
    body = " ".join(block.text for block in chunk).lower()
    if title and " ".join(title.lower().split()) in " ".join(body.split()):
        return one_line(title, HEAD)
    return " ".join(lead(chunk, SUMMARY).split()[:5]).rstrip(".,;:")


class Examples:
    """Draws examples of one mode from documents."""

    def __init__(self, recipe: Recipe, tokenizer: Tokenizer) -> None:
        self.mode = recipe.mode
        self.tokenizer = tokenizer
        self.prompt = Prompt(recipe, tokenizer)
        self.end = max(self.prompt.stop_ids)

    def draw(self, rng: random.Random, parts: list[Block], length: int) -> Example | None:
        """A window of `parts` with its answer in at most `length` tokens; None where there is nothing to cut.

        Of two windows one lacks some blocks at random: the same text is never twice the same document.
        """
        if rng.random() < 0.5:
            parts = thinned(rng, parts, DROPPED)
        openings = [i for i, block in enumerate(parts) if block.title is not None]
        if len(parts) < 3:
            return None
        first = rng.choice(openings) if openings and rng.random() < 0.7 else rng.randrange(len(parts) - 1)
        return self.example(rng, parts[first:], length, rate=rng.choice(RATES))

    def example(self, rng: random.Random, parts: list[Block], length: int, *, rate: float) -> Example | None:
        """As many of `parts` as fit with an answer that lists the true heads and `rate` of the false ones."""
        room = length - self.prompt.overhead - 40
        listing = LISTING if self.mode is not Mode.SUMMARY else SUMMARY_LISTING
        taken: list[Block] = []
        for block in parts:
            room -= self.tokenizer.count(block.text) + 2 + int(listing * (1.0 if block.title is not None else rate))
            if room < 0:
                break
            taken.append(block)
        if len(taken) < 2:
            return None
        true = [i for i, block in enumerate(taken) if i and block.title is not None]
        prompt = self.prompt.render("\n\n".join(block.text for block in taken))
        listed = [0, *(i for i in range(1, len(taken)) if i in true or rng.random() < rate)]
        ids = list(prompt)
        rows, targets, weights = zip(*self.taught(ids, taken, true, listed), strict=True)
        if len(ids) > length:
            return None
        return Example(
            np.array(ids, np.uint16),
            np.array(rows, np.int64),
            np.array(targets, np.int64),
            np.array(weights, np.float32),
        )

    def taught(self, ids: list[int], taken: list[Block], true: list[int], listed: list[int]) -> Targets:
        """Append the answer to the prompt `ids`: (row, target, weight) of every token that is taught."""
        found: Targets = []
        for tokens, truth, weight in self.answer(taken, true, listed):
            for offset, wanted in enumerate(truth):
                differs = offset >= len(tokens) or tokens[offset] != wanted
                share = DECIDE if differs else weight if offset < FIRST else COPY
                found.append((len(ids) + offset - 1, wanted, share))
                if differs:
                    break
            ids.extend(tokens)
        return found

    def answer(
        self, taken: list[Block], true: list[int], listed: list[int]
    ) -> list[tuple[list[int], list[int], float]]:
        """Pieces of the answer: tokens as listed, tokens as they should be ([] where nothing can be said), weight."""
        encode = self.tokenizer.encode_text
        pieces: list[tuple[list[int], list[int], float]] = []
        if self.mode is Mode.TOPIC:
            lines = [f"TOPIC {n}:| {topic(chunk)}\n" for n, chunk in enumerate(_chunks(taken, [0, *true]))]
            for text in ["### TOPICS:\n", *(part for line in lines for part in line.split("|", 1)), "### CHUNKS:\n"]:
                pieces.append((encode(text), encode(text), COPY))
        for number, start in enumerate(listed):
            wanted = 0 if number == 0 else next((i for i in true if i > listed[number - 1]), None)
            if self.mode is Mode.SUMMARY:
                line = encode(f"CHUNK {number}\n")
                said = self._said(taken, [*listed, len(taken)], start)
                meant = [] if wanted is None else self._said(taken, [0, *true, len(taken)], wanted)
            else:
                line, said = encode(f"CHUNK {number}:"), self._head(taken, start)
                meant = [] if wanted is None else self._head(taken, wanted)
            decides = DECIDE if number else COPY
            pieces.append((line, line if wanted is not None else [self.end], decides))
            pieces.append((said, said if wanted == start else meant, decides))
        more = any(i > listed[-1] for i in true)
        pieces.append(([self.end], [] if more else [self.end], DECIDE))
        return pieces

    def _head(self, taken: list[Block], start: int) -> list[int]:
        text = " ".join(block.text for block in taken[start : start + HEAD])
        return self.tokenizer.encode_text(f" {one_line(text, HEAD)}\n")

    def _said(self, taken: list[Block], starts: list[int], start: int) -> list[int]:
        end = next(i for i in starts if i > start)
        summary = self.tokenizer.encode_text(f"SUMMARY: {lead(taken[start:end], SUMMARY)}\n")
        return [*summary, *self.tokenizer.encode_text("HEAD:"), *self._head(taken, start)]


def _chunks(taken: list[Block], starts: list[int]) -> list[list[Block]]:
    return [taken[a:b] for a, b in zip(starts, [*starts[1:], len(taken)], strict=True)]
