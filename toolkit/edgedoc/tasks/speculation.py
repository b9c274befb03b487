"""Whether answers are drafted, and how: joins a machine's step costs, what drafts were worth so far, and exactness.

Knows no document and no engine.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from edgedoc.artifact import Artifact
from edgedoc.decoding.drafts import Trail
from edgedoc.decoding.pace import Drafter, Pace
from edgedoc.engines.base import Engine
from edgedoc.tasks.profile import profile_of

SURE = 8
"""Tokens of agreement that the beginning of a text is worth of which the answer is expected to be a version."""


@dataclass(frozen=True, kw_only=True)
class Speculation:
    """How a model's answers are drafted; without `pace` they are not.

    `unit`: every step after the prompt has a multiple of so many tokens, which makes drafted answers those of plain
    decoding in steps of one unit, bit for bit.
    """

    pace: Pace | None = None
    unit: int = 1

    def drafter(self, copied: Sequence[int], version: Sequence[int] = ()) -> Drafter | None:
        """Follows `version`, a text the answer should be a version of, and `copied`, one it takes words from."""
        if self.pace is None:
            return None
        return Drafter((Trail(version, agreed=SURE), Trail(copied)), self.pace)


PLAIN = Speculation()


def speculation(artifact: Artifact, engine: Engine, *, threads: int | None, drafts: bool, exact: bool) -> Speculation:
    """For an artifact just loaded. `exact` finds the unit, and gives drafts up where logits agree in none.

    Empties the engine's cache. Raises EngineError.
    """
    if not (drafts or exact):
        return PLAIN
    found = profile_of(artifact, engine, threads=threads, unit=exact)
    unit = (found.unit or 0) if exact else 1
    return Speculation(pace=Pace(found.costs) if drafts and unit else None, unit=unit or 1)
