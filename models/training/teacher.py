"""How likely each block opens a section in a text without headings, by gradient boosting on the form of the blocks.

Labels are noisy: of ten places that look alike two are boundaries. A network that is shown labels learns the phrases of
its sources by heart; what trees learn from a few figures a block (how long it is, of what kind, after which others)
holds elsewhere too. Hinton et al., Distilling the Knowledge in a Neural Network (arXiv 1503.02531). Knows no network
and not what words mean. Needs scikit-learn.
"""

import random
import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from sections import Block
from sklearn.ensemble import HistGradientBoostingClassifier
from windows import SIGHT

FOLDS = 4
FIGURES = 6 + SIGHT
MARKS = (("```", "~~~"), ("|",), (">",), ("!", "<", ":::"))
ITEM = re.compile(r"([-*+]|\d+[.)]) ")


def features(texts: Sequence[str]) -> NDArray[np.float32]:
    """One row (FIGURES,) for each block but the first; nothing that comes after a block counts."""
    kinds = [_kind(text) for text in texts]
    rows = [
        (
            len(text),
            len(before),
            text.count(". "),
            text[:1].isupper(),
            text.rstrip().endswith(":"),
            before.rstrip().endswith(":"),
            *(kinds[at - back] if at >= back else -1 for back in range(SIGHT)),
        )
        for at, (before, text) in enumerate(pairwise(texts), 1)
    ]
    return np.array(rows, np.float32).reshape(-1, FIGURES)


def likelihoods(documents: Sequence[Sequence[Block]], sources: Sequence[str], seed: int) -> list[NDArray[np.float64]]:
    """For every document (blocks - 1, 2): how likely each block but the first opens a section, and how likely it would
    if the text began with the block before.

    The mean of two: of trees that saw all, and of trees that saw other sources only.
    """
    rows, labels = lessons(documents)
    found = np.concatenate(rows)
    names = sorted(set(sources))
    random.Random(seed).shuffle(names)
    folds = np.repeat([names.index(source) % FOLDS for source in sources], [len(row) for row in rows])
    likely = np.zeros((len(labels), 2))
    for fold in range(FOLDS):
        inside = folds == fold
        if inside.any():
            likely[inside] = _both(fit(found[~inside], labels[~inside]), found[inside])
    likely = (likely + _both(fit(found, labels), found)) / 2
    return np.split(likely, np.cumsum([len(row) for row in rows])[:-1])


def _both(trees: HistGradientBoostingClassifier, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    second = rows.copy()
    # Of the kinds of the last SIGHT blocks there are two then.
    second[:, FIGURES - SIGHT + 2 :] = -1
    return np.stack([trees.predict_proba(one)[:, 1] for one in (rows, second)], axis=1)


def lessons(documents: Sequence[Sequence[Block]]) -> tuple[list[NDArray[np.float32]], NDArray[np.bool_]]:
    """Every document's `features`, and for all places together whether a section opens there."""
    rows = [features([block.text for block in document]) for document in documents]
    return rows, np.concatenate([[block.title is not None for block in document[1:]] for document in documents])


def fit(rows: NDArray[np.float32], labels: NDArray[np.bool_]) -> HistGradientBoostingClassifier:
    """Trees that say from rows (n, FIGURES) how likely each is labelled (n,)."""
    # It stops early by a random part of the rows: two processes of one training must have the same teacher.
    trees = HistGradientBoostingClassifier(max_iter=150, learning_rate=0.07, l2_regularization=1.0, random_state=0)
    return trees.fit(rows, labels)


def _kind(text: str) -> int:
    """0 prose, 1 to 5 what Markdown marks otherwise."""
    start = text.lstrip()
    if ITEM.match(start):
        return 5
    return next((n for n, marks in enumerate(MARKS, 1) if start.startswith(marks)), 2 if "\n|" in text else 0)
