"""A scale from figures to a line of a drawing, with ticks a person would choose. Knows no drawing."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

MOST_TICKS = 7
LOGARITHMIC_FROM = 8.0
"""Highest over lowest from which equal steps would crowd most of the points into a corner."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Figures from `low` to `high`, both drawn, with `ticks` between them."""

    low: float
    high: float
    ticks: tuple[float, ...]
    logarithmic: bool

    @classmethod
    def of(cls, values: Sequence[float], *, may_be_logarithmic: bool = False) -> "Axis":
        """For at least one finite figure, with a margin on both sides."""
        low, high = min(values), max(values)
        if may_be_logarithmic and low > 0 and high / low >= LOGARITHMIC_FROM:
            margin = (high / low) ** 0.08
            low, high = low / margin, high * margin
            return cls(low, high, _decades(low, high), True)
        # One figure alone still needs a line to lie on.
        margin = (high - low) * 0.12 or abs(high) * 0.02 or 0.5
        low, high = low - margin, high + margin
        return cls(low, high, _steps(low, high), False)

    def at(self, value: float) -> float:
        """Where a figure lies, 0 at `low` to 1 at `high`."""
        if self.logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def text(self, tick: float) -> str:
        """A tick as short as it can be and still differ from the next."""
        if self.logarithmic or len(self.ticks) < 2:
            return f"{tick:.6g}"
        step = self.ticks[1] - self.ticks[0]
        return f"{tick:,.{max(0, -math.floor(math.log10(step) + 1e-9))}f}"


def _steps(low: float, high: float) -> tuple[float, ...]:
    rough = (high - low) / MOST_TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(nice * power for nice in (1, 2, 5, 10) if nice * power >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return tuple(index * step for index in range(first, math.floor(high / step + 1e-9) + 1))


def _decades(low: float, high: float) -> tuple[float, ...]:
    """The figures 1, 2, 5 times a power of ten, or 1 and 3, or the powers alone, or some of those: what fits."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        ticks = [factor * 10.0**power for power in powers for factor in factors if low <= factor * 10.0**power <= high]
        if len(ticks) <= MOST_TICKS:
            break
    return tuple(ticks[:: math.ceil(len(ticks) / MOST_TICKS)]) if ticks else (low, high)
