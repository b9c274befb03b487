"""Holds a window's answer against the window: how it ended, what it kept, what it made up. Knows no model.

Words are compared, not layout: a wrong heading level passes, a missing paragraph does not. Sources of the failure
modes: ollama#6875 (invention), ollama#7732 (dropped items).
"""

import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from html import unescape

from edgedoc.decoding.loop import FinishReason
from edgedoc.documents.coverage import share_found, words

KEPT_ENOUGH = 0.5
"""Least share of the expected words that an answer must hold: below it, most of the text is gone."""
FOUND_ENOUGH = 0.5
"""Least share of an answer's words that must stand in the window: below it, most of the answer is invented."""
NOTABLE = 0.9
"""An answer below this in either share passes, but not without being mentioned."""

# Names of elements and attributes are no words of the page: with them, an answer of "p p a href" would count as found.
_SYNTAX = re.compile(r"</?[a-z][a-z0-9]*|\s(?:alt|class|href|src|start|type)=|language-")


class Flag(StrEnum):
    """What is wrong with a window's answer."""

    LOOPED = "looped"
    CUT_OFF = "cut off"
    DROPPED = "dropped text"
    INVENTED = "invented text"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Shares of words, 0 to 1: `kept` of the expected ones, `found` of the answer's own."""

    kept: float
    found: float
    flags: tuple[Flag, ...]


def judge(answer: str, *, html: str, expected: str, finish: FinishReason) -> Verdict:
    """Judge the `answer` for a window of canonical `html`, of which `expected` is the deterministic Markdown."""
    held, wanted = _words(answer), _words(expected)
    # The expected Markdown stands in the window too: it has list numbers, which HTML does not write out.
    kept, found = share_found(wanted, held), share_found(held, wanted | _words(unescape(_SYNTAX.sub(" ", html))))
    flags = []
    if finish is FinishReason.LOOP:
        flags.append(Flag.LOOPED)
    if finish in (FinishReason.LENGTH, FinishReason.CONTEXT):
        flags.append(Flag.CUT_OFF)
    if kept < KEPT_ENOUGH:
        flags.append(Flag.DROPPED)
    if found < FOUND_ENOUGH:
        flags.append(Flag.INVENTED)
    return Verdict(kept=kept, found=found, flags=tuple(flags))


def _words(text: str) -> Counter[str]:
    """The words; where there are none (a row of ticks, an emoji), what stands between white space."""
    return words(text) or Counter(text.split())
