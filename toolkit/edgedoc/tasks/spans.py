"""How far a window reaches: as many tokens as fit, and up to a place where a chunk may start. Knows no model."""

from bisect import bisect_right
from collections.abc import Callable, Sequence

GUESS = 4
"""Characters a token has, to begin with; only the speed depends on it."""


def span_end(text: str, start: int, places: Sequence[int], budget: int, count: Callable[[str], int]) -> int:
    """The end of the window that starts at `start`: text[start:end] has at most `budget` tokens by `count`.

    `places` are ascending positions; those up to `start` do not count. The window ends at the last of them within
    reach, or at the end of the text; where that would leave it half empty, before a huge block, it ends inside that.
    """
    reach = start + GUESS * budget
    while reach < len(text) and count(text[start:reach]) <= budget:
        reach = start + 2 * (reach - start)
    low, high = start + 1, min(reach, len(text))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if count(text[start:middle]) <= budget else (low, middle - 1)
    if low == len(text):
        return low
    within = bisect_right(places, low)
    last = max(start, places[within - 1]) if within else start
    return last if last - start >= (low - start) / 2 else low
