"""Blocks: the kinds there are, that they tile any text, that markdown-it-py finds the same, and that time is linear."""

import gzip
import json
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgedoc.documents.blocks import Kind, blocks, leading_titles

DATA = Path(__file__).parents[2] / "shared" / "data" / "html2md" / "html_markdown.jsonl.gz"
TYPES = {
    "heading_open": Kind.HEADING, "paragraph_open": Kind.PARAGRAPH, "bullet_list_open": Kind.LIST, "hr": Kind.RULE,
    "ordered_list_open": Kind.LIST, "table_open": Kind.TABLE, "fence": Kind.CODE, "code_block": Kind.CODE,
    "blockquote_open": Kind.QUOTE, "html_block": Kind.HTML,
}  # fmt: skip


def kinds(text: str) -> str:
    return " ".join(block.kind for block in blocks(text))


def check_tiles(text: str) -> None:
    found = blocks(text)
    ends = [0, *(block.end for block in found)]
    assert [block.start for block in found] == ends[:-1]
    assert ends[-1] == len(text)
    assert all(block.start < block.end for block in found)


PIECES = (
    "a", "# ", "## ", "\n", "\r\n", "\r", "\n\n", "```", "~~~", "- ", "1. ", "> ", "    ", "\t", " | ", "|---|---|",
    "===", "---", "<div>", "<!--", "-->", "<?", "\ufeff", "\x00", "\ud800", "\x0c", "text. ",
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES) | st.text(st.characters(exclude_categories=()), max_size=4), max_size=40).map(
        "".join
    )
)
def test_blocks_tile_any_text(text: str) -> None:
    check_tiles(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        (" \n\t\n", "paragraph"),
        ("\n\n# A\n\ntext\n", "heading paragraph"),
        ("Title\n=====\ntext", "heading paragraph"),
        ("a\nb\nc\nd\n---\n", "paragraph rule"),
        ("text\n# A #\n- b\n", "paragraph heading list"),
        ("```\n# no\n\n- no\n```\ntext", "code paragraph"),
        ("~~~~\n```\n~~~\n~~~~~\nx", "code paragraph"),
        ("```\nnever closed\n\n# no\n", "code"),
        ("    code\n\n    more\n\ntext", "code paragraph"),
        ("text\n    no code\n", "paragraph"),
        ("- a\n  b\n\n  c\n- d\n  - e\n\ntext", "list paragraph"),
        ("- a\nlazy\n\nnot lazy", "list paragraph"),
        ("- A sentence.\nAnother one.", "list paragraph"),
        ("- a\n* b\n+ c\n", "list list list"),
        ("1. a\n2. b\n1) c", "list list"),
        ("in the year\n1986. A good one", "paragraph"),
        ("- ```\n  # no\n  ```\n- b", "list"),
        ("* * *\n***\n___\n- - -\n", "rule rule rule rule"),
        ("| a | b |\n|---|---|\n| c | d |\n\ntext", "table paragraph"),
        ("text\na | b\n-|-\nc | d\ntext", "paragraph table"),
        ("a | b\n---\n", "heading"),
        ("> a\n> b\nlazy\n\nc", "quote paragraph"),
        ("<div>\n# no\n</div>\n\ntext", "html paragraph"),
        ("<!-- a\n\nb -->\ntext", "html paragraph"),
        ("text <b>bold</b>\n<b>\nmore", "paragraph"),
        ("---\ntitle: A\n---\n# B\n", "code heading"),
        ("\ufeff# A\n", "heading"),
        ("# A\r\n\r\ntext\r\n- b\r\n", "heading paragraph list"),
        ("# A\r\rtext\r- b\r", "heading paragraph list"),
        ("#no\n#\n", "paragraph heading"),
    ],
)
def test_kinds(text: str, expected: str) -> None:
    assert kinds(text) == expected
    check_tiles(text)


@pytest.mark.parametrize(
    ("text", "level", "title"),
    [
        ("### A `b` *c* ###  \n", 3, "A `b` *c*"),
        ("# C# #\n", 1, "C#"),
        ("## [Install](#install) [¶](#i)\n", 2, "Install ¶"),
        ("  Two\nlines\n---\n", 2, "Two lines"),
        ("#\n", 1, ""),
        ("# A\tb\x00\n", 1, "A b\x00"),
    ],
)
def test_headings(text: str, level: int, title: str) -> None:
    [block] = blocks(text)
    assert (block.kind, block.level, block.title) == (Kind.HEADING, level, title)


def test_blank_lines_belong_to_the_block_before() -> None:
    assert [(block.start, block.end) for block in blocks("\n \na\n\n\nb\n \n")] == [(0, 7), (7, 11)]


def test_leading_titles() -> None:
    assert leading_titles("# A\n\n## B\ntext\n# C\n") == ["A", "B"]
    assert leading_titles("text\n# A\n") == []


def outermost(text: str) -> set[tuple[int, Kind, int]]:
    """Where markdown-it-py sees blocks start. Lengths are kept: its own normalisation would move what follows a CR."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"maxNesting": 100}).enable("table")
    parser.disable(["inline", "normalize", "reference"])
    source = re.sub(r"\r(?!\n)", "\n", text.replace("\r\n", " \n"))
    starts = [0, *(match.end() for match in re.finditer("\n", source))]
    return {
        (starts[token.map[0]], TYPES[token.type], int(token.tag[1]) if token.type == "heading_open" else 0)
        for token in parser.parse(source)
        if token.level == 0 and token.map
    }


def test_markdown_it_finds_the_same_blocks_in_real_documents() -> None:
    if not DATA.exists():
        pytest.skip("../shared is not there")
    pytest.importorskip("markdown_it")
    with gzip.open(DATA, "rt", encoding="utf-8") as lines:
        documents = [json.loads(line)["markdown"] for line in lines]
    ours = theirs = same = 0
    for text in random.Random(1).sample(documents, 150):
        check_tiles(text)
        found = {
            (block.start + len(text[block.start :]) - len(text[block.start :].lstrip("\r\n")), block.kind, block.level)
            for block in blocks(text)
        }
        expected = outermost(text)
        ours, theirs, same = ours + len(found), theirs + len(expected), same + len(found & expected)
    assert theirs > 1000
    # Apart by choice: front matter, long setext headings, lines after a full stop in a list.
    assert same / ours > 0.99 and same / theirs > 0.99


HOSTILE = (
    "x", "`", "```\n", "> ", "> > > > \n", "# h\n\ntext\n\n", "- ", "- a\n", "- a\n\n  b\n\n", "* ", "[a](", "a|b\n",
    "a|b\n|-\n", "|-", "<", "<a ", "<!--\n\n", "a\n<?\n", "<div>\n", "abc\n---\n", "> a\nb\n", "\t", "\n", "#", "1. ",
    "<script>", "- > - > a\n", "    a\n", "<!-- -->\n", "\\|", "a\n===\n", "~~~\n```\n",
)  # fmt: skip


@pytest.mark.parametrize("pattern", HOSTILE)
def test_time_is_linear(slowdown: Callable[[Callable[[int], object], int], float], pattern: str) -> None:
    assert slowdown(lambda n: blocks(pattern * n), 30_000 // len(pattern)) < 8


def test_deep_quotes_with_lazy_lines_take_linear_time(
    slowdown: Callable[[Callable[[int], object], int], float],
) -> None:
    assert slowdown(lambda n: blocks("> " * 120 + "a\n" + "b\n" * n), 5_000) < 8
