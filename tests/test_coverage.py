"""Words and their overlap, in scripts with and without spaces."""

import pytest

from edgedoc.documents.coverage import share_found, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, hello **WORLD**", {"hello": 2, "world": 1}),
        ("snake_case a-b v1.2", {"snake": 1, "case": 1, "a": 1, "b": 1, "v1": 1, "2": 1}),
        ("你好,世界a", {"你": 1, "好": 1, "世": 1, "界": 1, "a": 1}),
        ("STRASSE straße", {"strasse": 2}),
        ("e\u0301te\u0301 été", {"été": 2}),
        ("|---|\n#", {}),
    ],
)
def test_words(text: str, expected: dict[str, int]) -> None:
    assert words(text) == expected


def test_share_counts_repeats() -> None:
    assert share_found(words("a a b b"), words("a b b c")) == 0.75
    assert share_found(words("a"), words("")) == 0.0


def test_nothing_wanted_is_all_found() -> None:
    assert share_found(words(""), words("a")) == 1.0
