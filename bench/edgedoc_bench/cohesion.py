"""Lexical cohesion: cut where the words before and after a gap have least in common. The classic with a topic signal.

TextTiling's block comparison and depth score (Hearst 1997, https://aclanthology.org/J97-1003), over the items of a
document instead of NLTK's pseudo-sentences, which need blank lines and cut nowhere else. Knows no model.
"""

import math
import re
import statistics
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

BLOCK = 8
"""Items on each side that are compared, at most."""
CUTOFF = 1.2
"""Standard deviations that a depth must lie above the mean depth to be a boundary.

Both from `cohesion_tune` on 400 documents of seg_train.
"""
SHORTEST = 3
"""Letters of a word that says something; it takes the place of a list of stop words, which would be one language's."""


def boundaries(items: Sequence[str], *, cutoff: float = CUTOFF, block: int = BLOCK) -> frozenset[int]:
    """Boundaries (index of the last item before) where the valley of similarity is deep for this document."""
    return deepest(depths(similarities(items, block)), cutoff)


def deepest(found: Sequence[float], cutoff: float) -> frozenset[int]:
    """Gaps whose depth is at least the mean depth plus `cutoff` standard deviations."""
    least = statistics.fmean(found) + cutoff * statistics.pstdev(found) if found else 0.0
    return frozenset(gap for gap, depth in enumerate(found) if depth > 0 and depth >= least)


def similarities(items: Sequence[str], block: int) -> list[float]:
    """Cosine of the word counts of up to `block` items on either side of each gap; gap i is behind item i."""
    counts = [Counter(_words(item)) for item in items]
    found = []
    for gap in range(1, len(items)):
        left, right = (sum(part, Counter()) for part in (counts[max(0, gap - block) : gap], counts[gap : gap + block]))
        norm = math.sqrt(sum(n * n for n in left.values()) * sum(n * n for n in right.values()))
        found.append(sum(n * right[word] for word, n in left.items()) / norm if norm else 0.0)
    return found


def depths(similarity: Sequence[float]) -> list[float]:
    """For a valley, how far it lies below the peaks on both sides together; 0 for any other gap."""
    found = []
    for gap, value in enumerate(similarity):
        # Of a flat valley the first gap.
        lowest = (gap == 0 or value < similarity[gap - 1]) and value <= min(similarity[gap : gap + 2])
        left, right = _peak(similarity[gap::-1]), _peak(similarity[gap:])
        found.append(left + right - 2 * value if lowest else 0.0)
    return found


def _peak(values: Sequence[float]) -> float:
    """The height reached by climbing from the first value."""
    height = values[0]
    for last, value in pairwise(values):
        if value < last:
            break
        height = value
    return height


def _words(text: str) -> list[str]:
    return [word.lower() for word in re.findall(r"[^\W\d_]+", text) if len(word) >= SHORTEST]
