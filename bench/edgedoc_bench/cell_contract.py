"""What goes between a bench and the process of a cell: an order, then answers. Plain data, and knows nobody at work."""

from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a process is to serve; plain data, since it crosses to another process. `model` is an artifact's folder.

    `mean` is the mean length in characters of a true segment, which splitters without a model are told; `penalty` is
    the recipe's for repetitions, for who cannot read a recipe.
    """

    measure: str
    kind: str
    name: str
    task: str
    model: str | None = None
    against: str | None = None
    documents: str | None = None
    threads: int | None = None
    drafts: bool | None = None
    in_flight: int | None = None
    method: str | None = None
    depths: tuple[int, ...] = ()
    decode: int = 0
    mean: float = 0.0
    penalty: float = 1.0


@dataclass(kw_only=True)
class Answer:
    """Rows, each with its kind, and the text that was made, which ends up in a file with that suffix."""

    rows: list[dict[str, Any]]
    seconds: float
    text: str | None = None
    suffix: str = ".md"
    output: dict[str, Any] = field(default_factory=dict)


class Subject(Protocol):
    """Something that is measured."""

    @property
    def plan(self) -> Any:
        """`engines.memory.MemoryPlan` of what is loaded; None for what is no model."""

    @property
    def load_seconds(self) -> float | None:
        """Seconds of loading; None: all that making this took."""

    def serve(self, item: int) -> Answer:
        """Measure item number `item` once."""
