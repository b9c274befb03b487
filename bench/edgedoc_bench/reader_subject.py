"""A reader at work on pages, as a cell's process serves it. Knows no results and no other cell.

Without a fallback: what the model makes is measured, not what rescues it.
"""

from collections.abc import Sequence
from pathlib import Path

from edgedoc.tasks.reader import Fallback, Reader
from edgedoc_bench.cell_contract import Answer, Order
from edgedoc_bench.corpus import Sample
from edgedoc_bench.sample_rows import Watch, bill, loaded, sums


class ReaderSubject:
    """An artifact that turns HTML into Markdown."""

    def __init__(self, order: Order, samples: Sequence[Sample]) -> None:
        self._samples = samples

        def opened(drafts: bool) -> Reader:
            return Reader.open(
                Path(order.model or ""),
                fallback=Fallback.NONE,
                threads=order.threads,
                drafts=drafts,
                in_flight=order.in_flight or 1,
            )

        self._reader, self.load_seconds = loaded(opened, bool(order.drafts))
        self.plan = getattr(self._reader.engine, "plan", None)

    def serve(self, item: int) -> Answer:
        """See `cell_contract.Subject`."""
        sample, watch = self._samples[item], Watch()
        done = self._reader.convert(sample.source, progress=watch)
        windows = done.windows
        row = {
            **bill(sample, done.seconds, done.markdown, watch.first_token(windows)),
            **sums(windows),
            "output_tokens": sum(window.output_tokens for window in windows),
            "drafted": sum(window.drafted for window in windows),
            "accepted": sum(window.accepted for window in windows),
            "fallbacks": done.fallbacks,
        }
        told = {"flags": [list(window.flags) for window in windows], "finish": [window.finish for window in windows]}
        return Answer(rows=[row], seconds=done.seconds, text=done.markdown, output=told)
