"""The loop guard: catches what degenerates, soon, and lets honest repetition pass. One character is one token here."""

import random
import string

import pytest

from edgedoc.decoding.guard import MAX_PERIOD, LoopGuard

WORDS = ["".join(random.Random(seed).choices(string.ascii_lowercase, k=3 + seed % 7)) for seed in range(500)]


def prose(seed: int, words: int) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=words))


def first_alarm(output: str, document: str) -> tuple[int, int] | None:
    """(how many tokens it took, where the guard says the loop began)."""
    guard = LoopGuard([ord(character) for character in document])
    for index, character in enumerate(output):
        start = guard.add(ord(character))
        if start is not None:
            return index + 1, start
    return None


@pytest.mark.parametrize("period", [1, 2, 3, 7, 20, 40, MAX_PERIOD])
def test_short_periods_are_caught_and_cut_after_one_repeat(period: int) -> None:
    document = prose(1, 200)
    unit = "".join(chr(0x4E00 + index) for index in range(period))
    alarm = first_alarm(document[:300] + unit * 1000, document)
    assert alarm is not None
    taken, start = alarm
    assert start == 300 + period
    assert taken <= 300 + max(128, 6 * period)


def test_longer_loops_are_caught() -> None:
    document = prose(1, 300)
    passage = prose(2, 40)
    assert MAX_PERIOD < len(passage) < 300
    alarm = first_alarm(document[:200] + passage * 100, document)
    assert alarm is not None
    taken, start = alarm
    assert taken < 200 + 4 * len(passage) + 2 * 256
    assert 200 + len(passage) <= start < taken


def test_loops_with_a_counter_in_them_are_caught() -> None:
    lines = "".join(f"{number}. The same sentence about nothing at all, again and again.\n" for number in range(400))
    assert first_alarm(lines, prose(1, 300)) is not None


def test_a_loop_at_the_very_start() -> None:
    alarm = first_alarm("the " * 500, prose(1, 300))
    assert alarm is not None
    assert alarm[1] == 4


@pytest.mark.parametrize("seed", range(5))
def test_prose_is_not_flagged(seed: int) -> None:
    assert first_alarm(prose(seed, 2000), prose(seed, 2000)) is None


@pytest.mark.parametrize(
    "markdown",
    [
        "|" + " --- |" * 20 + "\n",
        "-" * 100 + "\n",
        "| " + "-" * 60 + " | " + "-" * 60 + " |\n",
        "".join(f"- {WORDS[index]}\n" for index in range(100)),
        "".join(f"| {WORDS[index]} | {WORDS[2 * index]} | {index} |\n" for index in range(100)),
        "- \n" * 20,
        "&nbsp;" * 20,
    ],
)
def test_ordinary_markdown_is_not_flagged_whatever_the_document(markdown: str) -> None:
    assert first_alarm(prose(3, 50) + "\n\n" + markdown + prose(4, 50), prose(3, 100)) is None


@pytest.mark.parametrize(
    ("markup", "markdown"),
    [
        ("<pre>" + "    return None\n" * 40 + "</pre>", "```\n" + "    return None\n" * 40 + "```\n"),
        ("<tr>" + "<td></td>" * 150 + "</tr>", "|" + "  |" * 150 + "\n"),
        ("<ul>" + "<li>none</li>" * 60 + "</ul>", "- none\n" * 60),
        ("<p>" + "=" * 400 + "</p>", "=" * 400),
        (
            "<table>" + ("<tr>" + "<td>0</td>" * 12 + "</tr>") * 40 + "</table>",
            "| 0 " * 12 + "|\n" + ("|" + " 0 |" * 12 + "\n") * 40,
        ),
    ],
)
def test_repetition_that_the_document_has_too(markup: str, markdown: str) -> None:
    page, text = prose(5, 60) + markup, prose(5, 60) + "\n\n" + markdown
    assert first_alarm(text, page) is None
    assert first_alarm(text + markdown * 40, page) is not None, "but not without end"
    assert first_alarm(text, prose(5, 60)) is not None, "nor where the document has nothing of the kind"
