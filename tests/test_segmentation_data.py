"""Loaders of segmented documents, on files made by hand with what trips readers of the real ones."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from edgedoc.errors import DocumentError, UsageError
from edgedoc_bench.segmentation_corpora import articles
from edgedoc_bench.segmentation_data import document, load
from edgedoc_bench.segmentation_document import Document

ROW: dict[str, Any] = {
    "id": "one",
    "unit": "paragraph",
    "paragraphs": ["A a.", "B b.", "C c."],
    "boundaries": [0, 2],
    "titles": ["First", "Second"],
    "markdown": "# First\n\nA a.\n\n# Second\n\nB b.\n\nC c.\n",
    "split_level": 1,
}
ARTICLE = """========,1,preface.
St. Louis is a city.
========,2,St. Louis, Mo..
One sentence.
***LIST***.
Where ***formula*** holds.
========,3,Deeper.
A third one.
***formula***.
========,2,Empty.
***LIST***
========,2,Culture.

Last sentence with ***codice***.
"""


def _article(tmp_path: Path, content: str | bytes, **options: bool) -> Document | None:
    path = tmp_path / "12" / "34" / "1234567"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return next(articles(tmp_path, **options), None)


def test_wiki_at_low_granularity(tmp_path: Path) -> None:
    found = _article(tmp_path, ARTICLE)

    assert found is not None
    assert found.items == ("One sentence.", "Where holds.", "A third one.", "Last sentence with .")
    assert (found.boundaries, found.titles) == ((2, 3), ("St. Louis, Mo.", "Culture"))
    assert (found.id, found.unit, found.joiner) == ("12/34/1234567", "sentence", " ")


def test_wiki_at_high_granularity_with_the_preface(tmp_path: Path) -> None:
    found = _article(tmp_path, ARTICLE, high=True, preface=True)

    assert found is not None
    assert found.titles == ("preface", "St. Louis, Mo.", "Deeper", "Culture")
    assert found.boundaries == (0, 2, 3, 4)


def test_wiki_without_a_preface_loses_no_section(tmp_path: Path) -> None:
    found = _article(tmp_path, "========,2,One.\nA.\n========,2,Two.\nB.\n")

    assert found is not None and found.titles == ("One", "Two")


def test_wiki_text_before_any_section_is_a_preface(tmp_path: Path) -> None:
    content = "Lost?\n========,2,One.\nA.\n========,2,Two.\nB.\n"

    dropped, kept = (_article(tmp_path, content, preface=preface) for preface in (False, True))
    assert dropped is not None and dropped.items == ("A.", "B.")
    assert kept is not None and kept.items == ("Lost?", "A.", "B.")


@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf"])
def test_wiki_with_windows_line_ends_and_a_byte_order_mark(tmp_path: Path, prefix: bytes) -> None:
    found = _article(tmp_path, prefix + ARTICLE.replace("\n", "\r\n").encode())

    assert found is not None and found.titles == ("St. Louis, Mo.", "Culture")
    assert not any("\r" in item or "\ufeff" in item for item in found.items)


def test_wiki_in_another_encoding_is_read(tmp_path: Path) -> None:
    found = _article(tmp_path, "========,2,A.\nCaf\xe9.\n========,2,B.\nTh\xe9.\n".encode("latin-1"))

    assert found is not None and found.items == ("Caf\ufffd.", "Th\ufffd.")


def test_wiki_sentences_keep_what_only_looks_like_a_line_end(tmp_path: Path) -> None:
    found = _article(tmp_path, "========,2,A.\none\u2028two\n========,2,B.\nthree\n")

    assert found is not None and found.items == ("one two", "three")


@pytest.mark.parametrize("content", ["", "no separator\n", "========,2,Only.\nA.\n", "========,2,A.\n========,2,B.\n"])
def test_files_without_two_segments_are_left_out(tmp_path: Path, content: str) -> None:
    assert _article(tmp_path, content) is None


def test_a_folder_is_read_in_order_without_hidden_files(tmp_path: Path) -> None:
    for name in ("b/2", "a/9", ".git/1", "a/.x"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("========,2,A.\na\n========,2,B.\nb\n")

    assert [found.id for found in articles(tmp_path)] == [str(Path("a/9")), str(Path("b/2"))]


def test_choi(tmp_path: Path) -> None:
    path = tmp_path / "0.ref"
    path.write_text("==========\nOne .\nTwo .\n==========\nThree .\n==========\n==========\n")

    found = list(articles(path))
    assert [(one.items, one.boundaries, one.titles) for one in found] == [(("One .", "Two .", "Three ."), (1, 2), None)]


def test_json_lines(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "small.jsonl.gz", "wt") as file:
        file.write(json.dumps(ROW) + "\n\n" + json.dumps({**ROW, "id": "two"}) + "\n")

    one, two = load(tmp_path, "small")
    assert (one.items, one.boundaries, one.titles) == (("A a.", "B b.", "C c."), (0, 2), ("First", "Second"))
    assert (one.unit, one.joiner, one.level, two.id) == ("paragraph", "\n\n", 1, "two")
    assert load(tmp_path, "small", 1) == [one] == load(tmp_path, str(tmp_path / "small.jsonl.gz"), 1)
    assert one.segments() == ["A a.", "B b.\n\nC c."]


def test_sections_open_at_the_level_there_are_three_of() -> None:
    sections = [(1, "Whole", "Intro."), (2, "A", "a\n\nb"), (3, "A1", "c"), (2, "B", ""), (2, "C", "d\n\n\ne")]
    row = {"id": "x", "sections": [{"level": n, "title": title, "text": text} for n, title, text in sections]}

    found = document(row, "x:1")
    assert found.items == ("Intro.", "a", "b", "c", "d", "e")
    assert (found.boundaries, found.titles) == ((0, 3, 5), ("Whole", "A", "C"))


@pytest.mark.parametrize(
    "change",
    [
        {"boundaries": [0]},
        {"boundaries": [2, 0]},
        {"boundaries": [1, 1, 2]},
        {"boundaries": [-1, 2]},
        {"boundaries": []},
        {"boundaries": "x"},
        {"titles": ["one"]},
        {"paragraphs": []},
        {"paragraphs": None},
        {"unit": "page"},
    ],
    ids=str,
)
def test_lines_that_make_no_sense_are_named(tmp_path: Path, change: dict[str, Any]) -> None:
    (tmp_path / "bad.jsonl").write_text(json.dumps(ROW) + "\n" + json.dumps({**ROW, **change}) + "\n")

    with pytest.raises(DocumentError, match=r"one: |bad\.jsonl:2 "):
        load(tmp_path, "bad")


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe", b"1"])
def test_what_is_no_json_lines_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.jsonl").write_bytes(content)

    with pytest.raises(DocumentError, match="bad.jsonl"):
        load(tmp_path, "bad")


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl.gz").write_bytes(gzip.compress(json.dumps(ROW).encode())[:-9])

    with pytest.raises(DocumentError, match="cannot be read"):
        load(tmp_path, "bad")


def test_an_unknown_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no set 'nowhere'"):
        load(tmp_path, "nowhere")
    with pytest.raises(UsageError, match="holds no document"):
        load(tmp_path, str(tmp_path))
