"""A tool that is no model at work on documents, as a cell's process serves it. Imports no engine, and pays for none."""

import json
import time
from collections.abc import Callable, Sequence

from edgedoc.recipes import Task
from edgedoc_bench import baselines
from edgedoc_bench.cell_contract import Answer, Order
from edgedoc_bench.corpus import Sample
from edgedoc_bench.sample_rows import bill


class BaselineSubject:
    """A tool that is no model."""

    plan = load_seconds = None

    def __init__(self, order: Order, samples: Sequence[Sample]) -> None:
        self._samples = samples
        self._answer: Callable[[str], str]
        if Task(order.task) is Task.READER:
            self._answer, self._suffix = baselines.reader(order.name), ".md"
        else:
            cut = baselines.chunker(order.name)
            self._answer, self._suffix = lambda text: _cuts_text(text, cut(text, order.mean)), ".json"

    def serve(self, item: int) -> Answer:
        """See `cell_contract.Subject`."""
        sample = self._samples[item]
        started = time.perf_counter()
        text = self._answer(sample.source)
        seconds = time.perf_counter() - started
        return Answer(rows=[bill(sample, seconds, text, None)], seconds=seconds, text=text, suffix=self._suffix)


def _cuts_text(text: str, cuts: Sequence[int]) -> str:
    starts = [0, *cuts] if text else []
    return json.dumps({"starts": starts, "tokens": None, "topics": None, "summaries": None}) + "\n"
