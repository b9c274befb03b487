"""Where chunks may start: sentences in several scripts, lines that are meant, blocks, not inside what is whole."""

import gzip
import json
import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgedoc.documents.blocks import blocks
from edgedoc.documents.boundaries import Strength, candidates, cuts_within
from edgedoc.errors import UsageError

SHARED = Path(__file__).parents[2] / "shared" / "data" / "segmentation"


def parts(text: str) -> list[str]:
    starts = [0, *(found.position for found in candidates(text, blocks(text))), len(text)]
    return [text[start:end] for start, end in pairwise(starts)]


@pytest.mark.parametrize(
    "text",
    [
        "One here. |Two there! |Three? |Four… |Five.",
        'He said "Stop!" |Then (as ever.) |"Really?" he asked. |*Yes.* |**Bold** end',
        "Dr. Smith met Mrs. Jones at 3.14 p.m. in the U.S. embassy. |J. R. R. Tolkien wrote e.g. this.",
        "See Fig. 3 and No. 5. |It is 3.14. |That is all. |No. |Yes.",
        "Version 2.0 of example.com works. |1. First item. |Second.",
        "他来了。|他走了！|“真的？”|是的。|ここです。|次へ",
        "यह है। |वह नहीं। |هل تعرف؟ |نعم. |Это так. |Да.",
        "Das sind ca. 3 Mio. Euro bzw. mehr. |Über alles.",
        "no capitals here. |none at all e.g. there. |fine.",
        "Wait... what? he asked. |¿Qué? |¡Nada!",
        "Ah!!!?! |Bee. |😀 C",
    ],
)
def test_sentences(text: str) -> None:
    assert parts(text.replace("|", "")) == text.split("|")


def test_lines_that_begin_a_sentence_are_better_than_sentences() -> None:
    text = "One is here. Two.\nThree goes\non. Four.\n"
    assert [(found.position, found.strength) for found in candidates(text, blocks(text))] == [
        (13, Strength.SENTENCE),
        (18, Strength.LINE),
        (33, Strength.SENTENCE),
    ]


def test_a_break_is_meant_where_the_next_word_would_have_fitted() -> None:
    talk = "alice: hello there how are you today\n|bob: fine\n|alice: ok\n"
    assert parts(talk.replace("|", "")) == talk.split("|")
    filled = (
        "these lines were filled by an editor up\nto some width and have no meaning at\nall of their own, and end\n"
    )
    assert parts(filled) == [filled]
    assert parts("hard  \nbreak in verse here\\\nends\n") == ["hard  \n", "break in verse here\\\n", "ends\n"]


def test_blocks_and_headings_and_nothing_inside_them() -> None:
    pieces = [
        ("Intro. ", None),
        ("More.\n\n", Strength.SENTENCE),
        ("# A. B.\n\n## C\n\nText. ", Strength.HEADING),
        ("More.\n\n", Strength.SENTENCE),
        ("- One. Two.\n- Three.\n\n", Strength.BLOCK),
        ("```\nA. B.\n```\n\n", Strength.BLOCK),
        ("| a. B | c |\n|---|---|\n| D. E | f |\n\n", Strength.BLOCK),
        ("    Code. More.\n\n", Strength.BLOCK),
        ("<div>\nA. B.\n</div>\n\n", Strength.BLOCK),
        ("## D\n\n- Last.", Strength.HEADING),
    ]
    text = "".join(piece for piece, _ in pieces)
    assert parts(text) == [piece for piece, _ in pieces]
    assert [found.strength for found in candidates(text, blocks(text))] == [strength for _, strength in pieces[1:]]


def test_quotes_are_cut_at_sentences_but_not_code_in_them() -> None:
    assert parts("> One. Two\n> three. Four.\n") == ["> One. ", "Two\n> three. ", "Four.\n"]
    assert parts("> One.\n> Two.\n") == ["> One.\n", "> Two.\n"]
    assert len(parts("> ```\n> A. B.\n> ```\n")) == 1


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("aB .!。?\n\r\t\"'()0é\u0301\ud83d\udc00>#-|`"), max_size=80))
def test_candidates_ascend_lie_inside_and_start_with_something(text: str) -> None:
    found = [place.position for place in candidates(text, blocks(text))]
    assert found == sorted(set(found))
    assert all(0 < position < len(text) and text[:position].strip() for position in found)


def test_real_items_start_at_candidates() -> None:
    """The data sets have a sentence or paragraph an item: whoever cuts must be able to cut where their editors did."""
    if not SHARED.exists():
        pytest.skip("../shared is not there")
    for name in ("openstax", "markdown", "wiki300", "lectures"):
        with gzip.open(SHARED / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            rows = random.Random(1).sample([json.loads(line) for line in lines], 10)
        gold = met = 0
        for row in rows:
            items, glue = (row["sentences"], "\n") if "sentences" in row else (row["paragraphs"], "\n\n")
            text = glue.join(items)
            starts = {place.position for place in candidates(text, blocks(text))}
            for boundary in row["boundaries"][:-1]:
                gold += 1
                met += len(glue.join(items[: boundary + 1])) + len(glue) in starts
        assert met / gold > 0.9, name


def words(text: str) -> int:
    return len(text.split())


def within(text: str, limit: int, count: Callable[[str], int] = words) -> list[str]:
    cuts = [0, *cuts_within(text, 0, len(text), limit, count), len(text)]
    return [text[start:end] for start, end in pairwise(cuts)]


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("- a b\n- c d\n|- e f\n- g h\n|- i j\n- k l\n", 8),
        ("one two\nthree four\n|five six\nseven", 5),
        ("One two. Three four. |Five six. Seven.", 5),
        ("one two three |four five six |seven eight", 4),
    ],
)
def test_cuts_within_prefer_items_then_lines_then_sentences_then_words(text: str, limit: int) -> None:
    assert within(text.replace("|", ""), limit) == text.split("|")


@pytest.mark.parametrize(
    "text", ["a\r\n" * 30, "e\u0301\u0302" * 30, "👍🏽" * 30, "👩\u200d👧" * 30, "\ud83d\ude00" * 30]
)
def test_what_belongs_to_one_character_stays_together(text: str) -> None:
    pieces = within(text, 7, len)
    assert "".join(pieces) == text
    unit = len(text) // 30
    assert all(len(piece) % unit == 0 and 0 < len(piece) <= 7 for piece in pieces)


def test_marks_without_end_are_cut_all_the_same_and_one_character_too_long_is_refused() -> None:
    assert all(len(piece) <= 5 for piece in within("e" + "\u0301" * 100, 5, len))
    with pytest.raises(UsageError, match="too small: the character '日' alone is 3 tokens"):
        within("日本", 2, lambda text: len(text.encode()))


@pytest.mark.parametrize("pattern", [".", "a. ", "。", "A.) ", "!", "a.b.", '."', "ab\n", ". \n", "1. "])
def test_time_is_linear(slowdown: Callable[[Callable[[int], object], int], float], pattern: str) -> None:
    def work(n: int) -> object:
        return candidates(pattern * n, blocks(pattern * n))

    assert slowdown(work, 20_000 // len(pattern)) < 8
