"""The document function of every job: bytes in, row out, on models opened once. Knows no job, pool or journal.

It can be pickled before it is opened (as `Opening` or by its arguments) and lives in a worker, in this process, or in
an actor of a cluster.
"""

import time

from edgedoc.batch import rows
from edgedoc.batch.messages import Document, Result
from edgedoc.tasks.pipeline import Pipeline, Settings

FUNCTION = "edgedoc.batch.processor:Processor"


class Processor:
    """Callable on a `Document`, gives its `Result`; what is wrong with the document is in there."""

    def __init__(self, settings: Settings, *, threads: int | None = None, memory_limit: int | None = None) -> None:
        """Load the models. Raises what `Pipeline.open` does."""
        self._pipeline = Pipeline.open(settings, threads=threads, memory_limit=memory_limit)

    def __call__(self, document: Document) -> Result:
        """One document."""
        started = time.perf_counter()
        row, remarks = self._pipeline.run(document.data, id=document.id, kind=document.kind, charset=document.charset)
        return Result(
            id=document.id,
            row=rows.pack(row),
            status=str(row.status),
            error=row.error,
            chunks=len(row.chunks),
            seconds=time.perf_counter() - started,
            remarks=tuple(remarks),
        )

    def close(self) -> None:
        """Free the models."""
        self._pipeline.close()
