"""What converting a page gives: its Markdown, what was wrong with which window, and the bill. Knows no model."""

from dataclasses import asdict, dataclass
from enum import StrEnum

from edgedoc.decoding.loop import FinishReason
from edgedoc.tasks.checking import NOTABLE, Flag


class Fallback(StrEnum):
    """What stands in for a flagged window: the deterministic converter's Markdown, or nothing else."""

    RULES = "rules"
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class WindowResult:
    """One window's answer and its bill. `kept` and `found` are shares of words, 0 to 1; times are seconds."""

    markdown: str
    document_tokens: int
    prompt_tokens: int
    output_tokens: int
    drafted: int
    accepted: int
    steps: int
    finish: FinishReason
    kept: float
    found: float
    flags: tuple[Flag, ...]
    fallback: bool
    prefill_seconds: float
    decode_seconds: float


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """A document's Markdown, what was flagged on the way, and the bill."""

    markdown: str
    charset: str
    notes: tuple[str, ...]
    windows: tuple[WindowResult, ...]
    seconds: float

    @property
    def flagged(self) -> int:
        """Windows whose answer was not what it should be."""
        return sum(bool(window.flags) for window in self.windows)

    @property
    def fallbacks(self) -> int:
        """Windows in which the deterministic converter stands in."""
        return sum(window.fallback for window in self.windows)

    def remarks(self) -> list[str]:
        """What a user should be told: notes of the cleaning, and windows whose answer is not as it should be."""
        lines = list(self.notes)
        for number, window in enumerate(self.windows, 1):
            place = f"window {number} of {len(self.windows)}"
            if window.flags:
                outcome = "rules stand in" if window.fallback else "kept as it is"
                lines.append(f"{place} {', '.join(window.flags)}; {outcome}")
            elif min(window.kept, window.found) < NOTABLE:
                lines.append(
                    f"{place} has {window.kept:.0%} of the expected words; {window.found:.0%} of its own are the page's"
                )
        return lines

    def as_dict(self) -> dict[str, object]:
        """Plain data: every field, flagged windows and fallbacks counted."""
        return {**asdict(self), "flagged": self.flagged, "fallbacks": self.fallbacks}
