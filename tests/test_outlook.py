"""What a bench says of the time that is left."""

from edgedoc.console import Report
from edgedoc_bench.interleave import Turn
from edgedoc_bench.outlook import Outlook


class _Told(Report):
    def __init__(self) -> None:
        self.stages: list[tuple[str, int, int]] = []

    def __call__(self, stage: str, done: int, total: int, detail: str = "") -> None:
        self.stages.append((stage, done, total))


def test_the_time_left_is_what_cells_took_so_far() -> None:
    told, now = _Told(), [0.0]
    outlook = Outlook(told, cells=5, rounds=2, clock=lambda: now[0])
    group = outlook.following(["a", "b"], [3, 3])
    group(Turn(0, 0, 0))
    group(Turn(1, 0, 0))
    assert told.stages == [("cells 1 to 2 of 5: a and 1 more, in turns", done, 14) for done in (0, 1)]
    now[0] = 120.0
    outlook.following(["c"], [1])(Turn(0, 0, 0))
    assert told.stages[-1] == ("cell 3 of 5, about 3 min left: c", 0, 3)
    now[0] = 150.0
    outlook.following(["d"], [1])(Turn(0, 0, 0))
    assert told.stages[-1][0] == "cell 4 of 5, about 2 min left: d"
    now[0] = 160.0
    outlook.following(["e"], [1])(Turn(0, 0, 0))
    assert told.stages[-1][0] == "cell 5 of 5, about 40 s left: e"


def test_more_rounds_than_planned_are_not_more_than_all() -> None:
    told = _Told()
    group = Outlook(told, cells=1, rounds=1).following(["a"], [1])
    for number in range(9):
        group(Turn(0, number, 0))
    assert max(done for _, done, _ in told.stages) == 2
