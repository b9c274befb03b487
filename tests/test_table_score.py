"""TEDS: by hand, against apted, and its bound for large tables."""

import random

import pytest

from edgedoc_bench import table_score
from edgedoc_bench.table_score import _selkow, _zhang_shasha, tables_score, teds
from edgedoc_bench.text_scores import levenshtein_similarity

pytest.importorskip("rapidfuzz")
Rows = list[tuple[str, ...]]


def _tables(count: int) -> list[tuple[Rows, Rows]]:
    draw = random.Random(1)

    def table() -> Rows:
        return [
            tuple(draw.choices(["a", "ab", "help", "hello"], k=draw.randint(0, 4))) for _ in range(draw.randint(0, 5))
        ]

    return [(table(), table()) for _ in range(count)]


def test_by_hand() -> None:
    gold = [("a", "b"), ("c", "d")]

    assert teds(gold, gold) == 1
    # Seven nodes, of which a row with its two cells is missing.
    assert teds(gold, gold[:1]) == pytest.approx(1 - 3 / 7)
    # One of seven changed by half of its two letters.
    assert teds(gold, [("ax", "b"), ("c", "d")]) == pytest.approx(1 - 0.5 / 7)
    assert teds([], []) == 1


def test_equals_apted() -> None:
    apted = pytest.importorskip("apted")

    class Node:
        def __init__(self, kind: str, text: str, children: list["Node"]) -> None:
            self.kind, self.text, self.children = kind, text, children

    # Not derived from apted.Config: its class is unknown where apted is not installed.
    class Config:
        valuecls = float

        def delete(self, node: Node) -> float:
            return 1.0

        insert = delete

        def rename(self, one: Node, other: Node) -> float:
            return 1 - (levenshtein_similarity(one.text, other.text) or 0) if one.kind == other.kind else 1.0

        def children(self, node: Node) -> list[Node]:
            return node.children

    def tree(rows: Rows) -> Node:
        return Node("table", "", [Node("row", "", [Node("cell", cell, []) for cell in row]) for row in rows])

    for one, other in _tables(60):
        expected = apted.APTED(tree(one), tree(other), Config()).compute_edit_distance()
        assert _zhang_shasha(one, other) == pytest.approx(expected)


def test_the_bound_for_large_tables_errs_downwards_only(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = [(_zhang_shasha(one, other), _selkow(one, other)) for one, other in _tables(60)]

    assert all(bound >= distance - 1e-9 for distance, bound in exact)
    assert sum(bound > distance + 1e-9 for distance, bound in exact) < len(exact) / 5
    monkeypatch.setattr(table_score, "MOST_NODES", 3)
    assert teds([("a", "b"), ("c", "d")], [("a", "b")]) == pytest.approx(1 - 3 / 7)


def test_a_lost_table_does_not_shift_the_others() -> None:
    first, second = [("a", "b")], [("c", "d"), ("e", "f")]

    assert tables_score([first, second], [second]) == 0.5
    assert tables_score([first, second], [first, second]) == 1
    assert tables_score([], [first]) == tables_score([first], []) == 0
    assert tables_score([], []) is None
