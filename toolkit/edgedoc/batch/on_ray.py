"""Documents processed by the actors of a Ray cluster, with Ray Data. As `Pool` to a job. Knows no journal.

Each actor has one worker process of ours, so that a crash, a hang or a document that eats memory costs there what it
costs here. The job's process reads the inputs and keeps the journal; artifacts lie at the same path on every machine.
"""

import logging
import os
import pickle
import sys
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Any

from edgedoc.batch import rows
from edgedoc.batch.child import Limits
from edgedoc.batch.layout import INTERPRETER
from edgedoc.batch.messages import Document, Opening, Result
from edgedoc.batch.pool import Pool
from edgedoc.errors import MissingPackageError

GROUP = 2000
GROUP_BYTES = 64 << 20
"""A data set is as many documents, or as many bytes: it is held in memory, and its actors load their models anew."""
BATCH = 8
"""Documents an actor is given at once: few, so that all have work to the end."""


class Actor:
    """One worker, in an actor: a batch of pickled documents in, their pickled results out."""

    def __init__(self, opening: Opening, limits: Limits, artifacts: rows.Artifacts) -> None:
        """The arguments are those of `Pool`."""
        self._pool = Pool(opening, 1, limits, partial(rows.unsurvived, artifacts=artifacts))

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        """See the class."""
        documents = (pickle.loads(document) for document in batch["document"])
        return {"result": [pickle.dumps(result) for result in self._pool.run(documents, lambda: False)]}


class OnRay:
    """Connects at the first document: to the cluster of RAY_ADDRESS, or to one it starts on this machine."""

    restarts = 0

    def __init__(
        self, opening: Opening, limits: Limits, artifacts: rows.Artifacts, *, memory: int, actors: int | None = None
    ) -> None:
        """`memory` is what a worker holds, in bytes; `actors` defaults to what the cluster has cores for.

        Raises MissingPackageError.
        """
        try:
            import ray.data  # noqa: F401
        except ImportError as error:
            raise MissingPackageError("ray", "ray") from error
        self._opening, self._limits, self._artifacts = opening, limits, artifacts
        self._memory, self._actors = memory, actors
        self._started = False

    def run(self, documents: Iterator[Document], stopping: Callable[[], bool]) -> Generator[Result, None, None]:
        """See `Pool.run`; a data set that has begun is finished."""
        while not stopping() and (group := _group(documents)):
            yield from self._run(group)

    def _run(self, group: list[bytes]) -> Iterator[Result]:
        ray = self._connected()
        blocks, threads = max(1, len(group) // BATCH), self._opening.threads or 1
        most = self._actors or int(ray.cluster_resources().get("CPU", 1) // threads)
        data = ray.data.from_items([{"document": document} for document in group], override_num_blocks=blocks)
        results = data.map_batches(
            Actor,
            batch_size=BATCH,
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=max(1, min(most, blocks))),
            num_cpus=threads,
            memory=self._memory + INTERPRETER,
            fn_constructor_args=(self._opening, self._limits, self._artifacts),
        )
        for row in results.iter_rows():
            result: Result = pickle.loads(row["result"])
            yield result

    def _connected(self) -> Any:
        import ray

        if not ray.is_initialized():
            # Nothing leaves this machine that was not asked for.
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
            path = os.pathsep.join(filter(None, sys.path))
            ray.init(
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                runtime_env={"env_vars": {"PYTHONPATH": path}},
            )
            logging.getLogger("ray.data").setLevel(logging.ERROR)
            ray.data.DataContext.get_current().enable_progress_bars = False
            self._started = True
        return ray

    def close(self) -> None:
        """Let go of the cluster, and end one that was started for this."""
        if self._started:
            import ray

            ray.shutdown()
            self._started = False


def _group(documents: Iterator[Document]) -> list[bytes]:
    group: list[bytes] = []
    size = 0
    while len(group) < GROUP and size < GROUP_BYTES and (document := next(documents, None)) is not None:
        group.append(pickle.dumps(document))
        size += len(group[-1])
    return group
