"""Flattened text and the way back to the document."""

from hypothesis import given
from hypothesis import strategies as st

from edgedoc.documents.flat import Flat

TEXT = st.text(alphabet=st.sampled_from("ab\n \t\r\u00a0\u3000é\ud800"), max_size=40)


@given(text=TEXT, start=st.integers(0, 40), length=st.integers(0, 40))
def test_every_character_comes_from_where_it_says(text: str, start: int, length: int) -> None:
    start = min(start, len(text))
    end = min(len(text), start + length)
    flat = Flat(text, start, end)
    assert flat.text == " ".join(text[start:end].split())
    for offset, character in enumerate(flat.text):
        if character != " ":
            assert text[flat.origin(offset)] == character
            assert flat.at(flat.origin(offset)) == offset


@given(text=TEXT)
def test_places_between_words_belong_to_the_next_word(text: str) -> None:
    flat = Flat(text, 0, len(text))
    for position in range(len(text)):
        assert flat.text[flat.at(position) :] == " ".join(text[position:].split())


def test_heads() -> None:
    text = "One  two\nthree four"
    flat = Flat(text, 0, len(text))
    assert flat.head(text.index("two"), 9) == "two three"
    assert flat.head(text.index("two"), 10) == "two three"
    assert flat.head(len(text), 10) == ""
    assert flat.origin(flat.text.index(" three")) == text.index("three")
