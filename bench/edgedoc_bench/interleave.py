"""In which order cells take turns, and when a cell has been measured enough. Knows no cell and no clock.

A machine drifts: it warms up, and other programs come and go. What is compared is therefore measured in turns, document
by document, and every other round in the opposite order, so that nobody always comes first.
"""

from collections.abc import Generator, Sequence
from typing import NamedTuple

MOST = 10
"""Times `rounds`: a tool that takes a millisecond a page would fill the time with thousands of repetitions."""


class Turn(NamedTuple):
    """Cell number `cell` measures item number `item`; round 0 is the warm-up and does not count."""

    cell: int
    round: int
    item: int


def take_turns(
    items: Sequence[int], *, rounds: int, seconds: float, warm_up: bool = True
) -> Generator[Turn, float | None, None]:
    """Turns of cells with that many items each, until each has had `rounds` and `seconds`, or MOST times the rounds.

    Send back the seconds a turn took, or None when it failed: that item is not given to that cell again. The warm-up
    is each cell's first item.
    """
    left = [list(range(count)) for count in items]
    spent = [0.0 for _ in items]
    for cell, numbers in enumerate(left):
        if warm_up and numbers and (yield Turn(cell, 0, numbers[0])) is None:
            del numbers[0]
    number = 1
    while True:
        going = [cell for cell in range(len(items)) if left[cell] and (number <= rounds or spent[cell] < seconds)]
        if not going or number > MOST * rounds:
            return
        order = going if number % 2 else going[::-1]
        for item in range(max(left[cell][-1] for cell in going) + 1):
            for cell in order:
                if item not in left[cell]:
                    continue
                took = yield Turn(cell, number, item)
                if took is None:
                    left[cell].remove(item)
                else:
                    spent[cell] += took
        number += 1
