"""How long work tells its caller where it is. Knows neither terminals nor the work."""

from typing import Protocol


class Progress(Protocol):
    """Called often, from the working thread; must return quickly and must not raise."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """`done` of `total` units (bytes or tensors) of `stage` are finished."""


def silent(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""
