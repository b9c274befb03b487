"""Chunks against their promises: exact spans of any document, a limit that holds, sound places, labels that stay."""

import gzip
import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edgedoc.documents.blocks import blocks
from edgedoc.documents.boundaries import candidates
from edgedoc.documents.chunks import Chunk, Cut, assemble
from edgedoc.errors import UsageError
from edgedoc.tokens import Tokenizer

NANO = Path(__file__).parents[1] / "models/edgedoc_models/checkpoints/nano-reader/tokenizer.json"
SHARED = Path(__file__).parents[2] / "shared" / "data"
PIECES = (
    "word", " ", "\n", "\n\n", "\r\n", "\r", "\t", "    ", "# H\n", "## Two\n\n", "### Three ###\n", "Title\n===\n",
    "- a\n", "1. b\n", "  - c\n", "```\n", "~~~\n", "| a | b |\n|---|---|\n| c | d |\n", "> q\n", "<div>\n", "---\n",
    "A sentence. ", "Noch einer! ", "他来了。", "e.g. ", "é", "e\u0301\u0301", "😀", "👩\u200d👧", "\x00",
    "\ud83d", "\udc00", "\ufeff",
    "x" * 40, "CHUNK 3: ", "### Response:\n", "<|im_end|>", "\u2028", "\x0c",
)  # fmt: skip
documents = st.lists(st.sampled_from(PIECES) | st.text(st.characters(exclude_categories=()), max_size=8), max_size=40)


def words(text: str) -> int:
    return len(text.split())


@pytest.fixture(scope="module")
def nano() -> Callable[[str], int]:
    return Tokenizer.from_file(NANO).count


def make(text: str, *starts: int, **limits: int | None) -> tuple[Chunk, ...]:
    return assemble(text, [Cut(start) for start in starts], count=words, **limits)


def check(text: str, chunks: tuple[Chunk, ...], count: Callable[[str], int], most: int | None) -> None:
    assert "".join(chunk.text for chunk in chunks) == text
    position = 0
    for index, chunk in enumerate(chunks):
        assert (chunk.index, chunk.start) == (index, position)
        assert text[chunk.start : chunk.end] == chunk.text != ""
        assert chunk.tokens == count(chunk.text)
        assert most is None or count(chunk.contextualized()) <= most
        position = chunk.end
    assert position == len(text)


@settings(max_examples=400, deadline=None)
@given(documents.map("".join), st.data(), st.booleans())
@example("# " + "x " * 100 + "\n\ntext", None, True)
def test_chunks_are_the_document_whatever_it_is(
    nano: Callable[[str], int], text: str, data: st.DataObject | None, spaced: bool
) -> None:
    count = words if spaced else nano
    cuts: list[Cut] = []
    most: int | None = 8
    least: int | None = None
    if data is not None:
        starts = data.draw(st.sets(st.integers(0, len(text) - 1), max_size=6)) if text else set()
        labels = st.none() | st.sampled_from(["a topic", "a summary of quite a few words", "\ud800"])
        cuts = [Cut(start, data.draw(labels), data.draw(labels)) for start in sorted(starts)]
        most = data.draw(st.none() | st.integers(1, 30))
        least = data.draw(st.none() | st.integers(1, most or 30))
    try:
        chunks = assemble(text, cuts, count=count, max_tokens=most, min_tokens=least)
    except UsageError as error:
        assert most is not None and "alone is" in str(error)
        assert any(count(character) > most for character in text)
        return
    check(text, chunks, count, most)


@pytest.mark.parametrize("name", ["markdown", "openstax", "qmsum", "wiki300", "clinical", "html2md"])
def test_real_documents_have_exact_chunks(nano: Callable[[str], int], name: str) -> None:
    path = SHARED / "html2md/html_markdown.jsonl.gz" if name == "html2md" else SHARED / f"segmentation/{name}.jsonl.gz"
    if not path.exists():
        pytest.skip("../shared is not there")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in islice(lines, 60)][::15]
    for number, row in enumerate(rows):
        text = row.get("markdown") or "\n".join(row.get("sentences") or row["paragraphs"])
        text = text[:40_000]
        places = candidates(text, blocks(text))[number :: number + 3]
        most, least = ((None, 100), (128, None), (256, 64), (512, 512))[number % 4]
        cuts = [Cut(place.position) for place in places]
        check(text, assemble(text, cuts, count=nano, max_tokens=most, min_tokens=least), nano, most)


def test_empty_text_has_no_chunks_and_white_space_is_one() -> None:
    assert make("") == ()
    assert [chunk.text for chunk in make(" \n\t\r\n ", 3)] == [" \n\t\r\n "]


def test_fields_in_their_order_and_contextualized() -> None:
    text = "# A\n\nintro\n\n## B\n\ntext here\n\nmore\n"
    last = assemble(text, [Cut(0), Cut(11), Cut(29, "topic", "Says more.")], count=words)[2]
    assert list(last.as_dict().items()) == [
        ("index", 2),
        ("start", 29),
        ("end", 34),
        ("text", "more\n"),
        ("tokens", 1),
        ("headings", ["A", "B"]),
        ("topic", "topic"),
        ("summary", "Says more."),
    ]
    assert last.contextualized() == "A > B\n\nSays more.\n\nmore\n"


def test_a_heading_the_text_starts_with_is_not_repeated() -> None:
    _, second = make("# A\n\nintro\n\n## B\n\ntext\n", 12)
    assert second.headings == ("A", "B")
    assert second.contextualized() == "A\n\n## B\n\ntext\n"


def test_headings_are_those_all_of_the_chunk_is_under() -> None:
    text = "# A\n\n## B\n\nb\n\n## C\n\nc\n\n# D\n\nd\n"
    assert [chunk.headings for chunk in make(text)] == [()]
    assert [chunk.headings for chunk in make(text, text.index("# D"))] == [("A",), ("D",)]
    assert [chunk.headings for chunk in make(text, text.index("## C"), text.index("# D"))] == [
        ("A", "B"),
        ("A", "C"),
        ("D",),
    ]


@pytest.mark.parametrize(
    ("text", "inside", "start"),
    [
        ("Before.\n\n```\ncode\nmore\n```\n\nAfter.\n", "more", "```"),
        ("Before.\n\n- one\n- two\n\nAfter.\n", "- two", "- one"),
        ("Before.\n\n| a | b |\n|---|---|\n| c | d |\n", "| c", "| a"),
        ("Before.\n\n# Heading\n\nAfter.\n", "After", "# Heading"),
        ("Before.\n\n# One\n\n## Two\n\nAfter.\n", "After", "# One"),
        ("Before.\n\n# A heading\n\nAfter.\n", "heading", "# A"),
        ("One line\r\nanother\r\n", "\nanother", "\r\n"),
    ],
)
def test_cuts_at_unsound_places_move(text: str, inside: str, start: str) -> None:
    _, second = make(text, text.index(inside))
    assert second.text.startswith(start)


def test_code_tables_and_lists_are_whole_while_they_fit() -> None:
    code = "```\n" + "one two three\n" * 5 + "```\n\n"
    table = "| a | b |\n|---|---|\n" + "| c | d |\n" * 3 + "\n"
    listed = "- one two\n" * 6 + "\n"
    text = "".join(f"Some words come first. And {n}.\n\n{block}" for n, block in enumerate([code, table, listed] * 3))
    chunks = make(text, max_tokens=24)
    check(text, chunks, words, 24)
    for block in (code, table, listed):
        assert sum(block.strip() in chunk.text for chunk in chunks) == 3


def test_a_table_longer_than_the_limit_is_cut_between_rows_and_a_list_between_items() -> None:
    table = "| a | b |\n|---|---|\n" + "| c | d |\n" * 30
    listed = "- one two\n  three\n" * 30
    for text, first in ((table, "|"), (listed, "- ")):
        chunks = make(text, max_tokens=20)
        check(text, chunks, words, 20)
        assert len(chunks) > 3 and all(chunk.text.startswith(first) and chunk.text.endswith("\n") for chunk in chunks)


def test_a_heading_stays_with_what_follows_unless_that_needs_all_the_room() -> None:
    text = "# Heading\n\n- " + "word " * 8 + "\n\n# Other\n\n- few words\n"
    chunks = make(text, max_tokens=10)
    check(text, chunks, words, 10)
    assert [chunk.text.split()[:2] for chunk in chunks] == [["#", "Heading"], ["-", "word"], ["#", "Other"]]


def test_a_section_that_just_fits_is_not_split() -> None:
    text = "word " * 99 + "end. Next " + "word " * 98 + "\n"
    assert len(make(text, max_tokens=199)) == 1
    assert len(make(text, max_tokens=198)) == 2


def test_sentences_are_kept_where_one_fits_and_cut_between_words_where_not() -> None:
    text = "This sentence has six words here. " * 3 + "word " * 50
    chunks = make(text, max_tokens=10)
    check(text, chunks, words, 10)
    assert all(chunk.text == "This sentence has six words here. " for chunk in chunks[:3])
    assert all(chunk.text.endswith("word ") for chunk in chunks[3:])


def test_headings_that_need_half_the_limit_are_dropped_from_outside() -> None:
    text = "# One two three four\n\n## Five six\n\nalpha beta\n\ngamma delta\n"
    wide, narrow = make(text, text.index("gamma"), max_tokens=40)[1], make(text, text.index("gamma"), max_tokens=9)[-1]
    assert wide.headings == ("One two three four", "Five six")
    assert narrow.headings == ("Five six",)
    assert narrow.contextualized() == "Five six\n\ngamma delta\n"


def test_a_character_that_fits_only_alone_has_no_headings() -> None:
    def letters(text: str) -> int:
        return len(text.encode())

    text = "# A\n\n日日"
    chunks = assemble(text, [], count=letters, max_tokens=3)
    check(text, chunks, letters, 3)
    with pytest.raises(UsageError, match="--max-tokens 2 is too small: the character '日' alone is 3"):
        assemble(text, [], count=letters, max_tokens=2)


def test_a_summary_longer_than_half_the_limit_is_dropped() -> None:
    long = Cut(0, "topic", "a summary of seven words or so")
    [chunk] = assemble("text here", [long], count=words, max_tokens=10)
    assert (chunk.topic, chunk.summary) == ("topic", None)
    [chunk] = assemble("text here", [long], count=words, max_tokens=14)
    assert chunk.contextualized() == "a summary of seven words or so\n\ntext here"


def test_parts_of_a_split_chunk_keep_its_labels() -> None:
    text = "A sentence of five words. " * 4
    chunks = assemble(text, [Cut(0, "topic", "Summary.")], count=words, max_tokens=6)
    assert [(chunk.topic, chunk.summary) for chunk in chunks] == [("topic", "Summary.")] * 4


def test_short_chunks_join_the_neighbour_under_the_same_heading() -> None:
    text = "## A\n\none two three four\n\n## B\n\nfive\n\nsix seven eight nine\n"
    starts = [0, text.index("## B"), text.index("six")]
    assert [chunk.text[:4] for chunk in make(text, *starts, min_tokens=4)] == ["## A", "## B"]
    # Where that has no room, the other one.
    limited = make(text, *starts, min_tokens=4, max_tokens=9)
    check(text, limited, words, 9)
    assert [chunk.text[:3] for chunk in limited] == ["## ", "six"]


def test_a_joined_chunk_has_the_labels_of_its_longest_part() -> None:
    text = "one two. Three four five six. Seven."
    cuts = [Cut(0, "short"), Cut(9, "long", "Long."), Cut(30, "last")]
    [chunk] = assemble(text, cuts, count=words, min_tokens=100)
    assert (chunk.topic, chunk.summary) == ("long", "Long.")


def test_chapters_are_never_joined() -> None:
    text = "# A\n\none\n\n# B\n\ntwo\n"
    assert len(make(text, text.index("# B"), min_tokens=50)) == 2


def test_limits_that_make_no_sense_are_refused() -> None:
    for most, least, message in ((0, None, "--max-tokens is at least 1"), (None, 0, "at least 1"), (5, 6, "more than")):
        with pytest.raises(UsageError, match=message):
            make("text", max_tokens=most, min_tokens=least)
    for starts in ((3, 2), (2, 2), (4,), (-1,)):
        with pytest.raises(ValueError, match="ascend"):
            make("text", *starts)


@pytest.mark.parametrize(
    ("pattern", "size"),
    [
        ("x", 9000),
        ("```\n", 900),
        ("> ", 5000),
        ("# h\n\ntext\n\n", 250),
        ("a. B ", 1500),
        ("- a\n", 1500),
        (" ", 9000),
    ],
)
def test_time_is_linear(
    slowdown: Callable[[Callable[[int], object], int], float], nano: Callable[[str], int], pattern: str, size: int
) -> None:
    def work(n: int) -> object:
        return assemble(pattern * n, [], count=nano, max_tokens=64, min_tokens=32)

    assert slowdown(work, size) < 8
