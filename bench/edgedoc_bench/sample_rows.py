"""What the `sample` rows of all models have in common, and how a model is loaded to be billed. Knows no task."""

import hashlib
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from edgedoc_bench.corpus import Sample

if TYPE_CHECKING:
    from edgedoc.tasks.opening import OnEngine

Model = TypeVar("Model", bound="OnEngine")


def loaded(opened: Callable[[bool], Model], drafts: bool) -> tuple[Model, float]:
    """A model opened with drafts or without, and the seconds of loading it.

    The first use of drafts measures what steps of an artifact cost on this machine, which is no part of loading.
    """
    started = time.perf_counter()
    model = opened(False)
    seconds = time.perf_counter() - started
    if not drafts:
        return model, seconds
    model.close()
    return opened(True), seconds


class Watch:
    """Told the progress of a document: knows when the model was first asked."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._asked: float | None = None

    def __call__(self, done: int, total: int) -> None:
        if self._asked is None:
            self._asked = time.perf_counter() - self._started

    def first_token(self, windows: Sequence[Any]) -> float | None:
        """Seconds to the first token: what precedes the model, and the first prompt."""
        return self._asked + windows[0].prefill_seconds if windows and self._asked is not None else None


def bill(sample: Sample, seconds: float, text: str, first_token: float | None) -> dict[str, Any]:
    """What every `sample` row has."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return {
        "kind": "sample",
        "document": sample.id,
        "seconds": seconds,
        "first_token": first_token,
        "digest": digest,
    }


def sums(windows: Sequence[Any]) -> dict[str, Any]:
    """The bills of a document's windows, as one."""
    return {
        "windows": len(windows),
        "flagged": sum(bool(window.flags) for window in windows),
        "steps": sum(window.steps for window in windows),
        "prefill_tokens": sum(window.prompt_tokens for window in windows),
        "prefill_seconds": sum(window.prefill_seconds for window in windows),
        "decode_seconds": sum(window.decode_seconds for window in windows),
    }
