"""A document function without a model, so that what a batch costs beside the model can be seen. Knows no job.

A document says itself what becomes of it: CRASH and HANG are what they say, anything else becomes one chunk.
"""

import os
import signal
import time
from typing import Any

from edgedoc.batch import rows
from edgedoc.batch.messages import Document, Process, Result
from edgedoc.documents.chunks import Chunk
from edgedoc.tasks.pipeline import Row, Status

FUNCTION = "edgedoc_bench.batch_function:open_function"


def open_function(settings: dict[str, Any], *, threads: int | None, memory_limit: int | None) -> Process:
    """`settings["seconds"]` is what a document takes, asleep."""

    def process(document: Document) -> Result:
        text = document.data.decode()
        if text.startswith("CRASH"):
            os.kill(os.getpid(), signal.SIGSEGV)
        time.sleep(600 if text.startswith("HANG") else settings["seconds"])
        chunk = Chunk(index=0, start=0, end=len(text), text=text, tokens=1, headings=(), topic=None, summary=None)
        seconds = {"reader": time.time()}
        row = Row(id=None, source="", status=Status.OK, markdown=text, chunks=(chunk,), seconds=seconds)
        return Result(document.id, rows.pack(row), Status.OK, None, 1, settings["seconds"], ())

    return process
