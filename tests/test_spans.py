"""How far a window reaches."""

from hypothesis import given
from hypothesis import strategies as st

from edgedoc.tasks.spans import span_end


def words(text: str) -> int:
    return len(text.split())


@given(
    text=st.text(alphabet="ab \n", min_size=1, max_size=200),
    places=st.sets(st.integers(1, 199)),
    start=st.integers(0, 150),
    budget=st.integers(1, 40),
)
def test_a_window_fits_goes_on_and_ends_at_a_place_or_far_from_one(
    text: str, places: set[int], start: int, budget: int
) -> None:
    start = min(start, len(text) - 1)
    ascending = sorted(place for place in places if start < place < len(text))
    end = span_end(text, start, ascending, budget, len)
    assert start < end <= len(text)
    assert end - start <= budget
    reach = min(len(text), start + budget)
    if end == reach == len(text):
        return
    within = [place for place in ascending if place <= reach]
    assert end == reach if not within or within[-1] - start < budget / 2 else end == within[-1]


def test_few_tokens_a_character_do_not_make_short_windows() -> None:
    text = "x" * 5000 + " y" * 5000
    assert words(text[: span_end(text, 0, [], 100, words)]) == 100


def test_counting_is_not_quadratic() -> None:
    text, counted = "word " * 40_000, []

    def count(part: str) -> int:
        counted.append(len(part))
        return words(part)

    start = 0
    while start < len(text):
        start = span_end(text, start, [], 200, count)
    assert sum(counted) < 60 * len(text)
