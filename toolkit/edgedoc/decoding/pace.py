"""Decides how many drafted tokens a step should verify: as many as bring the most accepted tokens a second.

It weighs what a step of k tokens costs on this machine, T(k), against how often drafts were right so far. Draft length
from measured costs: Chen et al., Sequoia (arXiv 2402.12374, section 3.2); the rate of accepted tokens of a draft:
Leviathan et al. (arXiv 2211.17192, section 3). Knows token ids and seconds, no model and no machine.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence

from edgedoc.decoding.drafts import Trail

CLASSES = (0, 1, 2, 3, 4, 8, 16, 32)
"""Tokens of agreement from which a class begins: the longer answer and trail agreed, the likelier they go on to."""

EXPECTED = (0.2, 0.4, 0.6, 0.7, 0.85, 0.93, 0.96, 0.98)
"""Share of right guesses assumed for each class before any was seen, worth TRUST guesses."""

TRUST = 2.0
MARGIN = 1.05
"""What a draft must promise over a plain step: costs are measured and shares estimated, and both may be off."""

MEMORY = 200.0
"""Guesses remembered for a class; older ones count less, because pages differ."""


class Costs:
    """What a step of k tokens costs, with logits for each: T(k) in seconds, for the k that were measured."""

    def __init__(self, seconds: Mapping[int, float]) -> None:
        """`seconds` must hold k = 1. A step of another k is taken to cost what the next larger one does."""
        self.sizes = tuple(sorted(seconds))
        # A longer step never costs less; what disturbs a measurement only ever adds to it.
        self._seconds = [min(seconds[longer] for longer in self.sizes[at:]) for at in range(len(self.sizes))]

    def __call__(self, size: int) -> float:
        """Seconds of a step of `size` tokens, at most the largest measured."""
        return self._seconds[bisect_left(self.sizes, size)]

    @property
    def most(self) -> int:
        """The longest step measured."""
        return self.sizes[-1]


class Agreement:
    """How often a kind of trail was right, by the length of the agreement before."""

    def __init__(self) -> None:
        self._right = [TRUST * share for share in EXPECTED]
        self._guesses = [TRUST] * len(CLASSES)

    def learn(self, agreed: int, right: bool) -> None:
        """A guess after `agreed` tokens of agreement was right or wrong; it need not have been drafted."""
        index = bisect_right(CLASSES, agreed) - 1
        kept = 1.0 - 1.0 / MEMORY
        self._right[index] = self._right[index] * kept + right
        self._guesses[index] = self._guesses[index] * kept + 1.0

    def share(self, agreed: int) -> float:
        """The probability that the next guess is right."""
        index = bisect_right(CLASSES, agreed) - 1
        return self._right[index] / self._guesses[index]


class Pace:
    """What was learnt of a model's drafts, kept from document to document."""

    def __init__(self, costs: Costs, trails: int = 2) -> None:
        """`trails` is how many a Drafter may follow at once; each has its place and its own record."""
        self.costs = costs
        self.agreements = tuple(Agreement() for _ in range(trails))
        # Were the first guess right so seldom, and all others whenever it is, no length would pay. Time spent on
        # finding that out at every step would let the engine's other threads fall asleep.
        self._hopeless = min(
            ((MARGIN * costs(size) / costs(1) - 1.0) / (size - 1) for size in costs.sizes[1:]), default=1.0
        )

    def length(self, place: int, agreed: int, available: int) -> tuple[int, float]:
        """How many of the `available` tokens of the trail at `place` to draft, and the tokens a second expected.

        0 means a plain step. argmax over d of (1 + expected accepted of d) / T(1 + d).
        """
        best, rate = 0, MARGIN / self.costs(1)
        agreement, sizes = self.agreements[place], self.costs.sizes
        if agreement.share(agreed) <= self._hopeless:
            return best, rate
        expected, likely = 1.0, 1.0
        most = min(available, self.costs.most - 1)
        for drafted in range(1, most + 1):
            likely *= agreement.share(agreed + drafted - 1)
            expected += likely
            # Only the longest draft of each cost can be the best.
            if drafted + 1 in sizes or drafted == most:
                found = expected / self.costs(drafted + 1)
                if found > rate:
                    best, rate = drafted, found
        return best, rate


class Drafter:
    """Follows the trails of one document: `propose` before a step, `add` every token of the answer."""

    def __init__(self, trails: Sequence[Trail], pace: Pace) -> None:
        """`trails` in the order of their places in `pace`."""
        self._trails, self._pace = tuple(trails), pace

    def propose(self, room: int) -> list[int]:
        """Tokens to verify in the next step, at most `room`; none where a plain step is cheaper."""
        best: list[int] = []
        fastest = 0.0
        most = min(room, self._pace.costs.most - 1)
        for place, trail in enumerate(self._trails):
            guesses = trail.propose(most)
            length, rate = self._pace.length(place, trail.agreed, len(guesses))
            if rate > fastest:
                best, fastest = guesses[:length], rate
        return best

    def add(self, token: int) -> None:
        """The answer goes on with `token`. Every trail learns whether it would have been right, drafted or not."""
        for trail, agreement in zip(self._trails, self._pace.agreements, strict=False):
            agreed = trail.agreed
            right = trail.add(token)
            if right is not None:
                agreement.learn(agreed, right)
