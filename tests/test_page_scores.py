"""Scores of a page: which figures there are, what has none, and the threshold of degeneration on real pages."""

import gzip
import json
from pathlib import Path

import pytest

from bench_results import GOLD, HTML
from edgedoc.recipes import Task
from edgedoc_bench import markdown_tree
from edgedoc_bench.page_scores import DEGENERATE, Page, agreement, score_page
from edgedoc_bench.quality_metrics import METRICS
from edgedoc_bench.text_scores import repeated_share, words

pytest.importorskip("markdown_it")
pytest.importorskip("rapidfuzz")
DATA = Path(__file__).parents[2] / "shared" / "data" / "html2md" / "html_markdown.jsonl.gz"


def test_the_gold_itself_is_perfect() -> None:
    found = score_page(Page(HTML, GOLD), GOLD)

    assert found.keys() <= METRICS[Task.READER].keys()
    assert {name: found[name] for name in ("token_f1", "rouge_l", "levenshtein", "headings", "lists")} == dict.fromkeys(
        ("token_f1", "rouge_l", "levenshtein", "headings", "lists"), 1.0
    )
    assert {found["wer"], found["ter"], found["repeated"], found["degenerate"]} == {0.0}
    assert found["code"] is found["tables"] is found["links"] is None, "there is nothing to keep"


def test_an_empty_answer_is_scored_and_an_empty_gold_is_none() -> None:
    found = score_page(Page(HTML, GOLD), "")

    assert (found["token_f1"], found["wer"], found["headings"], found["ter"]) == (0, 1, 0, 0)
    for gold in (None, "", "<!-- nothing -->"):
        assert score_page(Page(HTML, gold), GOLD).keys() == {"ter", "invented_links", "repeated", "degenerate"}


def test_a_loop_is_degenerate_and_an_invention_is_counted() -> None:
    found = score_page(Page(HTML, GOLD), GOLD + "One two three four five six seven. " * 30)

    assert found["degenerate"] == 1
    assert score_page(Page(HTML, GOLD), "Title zebra")["ter"] == 0.5


def test_agreement_ends_at_the_first_difference() -> None:
    found = agreement("0123456789", "01234x6789")

    assert (found["same"], found["agreement"], found["agreement_length"]) == (0, 0.9, 0.5)
    assert agreement("", "") == {"same": 1, "agreement": 1, "agreement_length": 1}
    assert agreement("", "x")["agreement_length"] == 0


def test_repetition_of_authors_is_below_what_counts_as_degenerate() -> None:
    if not DATA.exists():
        pytest.skip("no documents in ../shared")
    with gzip.open(DATA, "rt", encoding="utf-8") as lines:
        rows = [row for line in lines if (row := json.loads(line))["kind"] == "docs-page"]
    shares = sorted(repeated_share(words(markdown_tree.render(row["markdown"]).text)) for row in rows[::4])

    assert shares[len(shares) // 2] < 0.05
    assert shares[int(0.95 * len(shares))] < DEGENERATE
