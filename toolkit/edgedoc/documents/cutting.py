"""Cuts a stretch of text that no chunk can hold, at the best places there are in it. Knows no blocks and no headings.

How many tokens a stretch has is asked of a function, which is all that costs time here: a stretch is not counted from
every possible end but from a few guesses, each from the one before.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator

from edgedoc.documents.sentences import sentence_starts
from edgedoc.errors import UsageError

Count = Callable[[str], int]
Measure = Callable[[int], int]

_ITEM = re.compile(r"(?:^|(?<=[\r\n]))([ \t]*)(?:[-+*]|\d{1,9}[.)])[ \t]")
_LINE = re.compile(r"(?:\r\n?|\n)")
_SPACE = re.compile(r"\s++")
_ENOUGH = 0.9
"""A stretch this near to the limit is not made longer: each attempt counts all of it."""
_LONGEST_TOKEN = 64
_JOINERS = "\u200c\u200d"


def cuts_within(text: str, start: int, end: int, limit: int, count: Count) -> list[int]:
    """Positions that cut text[start:end] into pieces of at most `limit` tokens each, as `count` counts them.

    Each at the start of a list item, line, sentence or word, in this order, where one lies in the second half of what
    fits; else inside a word, but not in a CRLF, a surrogate pair or a sequence of combining characters unless that is
    longer than the limit. Raises UsageError when a single character is.
    """
    cuts: list[int] = []
    position = start
    while (furthest := reach(position, end, limit, _counting(text, position, count))) < end:
        if furthest == position:
            raise too_small(limit, text[position], count(text[position]))
        position = verified(best_cuts(text, position, furthest), limit, _counting(text, position, count))
        cuts.append(position)
    return cuts


def too_small(limit: int, character: str, tokens: int) -> UsageError:
    """The refusal of a limit that one character exceeds."""
    return UsageError(f"--max-tokens {limit} is too small: the character {character!r} alone is {tokens} tokens.")


def verified(cuts: Iterator[int], limit: int, measure: Measure) -> int:
    """The first of `cuts` up to which there are at most `limit` tokens; the last one, if there is none."""
    cut = -1
    for cut in cuts:
        # Less text is not always fewer tokens: what a cut splits may have been one.
        if measure(cut) <= limit:
            break
    return cut


def reach(start: int, end: int, limit: int, measure: Measure) -> int:
    """The furthest position up to which `measure` finds at most `limit` tokens, or one nearly as far; `start` for none.

    It is `end` whenever all fits, unless tokens are longer than 64 characters there. `measure(position)` counts from
    `start` to there; it should not fall much where the position grows.
    """
    fits, tokens, over = start, 0, end + 1
    guess = min(end, start + max(1, 4 * limit))
    while True:
        found = measure(guess)
        if found <= limit:
            fits, tokens = guess, found
        else:
            over = guess
        if over - fits <= 1:
            return fits
        if found <= limit and found >= _ENOUGH * limit:
            rest = end - fits <= _LONGEST_TOKEN * (limit - found + 1)
            return end if over > end and rest and measure(end) <= limit else fits
        guess = _next_guess(start, fits, over, end, tokens, found, limit)


def _next_guess(start: int, fits: int, over: int, end: int, tokens: int, found: int, limit: int) -> int:
    if over > end:
        # Nothing is too long yet. Doubling bounds what a wrong estimate costs.
        wanted = (fits - start) * limit // max(1, tokens)
        return min(end, max(fits + 1, min(wanted, 4 * (fits - start)) + start))
    if found > limit:
        # The estimate from a stretch that is too long falls short where its end was cheap; halving bounds that.
        wanted = start + (over - start) * limit // found
        return max(fits + 1, min(over - 1, wanted)) if wanted > fits + (over - fits) // 8 else (fits + over) // 2
    return (fits + over) // 2


def best_cuts(text: str, start: int, furthest: int) -> Iterator[int]:
    """Where to cut text[start:furthest] so that most of it stays together, the best place first; never `start` itself.

    The last ones go character by character: one of them is right if any is.
    """
    middle = start + (furthest - start + 1) // 2
    items = [(len(item[1]), item.start()) for item in _ITEM.finditer(text, middle, furthest + 1)]
    if outer := [at for indent, at in items if indent == min(items)[0] and at > start]:
        yield outer[-1]
    for ends in (_LINE, None, _SPACE):
        stops = (
            sentence_starts(text, middle, furthest + 1)
            if ends is None
            else (found.end() for found in ends.finditer(text, middle - 1, furthest))
        )
        if places := [at for at in stops if start < at <= furthest and not inside_character(text, at)]:
            yield places[-1]
    whole = next((at for at in range(furthest, start, -1) if not inside_character(text, at)), furthest)
    yield whole
    yield from range(furthest, start, -1)


def _counting(text: str, start: int, count: Count) -> Measure:
    return lambda stop: count(text[start:stop])


def inside_character(text: str, position: int) -> bool:
    """Whether what stands before and at `position` belongs together: CRLF, a surrogate pair, a character and marks."""
    if not 0 < position < len(text):
        return False
    before, here = text[position - 1], text[position]
    if here == "\n":
        return before == "\r"
    if "\udc00" <= here <= "\udfff":
        return "\ud800" <= before <= "\udbff"
    return (
        before in _JOINERS
        or here in _JOINERS
        or "\U0001f3fb" <= here <= "\U0001f3ff"
        or unicodedata.category(here).startswith("M")
    )
