"""A job as the command line runs it: where its journal is, and what its documents are run on."""

import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edgedoc.batch import parquet, rows
from edgedoc.batch.child import Limits
from edgedoc.batch.in_process import InProcess
from edgedoc.batch.inputs import countable
from edgedoc.batch.job import Destination, Job, Outcome, Runner
from edgedoc.batch.journal import Journal
from edgedoc.batch.layout import lay_out, worker_memory
from edgedoc.batch.messages import Opening
from edgedoc.batch.on_ray import OnRay
from edgedoc.batch.outputs import OutputFormat
from edgedoc.batch.pool import Pool
from edgedoc.batch.processor import FUNCTION
from edgedoc.batch.status import journal_of
from edgedoc.cli.telling import telling
from edgedoc.errors import UsageError
from edgedoc.tasks.pipeline import Settings


@dataclass(frozen=True, kw_only=True)
class Isolation:
    """What documents are run on; None means that it is worked out. Memory in bytes, time in seconds."""

    in_process: bool
    on_ray: bool
    workers: int | None
    threads: int | None
    model_memory: int | None
    seconds: float
    memory: int | None


def run_job(
    inputs: Collection[str],
    destination: Destination,
    settings: Settings,
    isolation: Isolation,
    *,
    restart: bool,
    retry_failed: bool,
    log: Path | None,
) -> Outcome:
    """Run it to its end or to Ctrl-C. Raises what `Journal`, `lay_out` and `Job.run` raise, and UsageError."""
    out = destination.path
    if out is not None and any(Path(argument).resolve() == out.resolve() for argument in inputs):
        raise UsageError(f"{out} is both an input and the output. Choose another place with --out.")
    if destination.format is OutputFormat.PARQUET:
        # Before the work and not after it.
        parquet.require()
    with ExitStack() as opened:
        folder = opened.enter_context(_journal_folder(out))
        journal = opened.enter_context(Journal(folder, settings.as_dict(), restart=restart))
        if retry_failed:
            journal.forget_failures()
        told = opened.enter_context(telling(log))
        runner, words = _runner(inputs, settings, isolation, journal)
        opened.enter_context(closing(runner))
        told.begin(words)
        job = Job(
            inputs=inputs,
            journal=journal,
            runner=runner,
            destination=destination,
            told=told.document,
            interrupted=told.interrupted,
            excluded=() if log is None else (log,),
        )
        outcome = job.run()
        told.end(outcome, out)
    return outcome


def to_stdout() -> Destination:
    """Rows on stdout, each sent off at once."""
    return Destination(write=_print)


def _print(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()


@contextmanager
def _journal_folder(out: Path | None) -> Iterator[Path]:
    """Beside the output; a passing one where the output is a pipe or a device, which keeps nothing either."""
    if out is not None and (not out.exists() or out.is_file() or out.is_dir()):
        yield journal_of(out)
        return
    with tempfile.TemporaryDirectory(prefix="edgedoc-") as folder:
        yield Path(folder)


def _runner(inputs: Collection[str], settings: Settings, isolation: Isolation, journal: Journal) -> tuple[Runner, str]:
    """What the documents are run on, and words for it."""
    opening = Opening(FUNCTION, settings, isolation.threads, isolation.model_memory)
    if isolation.in_process:
        return InProcess(opening), "this process"
    artifacts = journal.settings["artifacts"]
    if isolation.on_ray:
        opening = opening._replace(threads=isolation.threads or 1)
        limits = Limits(seconds=isolation.seconds, memory=isolation.memory)
        memory = worker_memory(settings)
        return OnRay(opening, limits, artifacts, memory=memory, actors=isolation.workers), "Ray"
    layout = lay_out(settings, workers=isolation.workers, threads=isolation.threads, documents=countable(inputs))
    opening = opening._replace(threads=layout.threads)
    limits = Limits(seconds=isolation.seconds, memory=isolation.memory or layout.most_memory)
    return Pool(opening, layout.workers, limits, partial(rows.unsurvived, artifacts=artifacts)), layout.line()
