"""How many workers a machine carries and how many threads each has, from its cores and the models' computed memory.

Knows no job. One thread a worker first: matrix products over a few rows hardly gain from a second core, documents do.
"""

from dataclasses import dataclass
from pathlib import Path

from edgedoc.artifact import Artifact
from edgedoc.engines.host import available_memory, usable_cores
from edgedoc.tasks.opening import plan_engine
from edgedoc.tasks.pipeline import Settings

INTERPRETER = 160 << 20
"""Bytes of a worker beside its models: Python, numpy, tokenizers, the engine's libraries, a large page."""
SHARE = 0.8
"""Of the free memory: the rest is for pages, and for whoever else is there."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """`memory` is what a worker is computed to hold, in bytes; None where nobody computed it."""

    workers: int
    threads: int
    memory: int | None = None

    @property
    def most_memory(self) -> int | None:
        """Bytes a worker may take before it is in the way of the others: its share of what is free."""
        free = available_memory()
        return None if free is None else max(int(free * SHARE) // self.workers, 2 * (self.memory or 0))

    def line(self) -> str:
        """For people."""
        plural = "s" if self.workers > 1 else ""
        held = f", {self.memory / 1e6:,.0f} MB each" if self.memory is not None else ""
        return f"{self.workers} worker{plural} of {self.threads} thread{'s' if self.threads > 1 else ''}{held}"


def lay_out(
    settings: Settings, *, workers: int | None = None, threads: int | None = None, documents: int | None = None
) -> Layout:
    """As many workers as there are cores, memory and `documents` for, at least one; cores left go to their threads.

    What the caller chose is kept. Raises what opening the artifacts and planning their memory raises.
    """
    cores, free, memory = usable_cores(), available_memory(), worker_memory(settings)
    if workers is None:
        fitting = cores if free is None else int(free * SHARE) // memory
        workers = max(1, min(cores // (threads or 1), fitting, documents or cores))
    return Layout(workers=workers, threads=threads or max(1, cores // workers), memory=memory)


def worker_memory(settings: Settings) -> int:
    """Bytes a worker is computed to hold. Raises what `lay_out` does."""
    return INTERPRETER + _needed(settings.reader, settings.in_flight) + _needed(settings.chunker, 1)


def _needed(path: Path, sequences: int) -> int:
    return plan_engine(Artifact.open(path), sequences=sequences).total
