"""Free answers of chunkers, as small models write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedoc.tasks.answers import Answered, parse


def heads(text: str) -> list[str]:
    return [item.head for item in parse(text)]


def test_the_three_forms() -> None:
    assert parse("CHUNK 0: One day\nCHUNK 1: The next: better\n") == [Answered("One day"), Answered("The next: better")]
    assert parse("### TOPICS:\nTOPIC 0: dogs\nTOPIC 1: cats\n### CHUNKS:\nCHUNK 0: Dogs are\nCHUNK 1: Cats are\n") == [
        Answered("Dogs are", "dogs"),
        Answered("Cats are", "cats"),
    ]
    assert parse("CHUNK 0\nSUMMARY: About dogs.\nHEAD: Dogs are\nCHUNK 1\nSUMMARY: Cats.\nHEAD: Cats are\n") == [
        Answered("Dogs are", None, "About dogs."),
        Answered("Cats are", None, "Cats."),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CHUNK: no index\nCHUNK 2: index", ["no index", "index"]),
        ("CHUNK 0: same\nCHUNK 1: same\nCHUNK 2: other", ["same", "other"]),
        ("CHUNK 0: whole\nCHUNK 1: cut of", ["whole", "cut of"]),
        ("CHUNK 0: whole\nCHUNK 1:", ["whole"]),
        ("CHUNK 0: whole\nCHU", ["whole"]),
        ("**CHUNK [0]: bold\n- chunk 1: small", ["bold", "small"]),
        ("Sure! Here they are:\n\nCHUNK 1: one\nand so on\n", ["one"]),
        ("", []),
        ("CHUNK 99999999999999999999: huge", []),
    ],
)
def test_slips_of_small_models(text: str, expected: list[str]) -> None:
    assert heads(text) == expected


def test_topics_counted_from_one_and_without_indices() -> None:
    assert [item.topic for item in parse("TOPIC 1: a\nTOPIC 2: b\nCHUNK 1: x\nCHUNK 2: y")] == ["a", "b"]
    assert [item.topic for item in parse("TOPIC: a\nTOPIC: b\nCHUNK: x\nCHUNK: y\nCHUNK: z")] == ["a", "b", None]


def test_a_missing_summary_is_not_the_one_before() -> None:
    found = parse("CHUNK 0\nSUMMARY: First.\nHEAD: one\nCHUNK 1\nHEAD: two\nSUMMARY: late\nCHUNK 2\nHEAD: three")
    assert [item.summary for item in found] == ["First.", None, None]


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    parse(text)
    parse(f"CHUNK {text}\nHEAD: {text}\nTOPIC {text}: {text}")
