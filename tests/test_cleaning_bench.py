"""The bench of cleaning levels: what it draws, what it counts as lost, and which level it calls the best trade."""

import gzip
import json
import zlib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from edgedoc.documents.cleaning import Cleaning
from edgedoc.errors import DocumentError
from edgedoc.tasks.reader import Reader
from edgedoc.tokens import Tokenizer
from edgedoc_bench.cleaning_pages import Page, load
from edgedoc_bench.cleaning_scores import Answer, Score, ask, score
from edgedoc_bench.cleaning_table import LEAST_PAGES, Kind, page, verdict
from edgedoc_bench.text_scores import Overlap

MARKUP, ATTRIBUTES, FURNITURE = Cleaning.MARKUP, Cleaning.ATTRIBUTES, Cleaning.FURNITURE
TEXT = " ".join(f"word{number}" for number in range(80))
PAGE = Page(
    id="p",
    kind="page",
    html=f"<nav>one two three four five six seven</nav><p class=c>{TEXT}</p><p hidden>a b c d e f</p><p>end",
    gold=f"{TEXT} one two three four five six a b c d e f never shown at all here",
)
PLAIN = Score(
    characters=900, tokens=300, windows=1, seconds=0.1, rules=Overlap(0.8, 0.9, 0.85), gold_runs=1000, lost_runs=0
)


def kind(name: str = "page", pages: int = LEAST_PAGES, **furniture: Any) -> Kind:
    """A kind of equal pages that cost 400, 300 and 200 tokens; `furniture` changes the highest level's score."""
    scores = {
        MARKUP: replace(PLAIN, tokens=400),
        ATTRIBUTES: PLAIN,
        FURNITURE: replace(PLAIN, **{"tokens": 200, **furniture}),
    }
    return Kind(name=name, raw=[1000] * pages, scores=[scores] * pages, answers=[])


def test_lost_is_what_the_lowest_level_shows_and_the_level_does_not(tokenizer_file: Path) -> None:
    found = score(PAGE, Tokenizer.from_file(tokenizer_file), 50)

    # "one ... six" are two runs of five in the <nav>, "a ... f" two in what is hidden; the last five are in no level.
    assert [found[level].lost_runs for level in Cleaning] == [0, 2, 4]
    assert {found[level].gold_runs for level in Cleaning} == {76 + 2 + 2}
    assert found[MARKUP].tokens > found[ATTRIBUTES].tokens > found[FURNITURE].tokens
    assert found[FURNITURE].rules.precision == pytest.approx(80 / 81)


def test_levels_take_turns_and_each_is_asked_once() -> None:
    asked: list[Cleaning] = []

    class _Reader:
        cleaning = ATTRIBUTES

        def convert(self, html: str) -> SimpleNamespace:
            asked.append(self.cleaning)
            return SimpleNamespace(windows=(), flagged=0, seconds=1.0, markdown="" if html != PAGE.html else TEXT)

    found = [ask(cast(Reader, _Reader()), PAGE, turn) for turn in range(2)]

    assert asked == [MARKUP, ATTRIBUTES, FURNITURE, ATTRIBUTES, FURNITURE, MARKUP]
    assert found[0].keys() == found[1].keys() == set(Cleaning)
    assert found[0][MARKUP].words.precision == 1.0


@pytest.mark.parametrize(
    ("kinds", "best", "against"),
    [
        ([kind()], FURNITURE, "no kind of page"),
        ([kind(), kind("shop", lost_runs=11)], ATTRIBUTES, "shop (gold lost 1.1% instead of 0.0%"),
        ([kind(), kind("shop", lost_runs=10)], FURNITURE, "no kind of page"),
        ([kind(rules=Overlap(0.7, 0.9, 0.8))], ATTRIBUTES, "page (gold lost 0.0% instead of 0.0%, F1 -0.050"),
        ([kind(), kind("rare", pages=LEAST_PAGES - 1, lost_runs=500)], FURNITURE, "no kind of page"),
        ([kind(), kind("dear", tokens=301)], ATTRIBUTES, "no kind of page"),
    ],
)
def test_the_best_trade_is_one_that_no_kind_of_page_speaks_against(
    kinds: list[Kind], best: Cleaning, against: str
) -> None:
    markup, furniture, last = verdict(kinds)

    assert markup.startswith("`markup` costs 33% to 33% more tokens")
    assert f"against it: {against}" in furniture
    assert last == f"best trade that no kind of page speaks against: `{best}`; the default is `attributes`"


def test_few_pages_give_no_verdict() -> None:
    assert verdict([kind(pages=3)]) == [f"no verdict: no kind has {LEAST_PAGES} pages"]


def test_the_report_holds_every_kind_apart() -> None:
    answer = Answer(
        windows=4,
        flagged=1,
        prompt_tokens=50,
        output_tokens=20,
        prefill_seconds=2.0,
        seconds=6.0,
        words=Overlap(0.5, 0.7, 0.6),
    )
    quick = replace(answer, prefill_seconds=1.0, seconds=2.0)
    asked = replace(kind("asked"), answers=[{MARKUP: answer, ATTRIBUTES: answer, FURNITURE: quick}])
    told = page([asked, kind("other")], ["what"], "machine")

    assert "## asked, 10 pages" in told and "## other, 10 pages" in told
    assert "0.50 (0.50-0.50)" in told and "0.33 (0.33-0.33)" in told
    assert "4 of 12" not in told and "1 of 4" in told
    assert asked.as_dict()["pages_asked"] == 1 and kind().as_dict()["answers"] == {}


def test_pages_are_drawn_by_kind_from_one_half(tmp_path: Path) -> None:
    def fill(name: str, rows: list[dict[str, str]]) -> None:
        with gzip.open(tmp_path / name, "wt") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)

    docs = [{"id": f"d{n}", "kind": "docs-page", "html": "<p>x", "markdown": "# *x*"} for n in range(40)]
    fill("html_markdown.jsonl.gz", [*docs, {**docs[0], "kind": "md-source"}, {**docs[0], "html": "y" * 200_000}])
    with pytest.raises(DocumentError, match=r"main_text.*--data"):
        load(tmp_path, 3)
    fill(
        "main_text.jsonl.gz", [{"id": f"m{n}", "page_type": "forum", "html": "<p>y", "text": "*y*"} for n in range(40)]
    )
    found = load(tmp_path, 5)

    assert {name: len(pages) for name, pages in found.items()} == {"docs-page": 5, "forum": 5}
    assert all(zlib.crc32(one.id.encode()) % 2 for pages in found.values() for one in pages)
    assert found == load(tmp_path, 5)
    assert {one.gold.strip() for one in found["docs-page"]} == {"x"}
    assert {one.gold for one in found["forum"]} == {"*y*"}
