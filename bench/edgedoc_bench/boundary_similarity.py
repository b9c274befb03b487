"""Boundary Similarity: how much of the boundaries of two segmentations of a document is the same, near misses half.

Fournier 2013 (https://aclanthology.org/P13-1167), B with one kind of boundary, equal to segeval 2.0.11's
`boundary_similarity(..., n_t=2)`; the tests compare. Unlike Pk and WindowDiff it is symmetric and has no window, and to
cut nowhere scores 0. Knows no text.
"""

from collections.abc import Collection

from edgedoc_bench.segmentation import inner

NEAR = 2
"""segeval's n_t, which changes the number: 2 lets a boundary be 1 item off, at half its worth."""


def boundary_similarity(*, reference: Collection[int], hypothesis: Collection[int], items: int) -> float:
    """B of one document of `items` items, 0 to 1; 1 where neither side has a boundary.

    Boundaries as in `segmentation.score`. Raises ValueError for one outside the document.
    """
    gold, predicted = inner(reference, items), inner(hypothesis, items)
    same = gold & predicted
    near = 0
    taken: set[int] = set()
    # From the left, each with the nearest free neighbour to its right: what segeval finds.
    for place in sorted(gold ^ predicted):
        pair = (place, place + NEAR - 1)
        if pair[1] in gold ^ predicted and (place in gold) != (pair[1] in gold) and not taken & set(pair):
            taken |= set(pair)
            near += 1
    alone = len(gold ^ predicted) - len(taken)
    everything = len(same) + near + alone
    return (len(same) + near / NEAR) / everything if everything else 1.0
