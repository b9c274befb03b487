"""A job in a process of its own, to be killed: `python -m batch_job OUT WORKERS INPUT...` over batch_functions.py.

A line on stdout for each document that is done; at the end the outcome.
"""

import json
import signal
import sys
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path

import batch_functions
from edgedoc.batch import rows
from edgedoc.batch.child import Limits
from edgedoc.batch.in_process import InProcess
from edgedoc.batch.job import Destination, Job, Runner
from edgedoc.batch.journal import Journal
from edgedoc.batch.pool import Pool
from edgedoc.batch.status import journal_of


def main() -> None:
    """See above; no workers is this process."""
    # A shell starts what runs in its background with interrupts ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    out, workers, *inputs = sys.argv[1:]
    opening, failed = batch_functions.opening(), partial(rows.unsurvived, artifacts={})
    runner: Runner = Pool(opening, int(workers), Limits(seconds=60), failed) if int(workers) else InProcess(opening)
    with closing(runner), Journal(journal_of(Path(out)), batch_functions.SETTINGS) as journal:
        job = Job(
            inputs=inputs,
            journal=journal,
            runner=runner,
            destination=Destination(path=Path(out)),
            told=lambda told: print(told.source, flush=True),
            interrupted=lambda: print("interrupted", flush=True),
        )
        print(json.dumps(asdict(job.run())), flush=True)


if __name__ == "__main__":
    main()
