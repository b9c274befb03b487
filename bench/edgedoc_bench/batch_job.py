"""One job in a process of its own, to be killed or measured: `python -m edgedoc_bench.batch_job SPEC`, SPEC as JSON.

Prints an object: how it ended, seconds by the wall and of this process, bytes at its peak, and when documents were
done. Knows no report.
"""

import json
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from edgedoc.batch import rows
from edgedoc.batch.child import Limits
from edgedoc.batch.in_process import InProcess
from edgedoc.batch.job import Destination, Job, Runner, Told
from edgedoc.batch.journal import Journal
from edgedoc.batch.messages import Opening
from edgedoc.batch.on_ray import OnRay
from edgedoc.batch.pool import Pool
from edgedoc.batch.processor import FUNCTION
from edgedoc.batch.status import journal_of
from edgedoc.tasks.pipeline import Settings
from edgedoc_bench import batch_function
from edgedoc_bench.peak import peak_memory


@dataclass(frozen=True, kw_only=True)
class Spec:
    """Inputs and output; no `workers` is this process; without `models`, (reader, chunker), documents are asleep for
    `document_seconds`; `time_limit` in seconds."""

    inputs: list[str]
    out: str
    workers: int
    models: tuple[str, str] | None = None
    document_seconds: float = 0.0
    on_ray: bool = False
    time_limit: float = 600.0


def start(spec: Spec) -> subprocess.Popen[str]:
    """Start it."""
    # -P: a json.py in the working directory is not the standard library's.
    command = [sys.executable, "-P", "-m", "edgedoc_bench.batch_job", json.dumps(asdict(spec))]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8")


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for its outcome. Raises RuntimeError when it had none."""
    output, _ = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"the job ended with code {process.returncode}")
    outcome: dict[str, Any] = json.loads(output)
    return outcome


def run(spec: Spec) -> dict[str, Any]:
    """Run the job here."""
    if spec.models is not None:
        # Drafts depend on how fast this machine is just now, and ties of rounding on drafts.
        settings = Settings(reader=Path(spec.models[0]), chunker=Path(spec.models[1]), drafts=False)
        opening, artifacts = Opening(FUNCTION, settings, threads=1), settings.artifacts()
    else:
        opening = Opening(batch_function.FUNCTION, {"seconds": spec.document_seconds})
        artifacts = {}
    failed = partial(rows.unsurvived, artifacts=artifacts)
    limits = Limits(seconds=spec.time_limit)
    runner: Runner = InProcess(opening)
    if spec.on_ray:
        runner = OnRay(opening, limits, artifacts, memory=256 << 20, actors=spec.workers)
    elif spec.workers:
        runner = Pool(opening, spec.workers, limits, failed)
    moments: list[float] = []

    def told(told: Told) -> None:
        # The first and the last are enough, and a list of all would grow with the job.
        moments[1:] = [time.perf_counter()]

    started = time.perf_counter()
    with closing(runner), Journal(journal_of(Path(spec.out)), {"artifacts": artifacts}) as journal:
        outcome = Job(
            inputs=spec.inputs,
            journal=journal,
            runner=runner,
            destination=Destination(path=Path(spec.out)),
            told=told,
            interrupted=lambda: None,
        ).run()
    return {
        **asdict(outcome),
        "seconds": time.perf_counter() - started,
        "own_seconds": time.process_time(),
        "steady_seconds": moments[-1] - moments[0] if moments else 0.0,
        "peak_bytes": peak_memory(),
    }


if __name__ == "__main__":
    print(json.dumps(run(Spec(**json.loads(sys.argv[1])))))
