"""A reader's Markdown of one page, scored against the page and its gold. Knows no file and no other page."""

from dataclasses import dataclass
from functools import cached_property

from edgedoc_bench import markdown_tree, structure_scores, text_scores
from edgedoc_bench.markdown_tree import Tree
from edgedoc_bench.page_facts import Facts, facts
from edgedoc_bench.table_score import tables_score
from edgedoc_bench.text_scores import words

DEGENERATE = 0.2
"""Repetition beyond the gold's from which a page counts as degenerate. Of 368 pages of documentation as their authors
wrote them 99 % repeat less than 16 %, one in four hundred more than 25 %; a looping answer repeats more than half."""


@dataclass(frozen=True)
class Page:
    """A page and what a perfect answer is, None where nobody wrote one; read once for all who answer."""

    html: str
    gold: str | None

    @cached_property
    def facts(self) -> Facts:
        """Its words and targets."""
        return facts(self.html)

    @cached_property
    def tree(self) -> Tree | None:
        """The gold as it renders."""
        return None if self.gold is None else markdown_tree.render(self.gold)

    @cached_property
    def words(self) -> list[str]:
        """Words of the rendered gold; none without one."""
        return words(self.tree.text) if self.tree is not None else []


def score_page(page: Page, markdown: str) -> dict[str, float | None]:
    """Values by the names of `quality_metrics`; None where the page has nothing to measure.

    A gold without a word is no gold: every share of it would be 0/0. An empty answer is scored like any other. Raises
    MissingPackageError.
    """
    answer = markdown_tree.render(markdown)
    found = words(answer.text)
    repeated = max(0.0, text_scores.repeated_share(found) - text_scores.repeated_share(page.words))
    values: dict[str, float | None] = {
        "ter": text_scores.token_error_rate(page.facts.words, found),
        "invented_links": structure_scores.invented_links(page.facts.targets, answer),
        "repeated": repeated,
        "degenerate": float(repeated > DEGENERATE),
    }
    gold = page.tree
    if gold is None or not page.words:
        return values
    one_line, gold_line = markdown_tree.fold(answer.text), markdown_tree.fold(gold.text)
    return values | {
        "token_f1": text_scores.token_f1(page.words, found).f1,
        "rouge_l": text_scores.rouge_l(page.words, found),
        "levenshtein": text_scores.levenshtein_similarity(gold_line, one_line),
        "wer": text_scores.word_error_rate(page.words, found),
        "headings": structure_scores.headings_f1(gold, answer),
        "links": structure_scores.links_f1(gold, answer),
        "lists": structure_scores.lists_f1(gold, answer),
        "code": structure_scores.code_f1(gold, answer),
        "tables": tables_score(gold.tables, answer.tables),
    }


def agreement(reference: str, answer: str) -> dict[str, float | None]:
    """How like full precision's Markdown an answer is: the same, similarity, share of it before the first difference.

    The last is the greedy agreement length, relative to the text: two models that decode greedily and agree on a token
    go on from the same place, so all after the first difference is chance.
    """
    length = _common_prefix(reference, answer)
    return {
        "same": float(reference == answer),
        "agreement": text_scores.levenshtein_similarity(reference, answer),
        "agreement_length": length / len(reference) if reference else float(not answer),
    }


def _common_prefix(one: str, other: str) -> int:
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
