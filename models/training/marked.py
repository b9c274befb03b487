"""Batches of windows for train_marks.py. Every batch follows from its number alone. Knows no network."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sections import HELD_OUT, Block, Examples, blocks, documents
from teacher import likelihoods
from torch import Tensor
from torch.utils.data import Dataset
from windows import Window, Windows

from edgedoc.recipes import Recipe
from edgedoc.tokens import Tokenizer

BARE, STARTS, HEADED = 6, 8, 4
"""Windows in a batch without headings, in one of documents' starts, and in one with headings and answers."""
SHORT = 1000
"""Tokens of document in a start."""
BEGUN = 0.5
"""Share of the starts that are a document's own; for the others a document is begun at some block."""
STARTING, ANSWERED = 0.3, 0.35
"""Shares of the batches. A document starts once, and the place after its first block is like no other."""
PROSE, PROSE_SHARE = "osbooks", 0.5
"""Textbooks. The rest is documentation."""
PAD = 0
MOST = 60
"""A source with more documents counts as if it had so many."""
Likely = NDArray[np.float64]
Texts = list[tuple[list[Block], Likely, list[Block]]]


@dataclass(frozen=True)
class Batch:
    """ids (batch, length); of the n judged block ends: flat `ends`, `opens`, `judged` 1 or 0 (padding), each (n,).

    `rows`, `targets`, `weights` (m,) of the answers; of a batch without, all padding.
    """

    ids: Tensor
    ends: Tensor
    opens: Tensor
    judged: Tensor
    rows: Tensor
    targets: Tensor
    weights: Tensor
    answered: bool


class Batches(Dataset[Batch]):
    """Windows of the documents that are not held out."""

    def __init__(self, recipe: Recipe, tokenizer: Tokenizer, data: Path, seed: int) -> None:
        self._seed, self._longest = seed, recipe.context
        examples = Examples(recipe, tokenizer)
        self._windows, self._starts = Windows(examples, recipe.window), Windows(examples, SHORT)
        rows = [row for number, row in enumerate(documents(data)) if number % HELD_OUT]
        bare = [blocks(row, headings=False) for row in rows]
        kept = [(row, found) for row, found in zip(rows, bare, strict=True) if len(found) > 3]
        sources = [str(row["source"]).split("@")[0] for row, _ in kept]
        likely = likelihoods([found for _, found in kept], sources, seed)
        self._groups: dict[str, Texts] = {}
        for (row, found), source, chances in zip(kept, sources, likely, strict=True):
            self._groups.setdefault(source, []).append((found, chances, blocks(row, headings=True)))

    def __len__(self) -> int:
        return 1 << 30

    def __getitem__(self, step: int) -> Batch:
        rng = random.Random(self._seed * 1_000_003 + step)
        kind = rng.random()
        answered, starts = kind < ANSWERED, kind > 1 - STARTING
        found: list[Window] = []
        while len(found) < (HEADED if answered else STARTS if starts else BARE):
            bare, likely, headed = rng.choice(self._group(rng))
            if answered:
                window = self._windows.headed(rng, headed)
            else:
                window = self._start(rng, bare, likely) if starts else self._any(rng, bare, likely)
            if window is not None and window.ends and len(window.ids) <= self._longest:
                found.append(window)
        return collate(found, answered)

    def _any(self, rng: random.Random, document: list[Block], likely: Likely) -> Window | None:
        return rng.choice([*self._windows.bare(document, likely[:, 0])] or [None])

    def _start(self, rng: random.Random, document: list[Block], likely: Likely) -> Window | None:
        """The trees can say of any block what they would say if the text began before it."""
        first = 0 if rng.random() < BEGUN else rng.randrange(len(document) - 1)
        return next(self._starts.bare(document[first:], [likely[first, 1], *likely[first + 1 :, 0]]), None)

    def _group(self, rng: random.Random) -> Texts:
        prose = rng.random() < PROSE_SHARE
        groups = [group for source, group in self._groups.items() if (PROSE in source) is prose]
        (chosen,) = rng.choices(groups, [min(MOST, len(group)) for group in groups])
        return chosen


def collate(windows: Sequence[Window], answered: bool) -> Batch:
    """Padded on the right; ends to full 128s, rows to full 512s."""
    length = -(-max(len(window.ids) for window in windows) // 128) * 128
    ids = torch.full((len(windows), length), PAD)
    for index, window in enumerate(windows):
        ids[index, : len(window.ids)] = torch.tensor(window.ids)
    ends = [end + index * length for index, window in enumerate(windows) for end in window.ends]
    taught = [(row + index * length, *rest) for index, window in enumerate(windows) for row, *rest in window.answer]
    rows, targets, weights = zip(*taught, strict=True) if taught else ((), (), ())
    return Batch(
        ids=ids,
        ends=_padded(ends, 128, torch.long),
        opens=_padded([opens for window in windows for opens in window.opens], 128, torch.float),
        judged=_padded([1.0] * len(ends), 128, torch.float),
        rows=_padded(rows, 512, torch.long),
        targets=_padded(targets, 512, torch.long),
        weights=_padded(weights, 512, torch.float),
        answered=answered,
    )


def _padded(values: Sequence[float], unit: int, kind: torch.dtype) -> Tensor:
    return torch.tensor([*values, *[0] * (-len(values) % unit or (0 if values else unit))], dtype=kind)
