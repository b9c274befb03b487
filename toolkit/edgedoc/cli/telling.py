"""What people and logs are told while a job runs. Knows no job from inside."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

from edgedoc import console
from edgedoc.batch.job import Outcome, Told
from edgedoc.batch.progress import duration
from edgedoc.errors import OutputError
from edgedoc.tasks.pipeline import Status

EVERY = 60.0
"""Seconds between two lines on how far a job is, where no bar can move."""


class Telling:
    """Failures and remarks on stderr with a bar or a line a minute; with `log`, JSON lines there and silence here."""

    def __init__(self, log: TextIO | None, report: console.Report | None) -> None:
        """`report` is the bar, None where none can move."""
        self._log, self._report = log, report
        self._failed = 0
        self._last = time.monotonic()

    def begin(self, words: str) -> None:
        """A job begins; `words` say on what."""
        if self._log is not None:
            self._write("begin", {"on": words})

    def document(self, told: Told) -> None:
        """A document is done."""
        self._failed += told.status == Status.FAILED
        pace = told.progress
        if self._log is not None:
            self._write(
                "document",
                {
                    **{"source": told.source, "id": told.id, "status": told.status, "error": told.error},
                    **{"remarks": list(told.remarks), "seconds": told.seconds, "done": pace.count},
                    **{"failed": self._failed, "share": pace.share, "rate": pace.rate},
                    **{"seconds_left": pace.seconds_left, "restarts": told.restarts},
                },
            )
            return
        if told.error is not None:
            console.error(f"{told.source}: {told.error}")
        for remark in told.remarks:
            console.note(f"{told.source}: {remark}")
        if self._report is not None:
            self._report("documents", round(1000 * pace.share), 1000, self._detail(told))
        elif time.monotonic() - self._last > EVERY:
            self._last = time.monotonic()
            left = pace.seconds_left
            ahead = f", about {duration(left)} left" if left is not None else ""
            console.note(f"{pace.share:.0%} of the input: {self._detail(told)}{ahead}")

    def interrupted(self) -> None:
        """Ctrl-C, the first."""
        # In a signal's handler: whoever was writing to stderr just now must not be entered a second time.
        os.write(sys.stderr.fileno(), b"Finishing the documents in hand; Ctrl-C again gives them up.\n")

    def end(self, outcome: Outcome, out: Path | None) -> None:
        """The job has ended."""
        if self._log is not None:
            self._write("end", {"complete": outcome.complete, "resumed": outcome.resumed, "restarts": outcome.restarts})
        if out is None:
            return
        resumed = f", {outcome.resumed:,} of them from before" if outcome.resumed else ""
        restarts = f"; {outcome.restarts:,} workers replaced" if outcome.restarts else ""
        rest = f"in {out}" if outcome.complete else "stopped; the same command goes on here"
        console.note(f"{outcome.tally.line()}{resumed}{restarts}; {rest}")

    def _detail(self, told: Told) -> str:
        return f"{told.progress.count:,} done, {told.progress.rate:.1f}/s, {self._failed:,} failed"

    def _write(self, event: str, content: dict[str, object]) -> None:
        assert self._log is not None
        try:
            self._log.write(console.json_line({"time": time.time(), "event": event, **content}))
            self._log.flush()
        except OSError as error:
            raise OutputError(f"The log cannot be written: {error.strerror or error}. Make room for it.") from error


@contextmanager
def telling(log: Path | None) -> Iterator[Telling]:
    """Tell people, or `log`, which is appended to. Raises OutputError."""
    with ExitStack() as opened:
        file = report = None
        if log is None:
            report = opened.enter_context(console.passing_progress())
        else:
            try:
                file = opened.enter_context(log.open("a", encoding="utf-8", errors="backslashreplace"))
            except OSError as error:
                raise OutputError(f"{log} cannot be written: {error.strerror or error}. Choose another log.") from error
        yield Telling(file, report)
