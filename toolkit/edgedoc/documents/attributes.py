"""The attributes of an element, written out where a level of cleaning keeps them. Knows no element and no level."""

import re
from collections.abc import Mapping
from html import escape

LONGEST = 400
"""Characters of one element's attributes: a window is cut between its words, and its tags come on top of them."""

_NAME = re.compile(r"(?!on)[a-z][a-z0-9_:.-]*")
_BREAKS = re.compile(r"[\x00-\x20\x7f\ud800-\udfff]+")


def written(attributes: Mapping[str, str], without: frozenset[str]) -> str:
    """`attributes` but for event handlers and those of `without`, each after a space, in order, while they fit."""
    found, room = [], LONGEST
    for name, value in attributes.items():
        if name in without or not _NAME.fullmatch(name):
            continue
        text = f' {name}="{escape(_BREAKS.sub(" ", value))}"'
        if len(text) <= room:
            found.append(text)
            room -= len(text)
    return "".join(found)
