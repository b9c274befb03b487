"""Heads a model wrote freely, found in the text."""

from edgedoc.documents.flat import Flat
from edgedoc.documents.matching import find_heads

TEXT = "Alpha is first.\n\nBeta comes  next.\nBeta comes  next.\n\nGamma closes the long list."
PLACES = [0, TEXT.index("Beta"), TEXT.rindex("Beta"), TEXT.index("Gamma")]


def find(*heads: str) -> list[int | None]:
    return find_heads(heads, Flat(TEXT, 0, len(TEXT)), PLACES)


def test_exact_heads_in_order() -> None:
    assert find("Alpha is", "Beta comes next.", "Beta comes next.", "Gamma") == PLACES


def test_a_wrong_tail_is_forgiven() -> None:
    assert find("Gamma closes the long story") == [PLACES[3]]
    assert find("Gamma opened") == [None]


def test_what_is_not_there_or_came_before_is_not_found() -> None:
    assert find("Delta is", "Gamma", "Alpha is") == [None, PLACES[3], None]
    assert find("", " ") == [None, None]


def test_a_head_inside_a_sentence_is_still_an_exact_place() -> None:
    (place,) = find("closes the")
    assert place is not None and TEXT[place:].startswith("closes the")
