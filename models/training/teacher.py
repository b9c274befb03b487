"""How likely each block opens a section, by gradient boosting on a block's form and how much of it is new.

Labels are noisy: of ten places that look alike one is a boundary. A network that is shown labels alone learns the
phrases of its sources by heart; what the trees have learnt from a few figures a block holds elsewhere too. Hinton et
al., Distilling the Knowledge in a Neural Network (arXiv 1503.02531). Knows no network. Needs scikit-learn.
"""

import math
import random
import re
from collections.abc import Sequence

import numpy as np
from content import Content
from numpy.typing import NDArray
from sections import Block
from sklearn.ensemble import HistGradientBoostingClassifier

FOLDS = 4
MARKS = (("```", "~~~"), ("|",), (">",), ("!", "<", ":::"))
ITEM = re.compile(r"([-*+]|\d+[.)]) ")


def features(texts: Sequence[str], content: Content) -> NDArray[np.float32]:
    """One row (16,) for each block but the first; nothing that comes after a block counts."""
    counts = [content.counts(content.tokens(text)) for text in texts]
    kinds = [_kind(text) for text in texts]
    rows = []
    for at in range(1, len(texts)):
        text, before = texts[at], texts[at - 1]
        new = [content.novelty(counts[at], counts[:at], reach) for reach in (1, 3, 6)]
        rows.append(
            [
                *(share for share, _ in new),
                new[-1][1],
                content.cosine(counts[at], counts[at - 1]),
                math.log1p(len(text)),
                math.log1p(len(before)),
                before.rstrip().endswith(":"),
                text.rstrip().endswith(":"),
                text.count(". "),
                kinds[at],
                kinds[at - 1],
                kinds[at - 2] if at > 1 else -1,
                text[:1].isupper(),
                math.log1p(at),
                min(30, at),
            ]
        )
    return np.array(rows, np.float32).reshape(-1, 16)


def likelihoods(
    documents: Sequence[Sequence[Block]], sources: Sequence[str], content: Content, seed: int
) -> list[NDArray[np.float64]]:
    """For every document, how likely each block but the first opens a section.

    The mean of two: of trees that saw all, and of trees that saw other sources only.
    """
    rows = [features([block.text for block in document], content) for document in documents]
    found = np.concatenate(rows)
    labels = np.concatenate([[block.title is not None for block in document[1:]] for document in documents])
    names = sorted(set(sources))
    random.Random(seed).shuffle(names)
    folds = np.repeat([names.index(source) % FOLDS for source in sources], [len(row) for row in rows])
    elsewhere = np.zeros(len(labels))
    for fold in range(FOLDS):
        inside = folds == fold
        if inside.any():
            elsewhere[inside] = _fit(found[~inside], labels[~inside]).predict_proba(found[inside])[:, 1]
    mean = (elsewhere + _fit(found, labels).predict_proba(found)[:, 1]) / 2
    return np.split(mean, np.cumsum([len(row) for row in rows])[:-1])


def _fit(rows: NDArray[np.float32], labels: NDArray[np.bool_]) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(max_iter=150, learning_rate=0.07, l2_regularization=1.0).fit(rows, labels)


def _kind(text: str) -> int:
    """0 prose, 1 to 5 what Markdown marks otherwise."""
    start = text.lstrip()
    if ITEM.match(start):
        return 5
    return next((n for n, marks in enumerate(MARKS, 1) if start.startswith(marks)), 2 if "\n|" in text else 0)
