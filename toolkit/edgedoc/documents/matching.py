"""Finds the places that freely written heads mean. Knows flat text and candidates; no model and no format.

The published use of the checkpoints searches each head without its last ten characters and gives a document up when
one is missing (github.com/disi-unibo-nlp/rag-when-how-chunk, "Early&Late.ipynb"). Here a head that cannot be found is
left out, and the caller counts it.
"""

from collections.abc import Sequence

from edgedoc.documents.flat import Flat

TAIL = 10
"""Characters at a head's end that may be wrong."""
SHORTEST = 8
"""Characters that must be left without the tail: fewer are found anywhere."""


def find_heads(heads: Sequence[str], flat: Flat, places: Sequence[int]) -> list[int | None]:
    """The document position of each head, ascending, or None where it is not found after the one before.

    `places` are the candidate positions of the window, ascending, its start first. A head is looked for at them, then
    anywhere; in full, then without its tail.
    """
    offsets = [flat.at(place) for place in places]
    found: list[int | None] = []
    after = -1
    for head in heads:
        wanted = " ".join(head.split())
        position = None
        for text in (wanted, wanted[:-TAIL] if len(wanted) >= TAIL + SHORTEST else ""):
            if not text or position is not None:
                continue
            at = next((o for o in offsets if o > after and flat.text.startswith(text, o)), -1)
            at = flat.text.find(text, after + 1) if at < 0 else at
            position = at if at >= 0 else None
        if position is None:
            found.append(None)
            continue
        after = position
        found.append(places[offsets.index(position)] if position in offsets else flat.origin(position))
    return found
