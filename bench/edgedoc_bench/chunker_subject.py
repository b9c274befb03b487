"""A chunker at work on texts, as a cell's process serves it. Knows no results and no other cell."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgedoc.recipes import Method
from edgedoc.tasks.chunker import Chunker
from edgedoc_bench.cell_contract import Answer, Order
from edgedoc_bench.corpus import Sample
from edgedoc_bench.sample_rows import Watch, bill, loaded, sums


class ChunkerSubject:
    """An artifact that cuts text into chunks."""

    def __init__(self, order: Order, samples: Sequence[Sample]) -> None:
        self._samples = samples
        method = Method(order.method) if order.method is not None else None

        def opened(drafts: bool) -> Chunker:
            return Chunker.open(Path(order.model or ""), method=method, threads=order.threads, drafts=drafts)

        self._chunker, self.load_seconds = loaded(opened, bool(order.drafts))
        self.plan = getattr(self._chunker.engine, "plan", None)

    def serve(self, item: int) -> Answer:
        """See `cell_contract.Subject`."""
        sample, watch = self._samples[item], Watch()
        done = self._chunker.chunk(sample.source, progress=watch)
        windows = done.windows
        text = _chunks_text([asdict(chunk) for chunk in done.chunks])
        row = {
            **bill(sample, done.seconds, text, watch.first_token(windows)),
            **sums(windows),
            "output_tokens": sum(window.written_tokens for window in windows),
            "drafted": sum(window.drafted for window in windows),
            "accepted": sum(window.accepted for window in windows),
            "fallbacks": 0,
        }
        told = {
            "flags": [list(window.flags) for window in windows],
            **{name: sum(getattr(window, name) for window in windows) for name in ("heads", "matched", "asked")},
        }
        return Answer(rows=[row], seconds=done.seconds, text=text, suffix=".json", output=told)


def _chunks_text(chunks: Sequence[dict[str, Any]]) -> str:
    told = {
        "starts": [chunk["start"] for chunk in chunks],
        "tokens": [chunk["tokens"] for chunk in chunks],
        "topics": [chunk["topic"] for chunk in chunks],
        "summaries": [chunk["summary"] for chunk in chunks],
    }
    return json.dumps(told, ensure_ascii=True) + "\n"
