"""Batches of windows for train_marks.py. Every batch follows from its number alone. Knows no network."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from content import Content
from sections import HELD_OUT, Block, Examples, blocks, documents
from teacher import likelihoods
from torch import Tensor
from torch.utils.data import Dataset
from windows import UNKNOWN, Window, Windows

from edgedoc.recipes import Recipe
from edgedoc.tokens import Tokenizer

BARE, HEADED = 6, 4
"""Windows in a batch without headings, and in one with headings and answers."""
ANSWERED = 0.2
"""Share of the batches that are answered."""
PROSE, PROSE_SHARE = "osbooks", 0.5
"""Textbooks. The rest is documentation."""
PAD = 0
MOST = 60
"""A source with more documents counts as if it had so many."""


@dataclass(frozen=True)
class Batch:
    """ids (batch, length); of the n judged block ends: flat `ends`, `opens`, `novel` (n, 3), `judged` 1 or 0 (padding).

    `seen` (batch, length, 3), UNKNOWN where nobody asks; `rows`, `targets`, `weights` (m,) of the answers.
    """

    ids: Tensor
    ends: Tensor
    opens: Tensor
    novel: Tensor
    judged: Tensor
    seen: Tensor
    rows: Tensor
    targets: Tensor
    weights: Tensor
    answered: bool


class Batches(Dataset[Batch]):
    """Windows of the documents that are not held out."""

    def __init__(self, recipe: Recipe, tokenizer: Tokenizer, data: Path, seed: int) -> None:
        self._seed, self._longest = seed, recipe.context
        rows = [row for number, row in enumerate(documents(data)) if number % HELD_OUT]
        bare = [blocks(row, headings=False) for row in rows]
        kept = [(row, found) for row, found in zip(rows, bare, strict=True) if len(found) > 3]
        sources = [str(row["source"]).split("@")[0] for row, _ in kept]
        content = Content(tokenizer, (block.text for _, found in kept for block in found))
        self._windows = Windows(Examples(recipe, tokenizer), content, recipe.window)
        likely = likelihoods([found for _, found in kept], sources, content, seed)
        self._groups: dict[str, list[tuple[list[Block], Sequence[float], list[Block]]]] = {}
        for (row, found), source, row_likely in zip(kept, sources, likely, strict=True):
            self._groups.setdefault(source, []).append((found, row_likely.tolist(), blocks(row, headings=True)))

    def __len__(self) -> int:
        return 1 << 30

    def __getitem__(self, step: int) -> Batch:
        rng = random.Random(self._seed * 1_000_003 + step)
        answered = rng.random() < ANSWERED
        found: list[Window] = []
        while len(found) < (HEADED if answered else BARE):
            bare, likely, headed = rng.choice(self._group(rng))
            window = self._windows.headed(rng, headed, self._longest) if answered else self._bare(rng, bare, likely)
            if window is not None and window.ends:
                found.append(window)
        return collate(found, answered)

    def _group(self, rng: random.Random) -> list[tuple[list[Block], Sequence[float], list[Block]]]:
        prose = rng.random() < PROSE_SHARE
        groups = [group for source, group in self._groups.items() if (PROSE in source) is prose]
        (chosen,) = rng.choices(groups, [min(MOST, len(group)) for group in groups])
        return chosen

    def _bare(self, rng: random.Random, document: list[Block], likely: Sequence[float]) -> Window | None:
        walked = list(self._windows.walk(document))
        if not walked:
            return None
        # A document begins once, and most of its sections are near its beginning.
        start, end, judged = rng.choice(walked) if rng.random() < 0.7 else walked[0]
        window = self._windows.bare(document, likely, start, end, judged)
        return window if len(window.ids) <= self._longest else None


def collate(windows: Sequence[Window], answered: bool) -> Batch:
    """Padded on the right; ends to full 128s, rows to full 512s."""
    length = -(-max(len(window.ids) for window in windows) // 128) * 128
    ids = torch.full((len(windows), length), PAD)
    seen = torch.full((len(windows), length, 3), UNKNOWN)
    for index, window in enumerate(windows):
        ids[index, : len(window.ids)] = torch.tensor(window.ids)
        if window.seen:
            seen[index, : len(window.seen)] = torch.tensor(window.seen)
    ends = [end + index * length for index, window in enumerate(windows) for end in window.ends]
    taught = [(row + index * length, *rest) for index, window in enumerate(windows) for row, *rest in window.answer]
    rows, targets, weights = zip(*taught, strict=True) if taught else ((), (), ())
    novel = [figures for window in windows for figures in window.novel] or [(0.0, 0.0, 0.0)] * len(ends)
    opens = [opens for window in windows for opens in window.opens]
    return Batch(
        ids=ids,
        ends=_padded(ends, 128, torch.long),
        opens=_padded(opens, 128, torch.float),
        novel=torch.nn.functional.pad(torch.tensor(novel), (0, 0, 0, -len(ends) % 128)),
        judged=_padded([1.0] * len(ends), 128, torch.float),
        seen=seen,
        rows=_padded(rows, 512, torch.long),
        targets=_padded(targets, 512, torch.long),
        weights=_padded(weights, 512, torch.float),
        answered=answered,
    )


def _padded(values: Sequence[float], unit: int, kind: torch.dtype) -> Tensor:
    return torch.tensor([*values, *[0] * (-len(values) % unit or (0 if values else unit))], dtype=kind)
