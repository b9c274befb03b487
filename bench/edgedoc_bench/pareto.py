"""Which points no other beats in both directions. Knows not what they are."""

from collections.abc import Sequence


def frontier(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of the points (cost, quality) that none costs less or as much and is better, by rising cost.

    Of equal points the first.
    """
    found: list[int] = []
    best = float("-inf")
    for index in sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1], i)):
        if points[index][1] > best:
            found.append(index)
            best = points[index][1]
    return found
