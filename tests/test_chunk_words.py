"""Floors and who beats them, said in words: ties are no victory, and what is printed alike is alike."""

import pytest

from edgedoc_bench.chunk_rows import Row
from edgedoc_bench.chunk_words import beaten, sentence
from edgedoc_bench.segmentation import Score


def row(name: str, pk_errors: int, hits: int, windows: int = 10_000) -> Row:
    """One document of Pk pk_errors / windows and F1 hits / 100."""
    counts = {"gold": 100, "predicted": 100, "hits": hits, "near_hits": hits}
    return Row(
        name=name, scores=(Score(items=10_010, windows=windows, pk_errors=pk_errors, wd_errors=pk_errors, **counts),)
    )


FLOORS = [row("none", 4000, 0), row("all", 6000, 30), row("uniform", 5500, 13), row("random", 4600, 19)]


@pytest.mark.parametrize(
    ("pk_errors", "hits", "expected"),
    [
        (4000, 0, "m beats all, uniform and random in Pk, not none; no floor in F1."),
        (4800, 20, "m beats all and uniform in Pk, not none or random; none, uniform and random in F1, not all."),
        (5800, 31, "m beats all in Pk, not none, uniform or random; every floor in F1."),
        (3000, 19, "m beats every floor in Pk; none and uniform in F1, not all or random."),
        (7000, 13, "m beats no floor in Pk; none in F1, not all, uniform or random."),
    ],
)
def test_who_beats_whom(pk_errors: int, hits: int, expected: str) -> None:
    assert sentence(row("m", pk_errors, hits), FLOORS) == expected


def test_a_difference_that_is_not_printed_is_none() -> None:
    assert "none" not in beaten(row("m", 3998, 0), FLOORS)["Pk"]
    assert "none" in beaten(row("m", 3994, 0), FLOORS)["Pk"]


def test_without_a_window_there_is_no_pk() -> None:
    floors = [row("none", 0, 0, windows=0), row("all", 0, 30, windows=0)]
    assert sentence(row("m", 0, 20, windows=0), floors) == "m beats none in F1, not all."
