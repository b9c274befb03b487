"""Agreement with full precision as a cell: the reference and the artifact read the same documents. Knows no results."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgedoc.artifact import Artifact
from edgedoc.recipes import Task
from edgedoc_bench.cell_contract import Answer, Order
from edgedoc_bench.chunk_fidelity import compare_chunkers
from edgedoc_bench.corpus import Sample
from edgedoc_bench.fidelity import compare_artifacts


class FidelitySubject:
    """An artifact and its reference; the one item is the comparison over all documents."""

    plan = load_seconds = None

    def __init__(self, order: Order, samples: Sequence[Sample]) -> None:
        self._artifact, self._reference = (
            Artifact.open(Path(order.model or "")),
            Artifact.open(Path(order.against or "")),
        )
        self._texts, self._threads = [sample.source for sample in samples], order.threads

    def serve(self, item: int) -> Answer:
        """See `cell_contract.Subject`. Raises what the comparisons raise."""
        started = time.perf_counter()
        values: Mapping[str, object]
        if self._artifact.recipe.task is Task.READER:
            pages = [text.encode() for text in self._texts]
            values = compare_artifacts(self._reference, self._artifact, pages, threads=self._threads).as_dict()
        else:
            values = compare_chunkers(self._reference, self._artifact, self._texts, self._threads)
        return Answer(rows=[{"kind": "fidelity", "values": values}], seconds=time.perf_counter() - started)
