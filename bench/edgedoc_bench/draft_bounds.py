"""What bounds a contender's decoding: reading the weights once a step, or the arithmetic of the step's tokens.

The first is bytes over the machine's measured bandwidth: all weights and the keys and values of every position, once a
step (as Williams et al., "Roofline", CACM 2009, bound a kernel). The second is T(k), the time a step of k tokens takes
on this machine with this artifact and nothing around it. T(k) holds the reading as well, so the limit is T(k); where
reading is at least half of it, reading is what bounds. Measures nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgedoc.decoding.pace import Costs
from edgedoc_bench.draft_pairs import Answers, decode_steps, mean_position, rows_a_step, tokens_a_step


@dataclass(frozen=True, kw_only=True)
class Bound:
    """Seconds a step: as it was, as reading alone takes, and as T(k) says. Tokens a step: `rows` fed, `tokens` got."""

    rows: float
    tokens: float
    step: float
    reading: float
    cost: float

    @property
    def reads(self) -> bool:
        """Whether reading is most of what the step costs."""
        return self.reading >= self.cost / 2

    @property
    def kind(self) -> str:
        """ "reading" or "arithmetic"."""
        return "reading" if self.reads else "arithmetic"

    @property
    def limit(self) -> float:
        """Tokens a second if a step took T(k) and nothing else took anything."""
        return self.tokens / self.cost

    @property
    def reached(self) -> float:
        """Share of the limit's speed."""
        return self.cost / self.step

    @property
    def bandwidth_reached(self) -> float:
        """Share of the speed at which bytes alone could be read."""
        return self.reading / self.step


def bound(answers: Answers, prompts: Sequence[int], artifact: dict[str, Any], bandwidth: float) -> Bound:
    """`artifact`: its T(k), bytes of weights and of a position, as `draft_cells.measure_costs` has them.

    `bandwidth`: bytes per second. T(k) between the lengths measured is interpolated, for k is an average.
    """
    rows = rows_a_step(answers)
    traffic = artifact["weights"] + artifact["position_bytes"] * mean_position(answers, prompts)
    return Bound(
        rows=rows,
        tokens=tokens_a_step(answers),
        step=sum(one["decode_seconds"] for one in answers) / max(1, decode_steps(answers)),
        reading=traffic / bandwidth,
        cost=_cost({int(size): seconds for size, seconds in artifact["seconds"].items()}, rows),
    )


def _cost(seconds: dict[int, float], rows: float) -> float:
    costs = Costs(seconds)
    below = max(size for size in costs.sizes if size <= rows)
    above = min((size for size in costs.sizes if size > rows), default=below)
    share = (rows - below) / (above - below) if above > below else 0.0
    return costs(below) + share * (costs(above) - costs(below))
