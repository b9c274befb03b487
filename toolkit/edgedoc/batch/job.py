"""A job: every document of the inputs through the pool into the journal, and from there to the output.

Knows no model, no container and no terminal: it is told what to run documents on, and tells how each went.
"""

from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from edgedoc.batch import outputs, rows
from edgedoc.batch.inputs import sources
from edgedoc.batch.journal import Journal
from edgedoc.batch.messages import Document, Result
from edgedoc.batch.outputs import OutputFormat
from edgedoc.batch.progress import Progress
from edgedoc.batch.source import identity
from edgedoc.batch.stdin import Spool
from edgedoc.batch.stopping import Stopping
from edgedoc.batch.tally import Tally
from edgedoc.errors import DocumentError
from edgedoc.tasks.pipeline import Status


class Runner(Protocol):
    """What documents are run on: `Pool`, `InProcess`."""

    restarts: int

    def run(self, documents: Iterator[Document], stopping: Callable[[], bool]) -> Generator[Result, None, None]:
        """See `Pool.run`."""
        ...

    def close(self) -> None:
        """See `Pool.close`."""
        ...


class Told(NamedTuple):
    """One document is done. `restarts` counts workers that died so far."""

    source: str
    id: str | None
    status: str
    error: str | None
    remarks: tuple[str, ...]
    seconds: float
    progress: Progress
    restarts: int


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Where rows go: a file or folder when all is done, or line by line to `write`, in order, as soon as they can."""

    path: Path | None = None
    format: OutputFormat = OutputFormat.JSONL
    write: Callable[[str], object] | None = None


@dataclass(kw_only=True)
class Outcome:
    """How a job ended. `resumed` of the sources were done before it began; without `complete` it was interrupted."""

    tally: Tally
    resumed: int
    restarts: int
    complete: bool


@dataclass(kw_only=True)
class Job:
    """`inputs` are arguments as people give them, without `excluded`; `interrupted` is called at the first Ctrl-C."""

    inputs: Collection[str]
    journal: Journal
    runner: Runner
    destination: Destination
    told: Callable[[Told], None]
    interrupted: Callable[[], None]
    excluded: Collection[Path] = ()
    _progress: Progress = field(default_factory=Progress, init=False)
    _in_hand: dict[str, tuple[str, float]] = field(default_factory=dict, init=False)
    _resumed: int = field(default=0, init=False)
    _count: int | None = field(default=None, init=False)
    _written: int = field(default=0, init=False)

    def run(self) -> Outcome:
        """Process what is not done, then write the output.

        Raises OutputError, what the runner raises, and KeyboardInterrupt at the second Ctrl-C. Whatever it raises, the
        same job over the same journal goes on where this one ended.
        """
        spool = Spool(self.journal.folder)
        try:
            with Stopping(self.interrupted) as stopping:
                with closing(self.runner.run(self._documents(spool, stopping), stopping)) as results:
                    for result in results:
                        self.journal.settle(result)
                        place, share = self._in_hand.pop(result.id)
                        self._tell(place, result.id, result.status, result.error, share, result.remarks, result.seconds)
                tally, complete = self._finish()
            return Outcome(tally=tally, resumed=self._resumed, restarts=self.runner.restarts, complete=complete)
        finally:
            spool.close()

    def _documents(self, spool: Spool, stopping: Callable[[], bool]) -> Iterator[Document]:
        """The documents that have to be processed; everything else about a source is settled on the way."""
        position = -1
        for position, source in enumerate(sources(self.inputs, stdin=spool, excluded=self._own())):
            if stopping():
                return
            if self.journal.done(position, source):
                self._resumed += 1
                self._write_ready()
                continue
            try:
                data = source.read()
            except DocumentError as error:
                row = rows.failed(str(error), self.journal.settings["artifacts"])
                self.journal.unreadable(position, source, str(error), row)
                self._tell(source.locator, None, Status.FAILED, str(error), source.share)
                continue
            id = identity(source, data)
            if self.journal.place(position, source, id):
                self._write_ready()
            elif id not in self._in_hand:
                self._in_hand[id] = (source.locator, source.share)
                yield Document(id, data, source.kind, source.charset, source.locator)
        self._count = position + 1

    def _own(self) -> list[Path]:
        """What the job itself writes, which is no input wherever it lies."""
        path = self.destination.path
        return [self.journal.folder, *self.excluded, *((path,) if path is not None else ())]

    def _tell(
        self,
        place: str,
        id: str | None,
        status: str,
        error: str | None,
        share: float,
        remarks: tuple[str, ...] = (),
        seconds: float = 0.0,
    ) -> None:
        self._progress.document(share)
        self._write_ready()
        self.told(Told(place, id, status, error, remarks, seconds, self._progress, self.runner.restarts))

    def _write_ready(self) -> None:
        if self.destination.write is not None:
            for line in self.journal.lines(self._written):
                self.destination.write(outputs.text(line, self.journal))
                self._written = line.position + 1

    def _finish(self) -> tuple[Tally, bool]:
        """Write the output if all is done, which is for the journal to say; what was done, and whether it is all."""
        if self._count is not None:
            self.journal.end_at(self._count)
        tally = self.journal.tally()
        if self._count is None or tally.pending:
            return tally, False
        self._write_ready()
        if self.destination.path is not None:
            outputs.write(self.journal, self.destination.path, self.destination.format)
            self.journal.written()
        return tally, True
