"""edgedoc.schema: tables to dataclasses, and every way in which a table can be wrong is named."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pytest

from edgedoc.schema import SchemaError, from_table, to_table


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, kw_only=True)
class Leaf:
    weight: float
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Tree:
    name: str
    count: int
    colour: Colour
    leaf: Leaf
    leaves: dict[str, Leaf]
    extra: dict[str, Any] | None = None


GOOD: dict[str, Any] = {
    "name": "oak",
    "count": 2,
    "colour": "red",
    "leaf": {"weight": 1, "tags": ["a", "b"]},
    "leaves": {"first": {"weight": 0.5, "tags": []}},
}


def test_round_trip() -> None:
    tree = from_table(Tree, GOOD)
    assert tree.leaf == Leaf(weight=1.0, tags=("a", "b"))
    assert type(tree.leaf.weight) is float
    assert tree.colour is Colour.RED
    assert to_table(tree) == GOOD
    assert from_table(Tree, to_table(tree)) == tree


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nme": "oak"}, "'nme' is not a key"),
        ({"count": "2"}, "'count' should be an integer, not str"),
        ({"count": True}, "'count' should be an integer, not a boolean"),
        ({"count": 2.0}, "'count' should be an integer, not float"),
        ({"colour": "blue"}, "'colour' is 'blue', which is none of red"),
        ({"leaf": {"weight": True, "tags": []}}, "'leaf.weight' should be a number"),
        ({"leaf": {"weight": 1, "tags": ["a", 3]}}, r"'leaf.tags\[1\]' should be a string"),
        ({"leaf": {"weight": 1, "tags": "a"}}, "'leaf.tags' should be a list"),
        ({"leaf": {"tags": []}}, "'leaf.weight' is missing"),
        ({"leaves": {"first": []}}, "'leaves.first' should be a table"),
        ({"extra": 3}, "'extra' should be a table"),
    ],
)
def test_every_misfit_names_its_key(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        from_table(Tree, GOOD | change)


def test_a_document_that_is_no_table() -> None:
    with pytest.raises(SchemaError, match="'the document' should be a table"):
        from_table(Tree, [])
