"""Documents as a bench keeps them beside its results."""

import json
from pathlib import Path

import pytest

from edgedoc.errors import UsageError
from edgedoc.recipes import Task
from edgedoc_bench import suite
from edgedoc_bench.document_sets import lay_out


def _suite(folder: Path, *names: str) -> suite.SuiteFile:
    works = "".join(f'[[tasks]]\ntask = "reader"\ndocuments = "{name}"\nlimit = 1\n' for name in names)
    path = folder / "mine.toml"
    path.write_text('name = "mine"\n' + works, "utf-8")
    return suite.load(str(path))


def _pages(path: Path, *pages: str) -> None:
    path.parent.mkdir(exist_ok=True)
    lines = [json.dumps({"id": f"{number}", "kind": "page", "source": page}) for number, page in enumerate(pages)]
    path.write_text("\n".join(lines) + "\n", "utf-8")


def test_a_set_is_kept_as_it_was_measured(tmp_path: Path) -> None:
    _pages(tmp_path / "pages.jsonl", "<p>one</p>", "<p>two</p>")
    before = lay_out(_suite(tmp_path, "pages.jsonl"), tmp_path / "out")["pages.jsonl", Task.READER]
    assert [sample.source for sample in before.samples] == ["<p>one</p>"]
    assert before.path.is_file() and before.path.parent == tmp_path / "out" / "documents"
    _pages(tmp_path / "pages.jsonl", "<p>other</p>")
    after = lay_out(_suite(tmp_path, "pages.jsonl"), tmp_path / "out")["pages.jsonl", Task.READER]
    assert after.sha256 != before.sha256


def test_two_sets_of_one_name_are_refused(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        _pages(tmp_path / folder / "pages.jsonl", "<p>one</p>")
    with pytest.raises(UsageError, match=r"a/pages.jsonl and b/pages.jsonl have the same last name"):
        lay_out(_suite(tmp_path, "a/pages.jsonl", "b/pages.jsonl"), tmp_path / "out")


def test_a_set_of_two_sizes_is_refused(tmp_path: Path) -> None:
    _pages(tmp_path / "pages.jsonl", "<p>one</p>", "<p>two</p>")
    twice = _suite(tmp_path, "pages.jsonl", "pages.jsonl")
    assert len(lay_out(twice, tmp_path / "out")) == 1
    twice.path.write_text(twice.text.replace("limit = 1", "limit = 2", 1), "utf-8")
    with pytest.raises(UsageError, match=r"pages.jsonl is named with two limits for a reader"):
        lay_out(suite.load(str(twice.path)), tmp_path / "out")
