"""Structure scores by hand: what counts, what does not, and what has nothing to count."""

import pytest

from edgedoc_bench.markdown_tree import render
from edgedoc_bench.page_facts import facts
from edgedoc_bench.structure_scores import code_f1, headings_f1, invented_links, links_f1, lists_f1

pytest.importorskip("markdown_it")
NOTHING = render("text")


def test_headings_count_with_their_level() -> None:
    gold = render("# A\n\n## B\n")

    assert headings_f1(gold, render("# a\n\n### B\n")) == 0.5
    assert headings_f1(gold, NOTHING) == 0
    assert headings_f1(NOTHING, gold) == 0, "made up"
    assert headings_f1(NOTHING, NOTHING) is None
    assert headings_f1(gold, render("# A [¶](#a)\n\n## [#](#b) B\n")) == 1


def test_links_count_with_text_and_target() -> None:
    gold = render("[a](/x) [b](/y)")

    assert links_f1(gold, render("[b](/y/) [a](/z)")) == 0.5
    assert links_f1(gold, gold) == 1


def test_invented_links_are_those_the_page_has_not() -> None:
    page = facts('<base href="https://e.org/d/"><a href="p%20q.html#s">1</a><img src="i.png">')

    assert (
        invented_links(page.targets, render("[1](<p q.html>) [1](https://e.org/d/p%20q.html) ![](i.png) [2](/no)"))
        == 1 / 3
    )
    assert invented_links(page.targets, NOTHING) is None
    assert invented_links(frozenset(), render("[1](/x)")) == 1


def test_items_count_with_their_depth_and_their_own_text() -> None:
    gold = render("- a\n  - b\n- c\n")

    assert lists_f1(gold, render("- a\n- b\n- c\n")) == pytest.approx(2 / 3)
    assert lists_f1(gold, render("1. a\n   - b\n2. c\n")) == 1


def test_code_counts_as_a_whole_and_without_its_language() -> None:
    gold = render("```py\nx = 1\ny = 2\n```\n")

    assert code_f1(gold, render("    x = 1\n\n    y = 2\n")) == 1
    assert code_f1(gold, render("```\nx = 1\n```\n")) == 0


def test_facts_of_a_page() -> None:
    found = facts(
        '<?xml version="1.0" encoding="utf-8"?><p>H<sub>2</sub>O<td>a<td>b<img alt="Dusk"><script>var tide</script>'
    )

    assert {"h2o", "a", "b", "dusk", "tide"} <= found.words
    assert facts("").words == facts("<!-- -->").targets == frozenset()
    assert "b" in facts("a\0 b").words
    assert facts('<base href="http://[x"><a href="y">').targets >= {"y"}
