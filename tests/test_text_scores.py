"""Scores of texts as words: by hand, against jiwer and a textbook's table, and where others trip."""

import random

import pytest

from edgedoc_bench import text_scores
from edgedoc_bench.text_scores import (
    levenshtein_similarity,
    repeated_share,
    rouge_l,
    token_error_rate,
    token_f1,
    word_error_rate,
    words,
)


def _texts(count: int) -> list[tuple[list[str], list[str]]]:
    draw = random.Random(3)
    return [tuple(draw.choices("abcdefg", k=draw.randint(1, 40)) for _ in range(2)) for _ in range(count)]  # type: ignore[misc]


def _common(one: list[str], other: list[str]) -> int:
    """Length of the longest common subsequence, from the textbook."""
    last = [0] * (len(other) + 1)
    for a in one:
        row = [0]
        for j, b in enumerate(other):
            row.append(last[j] + 1 if a == b else max(last[j + 1], row[j]))
        last = row
    return last[-1]


def test_token_f1_by_hand() -> None:
    found = token_f1(["a", "b", "b", "c"], ["b", "b", "b", "d"])

    assert (found.precision, found.recall, found.f1) == (0.5, 0.5, 0.5)
    assert token_f1(["a", "b"], ["b", "a"]).f1 == 1, "order does not count"


def test_rouge_l_is_the_textbooks() -> None:
    for gold, answer in _texts(40):
        assert rouge_l(gold, answer) == pytest.approx(2 * _common(gold, answer) / (len(gold) + len(answer)))


def test_word_error_rate_is_jiwers() -> None:
    jiwer = pytest.importorskip("jiwer")
    for gold, answer in _texts(40):
        assert word_error_rate(gold, answer) == pytest.approx(jiwer.wer(" ".join(gold), " ".join(answer)))


def test_levenshtein_counts_each_edit_once_and_takes_both_forms_of_an_accent() -> None:
    assert levenshtein_similarity("kitten", "sitting") == pytest.approx(1 - 3 / 7)
    assert levenshtein_similarity("caf\u00e9", "cafe\u0301") == 1


def test_word_error_rate_has_no_upper_limit() -> None:
    assert word_error_rate(["a"], ["b"] * 50) == 50
    assert word_error_rate([], ["b"] * 3) == 3


def test_empty_sides() -> None:
    assert token_f1([], []).f1 == rouge_l([], []) == levenshtein_similarity("", "") == 1
    assert token_f1(["a"], []).f1 == token_f1([], ["a"]).f1 == rouge_l(["a"], []) == rouge_l([], ["a"]) == 0
    assert word_error_rate([], []) == token_error_rate({"a"}, []) == repeated_share([]) == 0


def test_token_error_rate_is_the_share_that_is_nowhere_in_the_source() -> None:
    assert token_error_rate({"a", "b"}, ["a", "a", "b", "x"]) == 0.25
    assert token_error_rate(set(), ["x"]) == 1


def test_a_loop_over_a_true_sentence_invents_nothing_but_repeats() -> None:
    sentence = words("The quick brown fox jumps over the lazy dog and away.")
    loop = sentence * 20

    assert token_error_rate(set(sentence), loop) == 0
    assert repeated_share(loop) > 0.9
    assert repeated_share(sentence) == 0


def test_each_character_of_chinese_is_a_word() -> None:
    gold, answer = words("山城茶馆的早晨"), words("山城茶馆的夜晚")

    assert len(gold) == 7
    assert 0 < token_f1(gold, answer).f1 < 1


def test_texts_too_long_to_align_have_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_scores, "MOST_PAIRS", 10)

    assert rouge_l(["a"] * 4, ["a"] * 4) is None
    assert levenshtein_similarity("abcd", "abcd") is None
    assert word_error_rate(["a"] * 4, ["a"] * 4) is None
