"""The arithmetic of the draft bench: rates, paired ratios, agreement. Knows no file and no target.

An answer is what a contender says about one window; see `draft_ours.answer`.
"""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Answers = Sequence[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """How many times as fast: median and quartiles of the pairs, and the ratio of the totals."""

    median: float
    lower: float
    upper: float
    totals: float
    pairs: int

    @property
    def worst(self) -> float:
        """The smaller of median and totals: what a target is held against."""
        return min(self.median, self.totals)

    def text(self) -> str:
        """ "median (lower-upper), totals"."""
        return f"{self.median:.2f} ({self.lower:.2f}-{self.upper:.2f}), totals {self.totals:.2f}"


def total(answers: Answers, name: str) -> float:
    """The sum of a figure; an answer that lacks it counts as 0."""
    return math.fsum(one.get(name, 0) for one in answers)


def rate(answers: Answers) -> float:
    """Output tokens a second of decoding, over all answers."""
    return total(answers, "output_tokens") / max(1e-9, total(answers, "decode_seconds"))


def ratio(ours: Answers, theirs: Answers, measure: Callable[[Answers], float] = rate) -> Ratio:
    """`measure` of `ours` over that of `theirs`, answer by answer and in all; at least one pair."""
    pairs = sorted(measure([one]) / max(1e-9, measure([other])) for one, other in zip(ours, theirs, strict=True))
    quartiles = statistics.quantiles(pairs, n=4, method="inclusive") if len(pairs) > 1 else [pairs[0]] * 3
    return Ratio(
        median=quartiles[1],
        lower=quartiles[0],
        upper=quartiles[2],
        totals=measure(ours) / max(1e-9, measure(theirs)),
        pairs=len(pairs),
    )


def speed(answers: Answers) -> float:
    """Answers a second."""
    return len(answers) / max(1e-9, total(answers, "seconds"))


def same(ours: Answers, theirs: Answers, key: str = "ids") -> int:
    """Answers that are identical. `key`: "ids", or "text" for a contender that does not tell its tokens."""
    return sum(one[key] == other[key] for one, other in zip(ours, theirs, strict=True))


def tokens_a_step(answers: Answers) -> float:
    """Output tokens for each step after the prompt's; the stop token is one of them."""
    ended: int = sum(one["finish"] == "stop" for one in answers)
    return (total(answers, "output_tokens") + ended - len(answers)) / max(1, decode_steps(answers))


def rows_a_step(answers: Answers) -> float:
    """Tokens fed for each step after the prompt's: the last one of the answer, and what was drafted."""
    return 1.0 + total(answers, "drafted") / max(1, decode_steps(answers))


def decode_steps(answers: Answers) -> int:
    """Steps after the prompts'."""
    return int(total(answers, "steps")) - len(answers)


def mean_position(answers: Answers, prompts: Sequence[int]) -> float:
    """Tokens in the cache at a step, on average; `prompts` has the tokens of each prompt."""
    return (sum(prompts) + total(answers, "output_tokens") / 2) / len(answers)
