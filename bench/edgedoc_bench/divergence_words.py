"""A position at which two models differ, in words: what was read, what comes next, and what each held likeliest."""

from collections.abc import Sequence

from edgedoc.tokens import Tokenizer
from edgedoc_bench.divergence import Place
from edgedoc_bench.passages import Passage

CONTEXT_TOKENS = 12
"""Tokens before a place that are shown."""


def in_words(place: Place, passages: Sequence[Passage], tokenizer: Tokenizer) -> str:
    """One line about `place`, whose window is one of `passages`."""
    passage = passages[place.window]
    begin = max(0, place.row + 1 - CONTEXT_TOKENS)
    seen = tokenizer.decode(passage.tokens[begin : place.row + 1])
    follows = passage.tokens[place.row + 1] if place.row + 1 < len(passage.tokens) else None
    text = "where the text ends" if follows is None else f"before {_name(tokenizer, follows)}"
    return (
        f"{place.kl:.4f} nats in window {place.window + 1} after {seen!r}, {text}: "
        f"{_name(tokenizer, place.reference)} ({place.reference_probability:.0%}) became "
        f"{_name(tokenizer, place.candidate)} ({place.candidate_probability:.0%})"
    )


def _name(tokenizer: Tokenizer, token: int) -> str:
    # Control tokens, the end of the answer above all, have no text.
    return repr(tokenizer.decode([token])) if tokenizer.decode([token]) else f"token {token}"
