"""How well an answer keeps what gives a page its structure: headings, links, lists, code. Knows two trees, no file.

Each score is an F1 over bags of things, so repeats count and order does not; matching is exact on folded text. None
where the gold has no such thing and the answer none either: nothing was asked, so nothing belongs in a mean. Where only
the answer has some, the score is 0: it made them up.

Headings are a score of their own as in opendataloader-bench; the other definitions are ours, since no library has them.
"""

from collections import Counter
from collections.abc import Iterable

from edgedoc_bench.markdown_tree import Tree, fold, same_target
from edgedoc_bench.text_scores import overlap

MARKS = " ¶#§🔗⚓"
"""What Sphinx, MkDocs, mdBook, VuePress and their like put beside a heading."""


def headings_f1(gold: Tree, answer: Tree) -> float | None:
    """On (level, text), the text case folded: a heading one level off is wrong.

    A generator's permalink mark at an end of the text is left out: the link scores have it, and it would hide all else.
    """
    return _f1(_headings(gold), _headings(answer))


def links_f1(gold: Tree, answer: Tree) -> float | None:
    """On (text, target), targets compared as `same_target` says."""
    return _f1(_links(gold), _links(answer))


def invented_links(source: Iterable[str], answer: Tree) -> float | None:
    """Share of the answer's targets that no link of the page has, 0 (best) to 1; None for an answer without links.

    `source` are the targets in the page, as `page_facts.facts` finds them; a fragment left off or a percent-escape read
    is no invention.
    """
    if not answer.links:
        return None
    known = {same_target(href) for href in source}
    return sum(same_target(href) not in known for _, href in answer.links) / len(answer.links)


def lists_f1(gold: Tree, answer: Tree) -> float | None:
    """On (depth, text) of the items; the text of an item is without that of the lists in it."""
    return _f1(
        ((item.depth, item.text.casefold()) for item in gold.items),
        ((item.depth, item.text.casefold()) for item in answer.items),
    )


def code_f1(gold: Tree, answer: Tree) -> float | None:
    """On the content of code blocks with all blanks folded: highlighters add and drop them. The language is no part."""
    return _f1(map(fold, gold.code), map(fold, answer.code))


def _headings(tree: Tree) -> Iterable[tuple[int, str]]:
    return ((level, text.casefold().strip(MARKS)) for level, text in tree.headings)


def _links(tree: Tree) -> Iterable[tuple[str, str]]:
    return ((text.casefold(), same_target(href)) for text, href in tree.links)


def _f1(gold: Iterable[object], answer: Iterable[object]) -> float | None:
    wanted, found = Counter(gold), Counter(answer)
    return overlap(wanted, found).f1 if wanted or found else None
