"""Following a text an answer copies: the cursor goes along, and is found again after every kind of departure."""

import time

import pytest

from edgedoc.decoding.drafts import DRIFT, Trail

TEXT = list(range(100, 200))


def follow(trail: Trail, tokens: list[int]) -> list[bool | None]:
    return [trail.add(token) for token in tokens]


def test_a_faithful_answer_is_proposed_to_its_end() -> None:
    trail = Trail(TEXT, agreed=8)
    assert trail.propose(4) == TEXT[:4]
    assert follow(trail, TEXT[:60]) == [True] * 60
    assert (trail.propose(100), trail.agreed) == (TEXT[60:], 68)
    follow(trail, TEXT[60:])
    assert trail.propose(5) == []
    assert trail.add(7) is None, "there was nothing to be right about"


@pytest.mark.parametrize(
    ("answer", "next_token"),
    [
        ([*TEXT[:20], *TEXT[50:53]], TEXT[53]),  # a paragraph dropped
        ([*TEXT[:20], 7, *TEXT[21:22]], TEXT[22]),  # `*` for `_`
        ([*TEXT[:20], 7, 8, 9, *TEXT[20:21]], TEXT[21]),  # something inserted
        ([*TEXT[60:80], *TEXT[20:23]], TEXT[23]),  # moved to the front
        ([*TEXT[:20], *[7] * 30, *TEXT[20:22]], TEXT[22]),  # a long insertion does not carry the cursor off
    ],
)
def test_the_trail_is_joined_again(answer: list[int], next_token: int) -> None:
    trail = Trail(TEXT)
    follow(trail, answer)
    assert trail.propose(1) == [next_token]


def test_of_equal_places_the_nearest_ahead_is_joined() -> None:
    refrain = [1, 2, 3]
    text = [*refrain, 10, 11, *refrain, 20, 21, *refrain, 30, 31]
    trail = Trail(text)
    follow(trail, [*refrain, 10])
    follow(trail, [99, *refrain])
    assert trail.propose(1) == [20]
    follow(trail, [20, 21, *refrain, 30, 31, 99, *refrain])
    assert trail.propose(1) == [30], "behind the last one, the last one"


def test_an_unrelated_answer_moves_the_cursor_only_so_far() -> None:
    trail = Trail(TEXT)
    assert follow(trail, [7] * 40) == [False] * 40
    assert (trail.propose(1), trail.agreed) == ([TEXT[DRIFT]], 0)


def test_nothing_to_follow() -> None:
    trail = Trail([])
    assert (trail.propose(5), trail.add(3), trail.propose(5)) == ([], None, [])


def test_building_is_linear_and_a_step_does_not_grow_with_the_text() -> None:
    """Ratios of one run: 16 times the tokens, all alike, which is the worst case of an index."""

    def seconds(size: int) -> tuple[float, float]:
        begin = time.perf_counter()
        trail = Trail([5, 6] * (size // 2))
        built = time.perf_counter()
        follow(trail, [5, 6, 9] * 200)
        return built - begin, time.perf_counter() - built

    small, large = (min(seconds(size) for _ in range(3)) for size in (2_000, 32_000))
    assert large[0] < 16 * 8 * small[0]
    assert min(seconds(32_000)[1] for _ in range(3)) < 20 * min(seconds(2_000)[1] for _ in range(3))
