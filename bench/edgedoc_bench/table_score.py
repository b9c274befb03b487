"""How alike two tables are: TEDS, tree edit distance based similarity, and its mean over the tables of two pages.

Zhong, ShafieiBavani and Jimeno Yepes 2020 (PubTabNet, arXiv 1911.10683): 1 - distance / nodes of the larger tree. A
table is a tree table > row > cell; inserting or deleting a node costs 1, changing a cell the normalised Levenshtein
distance of the two texts. Markdown knows neither sections nor spans, so `th` is `td` and there is no tbody.

The distance is Zhang and Shasha's (1989, doi 10.1137/0218082) on ordered trees, what apted computes; the tests compare.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from itertools import accumulate
from typing import TypeVar

from edgedoc_bench.markdown_tree import Row
from edgedoc_bench.text_scores import levenshtein_similarity, overlap

T = TypeVar("T")
Table = Sequence[Row]
Label = tuple[str, str]
MOST_NODES = 300
"""Nodes of the larger table up to which the distance is exact, half a second of Python; it grows with the square."""
LEAST_ALIKE = 0.01
"""Overlap of cells below which two tables are not the same table badly written."""


def teds(gold: Table, answer: Table) -> float:
    """Similarity of two tables, 0 to 1; two empty ones are alike.

    Above MOST_NODES a row is aligned with a row and a cell with a cell of it only (Selkow 1977), which is never less
    than the distance and the same wherever no row was cut in two, so the similarity errs downwards.
    """
    nodes = max(_nodes(gold), _nodes(answer))
    distance = _zhang_shasha(gold, answer) if nodes <= MOST_NODES else _selkow(gold, answer)
    return 1 - distance / nodes


def tables_score(gold: Sequence[Table], answer: Sequence[Table]) -> float | None:
    """Mean TEDS over the tables of a page, those without a partner as 0; None where neither side has a table.

    Partners keep their order and are chosen for the most cells in common: one lost table must not shift all others.
    """
    if not gold and not answer:
        return None
    pairs = _partners(gold, answer)
    return sum(teds(gold[i], answer[j]) for i, j in pairs) / max(len(gold), len(answer))


def _partners(gold: Sequence[Table], answer: Sequence[Table]) -> list[tuple[int, int]]:
    bags = [[Counter(cell for row in table for cell in row) for table in side] for side in (gold, answer)]
    alike = [[overlap(one, other).f1 for other in bags[1]] for one in bags[0]]
    best = [[0.0] * (len(answer) + 1) for _ in range(len(gold) + 1)]
    for i in reversed(range(len(gold))):
        for j in reversed(range(len(answer))):
            best[i][j] = max(best[i + 1][j], best[i][j + 1], alike[i][j] + best[i + 1][j + 1])
    pairs, i, j = [], 0, 0
    while i < len(gold) and j < len(answer):
        if best[i][j] == best[i + 1][j]:
            i += 1
        elif best[i][j] == best[i][j + 1]:
            j += 1
        else:
            pairs.append((i, j))
            i, j = i + 1, j + 1
    return [(i, j) for i, j in pairs if alike[i][j] >= LEAST_ALIKE]


def _nodes(table: Table) -> int:
    return 1 + len(table) + sum(map(len, table))


def _zhang_shasha(gold: Table, answer: Table) -> float:
    labels1, leftmost1 = _postorder(gold)
    labels2, leftmost2 = _postorder(answer)
    tree = [[0.0] * len(labels2) for _ in labels1]
    change = cache(_change)
    for root1 in _key_roots(leftmost1):
        for root2 in _key_roots(leftmost2):
            left1, left2 = leftmost1[root1], leftmost2[root2]
            forest = [[float(i + j) for j in range(root2 - left2 + 2)] for i in range(root1 - left1 + 2)]
            for i in range(left1, root1 + 1):
                above, row = forest[i - left1], forest[i - left1 + 1]
                for j in range(left2, root2 + 1):
                    column = j - left2 + 1
                    least = min(above[column], row[column - 1]) + 1
                    if leftmost1[i] == left1 and leftmost2[j] == left2:
                        row[column] = tree[i][j] = min(least, above[column - 1] + change(labels1[i], labels2[j]))
                    else:
                        before = forest[leftmost1[i] - left1][leftmost2[j] - left2]
                        row[column] = min(least, before + tree[i][j])
    return tree[-1][-1]


def _postorder(table: Table) -> tuple[list[Label], list[int]]:
    """Labels in postorder, and for each node the index of its leftmost leaf."""
    labels: list[Label] = []
    leftmost: list[int] = []
    for row in table:
        first = len(labels)
        for cell in row:
            leftmost.append(len(labels))
            labels.append(("cell", cell))
        leftmost.append(first)
        labels.append(("row", ""))
    leftmost.append(0)
    labels.append(("table", ""))
    return labels, leftmost


def _key_roots(leftmost: Sequence[int]) -> list[int]:
    """Of all nodes with the same leftmost leaf the last."""
    return sorted({left: index for index, left in enumerate(leftmost)}.values())


def _change(one: Label, other: Label) -> float:
    if one[0] != other[0]:
        return 1.0
    similarity = levenshtein_similarity(one[1], other[1])
    return 1.0 if similarity is None else 1 - similarity


def _selkow(gold: Table, answer: Table) -> float:
    change = cache(_change)

    def rows(one: Row, other: Row) -> float:
        return _align(one, other, lambda cell: 1.0, lambda a, b: change(("cell", a), ("cell", b)))

    return _align(gold, answer, lambda row: 1.0 + len(row), rows)


def _align(one: Sequence[T], other: Sequence[T], alone: Callable[[T], float], both: Callable[[T, T], float]) -> float:
    """Least cost of making one sequence of the other; `alone` is the cost of an insertion or a deletion."""
    last = [0.0, *accumulate(alone(item) for item in other)]
    for item in one:
        row = [last[0] + alone(item)]
        for j, partner in enumerate(other):
            row.append(min(last[j + 1] + alone(item), row[j] + alone(partner), last[j] + both(item, partner)))
        last = row
    return last[-1]
