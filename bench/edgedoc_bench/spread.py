"""Medians with their spread, the form in which repeated measurements are reported. Knows not what was measured."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Median, lowest, highest and number of repeated measurements, in the unit of the samples."""

    median: float
    lowest: float
    highest: float
    samples: int

    @classmethod
    def of(cls, samples: Sequence[float]) -> "Spread":
        """Summarise at least one sample."""
        return cls(median=statistics.median(samples), lowest=min(samples), highest=max(samples), samples=len(samples))

    def text(self, digits: int) -> str:
        """ "median (lowest-highest)" with that many decimals."""
        return f"{self.median:.{digits}f} ({self.lowest:.{digits}f}-{self.highest:.{digits}f})"
