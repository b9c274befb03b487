"""Whose turn it is, and when it is enough."""

from collections.abc import Callable

from edgedoc_bench.interleave import MOST, Turn, take_turns


def _play(
    items: list[int], took: Callable[[Turn], float | None], *, rounds: int, seconds: float = 0.0, warm_up: bool = True
) -> list[Turn]:
    turns, order = take_turns(items, rounds=rounds, seconds=seconds, warm_up=warm_up), []
    try:
        turn = next(turns)
        while True:
            order.append(turn)
            turn = turns.send(took(turn))
    except StopIteration:
        return order


def test_cells_alternate_document_by_document_and_every_other_round_backwards() -> None:
    order = _play([2, 2], lambda turn: 1.0, rounds=2)
    assert [(turn.round, turn.item, turn.cell) for turn in order] == [
        (0, 0, 0),
        (0, 0, 1),
        *[(1, 0, 0), (1, 0, 1), (1, 1, 0), (1, 1, 1)],
        *[(2, 0, 1), (2, 0, 0), (2, 1, 1), (2, 1, 0)],
    ]


def test_a_fast_cell_goes_on_until_its_seconds_are_up() -> None:
    order = _play([1, 1], lambda turn: 5.0 if turn.cell == 0 else 1.0, rounds=2, seconds=4.0)
    assert sum(turn.cell == 0 and turn.round > 0 for turn in order) == 2
    assert sum(turn.cell == 1 and turn.round > 0 for turn in order) == 4


def test_a_cell_that_takes_no_time_comes_to_an_end() -> None:
    order = _play([1], lambda turn: 0.0, rounds=2, seconds=1.0)
    assert order[-1].round == MOST * 2


def test_what_failed_is_not_asked_again_and_the_others_go_on() -> None:
    order = _play([3, 3], lambda turn: None if turn[::2] == (0, 1) else 1.0, rounds=2)
    assert [turn.item for turn in order if turn.cell == 0] == [0, 0, 1, 2, 0, 2]
    assert [turn.item for turn in order if turn.cell == 1] == [0, 0, 1, 2, 0, 1, 2]


def test_a_cell_that_only_fails_ends() -> None:
    assert len(_play([2, 0], lambda turn: None, rounds=3)) == 2


def test_one_shot_needs_no_warm_up() -> None:
    assert _play([1], lambda turn: 1.0, rounds=1, warm_up=False) == [Turn(0, 1, 0)]
