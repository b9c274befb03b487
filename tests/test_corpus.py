"""The documents of a bench: what ships with the package, the formats people have, and what is no document."""

import gzip
import json
from pathlib import Path

import pytest

from edgedoc.errors import DocumentError, UsageError
from edgedoc.recipes import Task
from edgedoc_bench.chunk_scores import boundary_scores
from edgedoc_bench.corpus import Sample, load, spread
from edgedoc_bench.markdown_tree import render
from edgedoc_bench.page_facts import facts
from edgedoc_bench.text_scores import token_error_rate, words

MARKDOWN = "# T\n\nintro\n\n## A\n\none\n\ntwo\n\n## B\n\nthree\n"
WIKI = "========,2,First part.\nOne is here.\nTwo is here.\n========,2,Second.\nThree is here.\n"


def test_bundled_pages_have_gold_that_is_in_the_page() -> None:
    found = load("samples", Task.READER)

    assert len(found) == 10
    assert {sample.kind for sample in found} >= {"article", "documentation", "tables", "lists", "thread", "cjk", "rtl"}
    for sample in found:
        assert sample.gold is not None
        assert token_error_rate(facts(sample.source).words, words(render(sample.gold).text)) == 0, sample.id


def test_bundled_texts_come_with_and_without_headings_and_the_same_segments() -> None:
    found = load("samples", Task.CHUNKER)
    kept, stripped = found[: len(found) // 2], found[len(found) // 2 :]

    assert {sample.kind for sample in kept} == {"headings kept"}
    assert {sample.kind for sample in stripped} == {"headings stripped"}
    for one, other in zip(kept, stripped, strict=True):
        assert one.boundaries and other.boundaries and one.items and other.items
        assert all(one.source[start:].startswith("## ") for start in one.boundaries)
        assert "\n## " not in other.source
        assert [one.source[a:b] for a, b in one.items] == [other.source[a:b] for a, b in other.items]
        for sample in (one, other):
            assert (
                boundary_scores(sample.source, sample.items or (), sample.boundaries or (), sample.boundaries or ())[
                    "pk"
                ]
                == 0
            )


def test_a_folder_of_pages_with_their_gold_beside_them(tmp_path: Path) -> None:
    (tmp_path / "news").mkdir()
    (tmp_path / "news" / "a.html").write_bytes('<meta charset="latin-1"><p>caf\xe9'.encode("latin-1"))
    (tmp_path / "news" / "a.md").write_text("caf\u00e9", "utf-8")
    (tmp_path / "b.htm").write_text("<p>b", "utf-8")
    (tmp_path / "b.md").write_text(" \n", "utf-8")
    found = load(str(tmp_path), Task.READER)

    assert [(sample.id, sample.gold) for sample in found] == [("b", None), ("news/a", "caf\u00e9")]
    assert found[1].kind == "news"
    assert "caf\u00e9" in found[1].source


def test_pairs_in_json_lines(tmp_path: Path) -> None:
    rows = [{"id": 1, "kind": "docs", "html": "<p>\u2028x", "markdown": "x"}, {"html": "<p>y"}]
    path = tmp_path / "pairs.jsonl.gz"
    path.write_bytes(gzip.compress("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()))
    found = load("pairs.jsonl.gz", Task.READER, base=tmp_path)

    assert [(sample.id, sample.kind, sample.gold) for sample in found] == [
        ("1", "docs", "x"),
        ("pairs.jsonl.gz:2", "page", None),
    ]


def test_a_limit_takes_documents_from_all_over_the_set(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps({"id": n, "html": "x"}) + "\n" for n in range(10)), "utf-8")

    assert [sample.id for sample in load(str(path), Task.READER, limit=3)] == ["0", "3", "6"]


def test_a_limit_leaves_no_kind_out() -> None:
    kinds = ["common"] * 90 + ["rare"] * 9 + ["single"]
    found = [Sample(id=str(number), kind=kind, source="x") for number, kind in enumerate(kinds)]
    chosen = spread(found, 31)
    assert [sum(sample.kind == kind for sample in chosen) for kind in ("common", "rare", "single")] == [21, 9, 1]
    assert [int(sample.id) for sample in chosen] == sorted(int(sample.id) for sample in chosen)
    assert [sample.id for sample in spread(found, 7)] == ["0", "30", "60", "90", "93", "96", "99"]
    assert len(spread(found, 2)) == 2
    assert spread(found, 100) == spread(found, None) == tuple(found)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.md", MARKDOWN, [("## A", "## B"), ("one", "three")]),
        ("wiki.txt", WIKI, [("Three",)]),
        ("choi.txt", "==========\nOne.\nTwo.\n==========\nThree.\n", [("Three",)]),
        ("set.jsonl", json.dumps({"id": "x", "sentences": ["One.", "Two."], "boundaries": [0, 1]}), [("Two.",)]),
        (
            "from.jsonl",
            json.dumps({"id": "x", "source": "where", "sentences": ["One.", "Two."], "boundaries": [0, 1]}),
            [("Two.",)],
        ),
        ("own.jsonl", json.dumps({"id": "x", "source": "One. Two.", "boundaries": [5]}), [("Two.",)]),
    ],
)
def test_texts_of_every_format(name: str, text: str, expected: list[tuple[str, ...]], tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    found = load(name, Task.CHUNKER, base=tmp_path)

    assert len(found) == len(expected)
    for sample, starts in zip(found, expected, strict=True):
        assert sample.boundaries is not None
        assert [sample.source[at:].startswith(start) for at, start in zip(sample.boundaries, starts, strict=True)] == [
            True
        ] * len(starts)


def test_a_sample_survives_json() -> None:
    sample = load("samples", Task.CHUNKER)[0]

    assert Sample.from_dict(json.loads(json.dumps(sample.as_dict()))) == sample


def test_names_that_are_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Did you mean samples"):
        load("sampels", Task.READER)
    with pytest.raises(DocumentError, match="html and markdown"):
        load(str(tmp_path), Task.READER)
    (tmp_path / "bad.jsonl").write_text('{"markdown": "x"}\n', "utf-8")
    with pytest.raises(DocumentError, match=r"bad\.jsonl:1"):
        load("bad.jsonl", Task.READER, base=tmp_path)
    (tmp_path / "flat.md").write_text("no headings", "utf-8")
    with pytest.raises(DocumentError, match="headings"):
        load("flat.md", Task.CHUNKER, base=tmp_path)
