"""A window as a model is shown it, and what came of it. Knows no model and no way of asking."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from edgedoc.decoding.writer import Writer
from edgedoc.documents.boundaries import Candidate
from edgedoc.documents.chunks import Cut
from edgedoc.documents.flat import Flat


class Flag(StrEnum):
    """What was wrong with a window's answer. The document is whole all the same."""

    TRUNCATED = "the answer did not fit"
    LOOPED = "the model looped"
    CUT = "a topic or summary was too long"
    LOST = "a head was not found in the text"
    UNUSABLE = "no head was found in the text"


@dataclass(frozen=True, kw_only=True)
class WindowResult:
    """One window's cuts and their bill; positions are characters of the document, times seconds.

    `heads` counts chunks the model named and `matched` those that were found, `misplaced` those that are in the text
    but before the one named before; `asked` are the decisions left to the model among `written_tokens`. The first cut
    is the window's start. Scoring fills `weighed`: every place it looked at and the probability of a boundary there;
    where heads are listed, given one at the place before.
    """

    start: int
    end: int
    cuts: tuple[Cut, ...]
    complete: bool
    prompt_tokens: int
    written_tokens: int
    drafted: int
    accepted: int
    asked: int
    steps: int
    heads: int
    matched: int
    misplaced: int = 0
    flags: tuple[Flag, ...]
    weighed: tuple[tuple[int, float], ...] = ()
    prefill_seconds: float
    decode_seconds: float


@dataclass(frozen=True, kw_only=True)
class Window:
    """Characters `start` to `end` of a document; `seen` is what the model gets of them, in `prompt`.

    The first `before` characters of `seen` are none of the document's.
    """

    flat: Flat
    start: int
    end: int
    inside: Sequence[Candidate]
    before: int
    seen: str
    prompt: list[int]

    def billed(
        self,
        writer: Writer,
        cuts: Sequence[Cut],
        *,
        complete: bool,
        flags: tuple[Flag, ...],
        seconds: tuple[float, float],
    ) -> WindowResult:
        """The result of an answer that could only name places there are."""
        return WindowResult(
            start=self.start,
            end=self.end,
            cuts=tuple(cuts),
            complete=complete,
            prompt_tokens=len(self.prompt),
            written_tokens=len(writer.written),
            drafted=writer.drafted,
            accepted=writer.accepted,
            asked=writer.asked,
            steps=writer.steps,
            heads=len(cuts),
            matched=len(cuts),
            flags=flags,
            prefill_seconds=seconds[0],
            decode_seconds=seconds[1],
        )
