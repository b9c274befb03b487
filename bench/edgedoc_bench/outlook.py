"""How far a bench is and how long it will still take, said on stderr. Knows no cell, only how long turns took."""

import time
from collections.abc import Callable, Sequence
from itertools import count

from edgedoc.console import Report
from edgedoc_bench.interleave import Turn


class Outlook:
    """Follows groups of cells; the time left is what the cells so far took, for each that is still to come."""

    def __init__(self, report: Report, cells: int, rounds: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._report, self._cells, self._rounds, self._clock = report, cells, rounds, clock
        self._started = clock()
        self._done = 0

    def following(self, names: Sequence[str], items: Sequence[int]) -> Callable[[Turn], None]:
        """What is told of each turn of the next group: its cells and how many items each has."""
        first, self._done = self._done, self._done + len(names)
        what = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more, in turns"
        span = f"cell {first + 1}" if len(names) == 1 else f"cells {first + 1} to {first + len(names)}"
        stage = f"{span} of {self._cells}{self._left(first)}: {what}"
        total, turns = len(names) + self._rounds * sum(items), count()

        def told(turn: Turn) -> None:
            # Cells that are fast go on after their rounds until their seconds are up.
            self._report(stage, min(next(turns), total), total)

        return told

    def _left(self, done: int) -> str:
        if done == 0:
            return ""
        seconds = (self._clock() - self._started) / done * (self._cells - done)
        if seconds < 90:
            return f", about {max(10, round(seconds, -1)):.0f} s left"
        return f", about {seconds / 60:.0f} min left" if seconds < 5400 else f", about {seconds / 3600:.1f} h left"
