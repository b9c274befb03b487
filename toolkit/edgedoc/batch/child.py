"""One worker process as the job sees it: documents in, events out, killed when it goes too far. Knows no other."""

import os
import pickle
import queue
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from edgedoc.batch.messages import Collapse, Document, Opening, Ready, Refusal, Result
from edgedoc.batch.replies import Reply, read

GRACE = 5.0
"""Seconds a worker has to end by itself."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one document may take; None is no limit. Memory is all that its process holds, the model included."""

    seconds: float | None = None
    memory: int | None = None
    opening_seconds: float = 300.0
    """For loading the models."""


class Death(NamedTuple):
    """The process has ended: its exit code (negative: a signal), or why it was killed, and whose fault that was."""

    code: int
    document: Document | None
    reason: str | None
    retry: bool
    """Whether another process may fare better."""


Event = tuple["Child", Ready | Refusal | Result | Death]


class Child:
    """A worker process, and the thread that talks with it, so that neither a full pipe nor silence stops the job."""

    def __init__(self, opening: Opening, limits: Limits, events: "queue.SimpleQueue[Event]") -> None:
        """Start it. What it says, and at last its death, is put into `events`."""
        self.ready = False
        self._limits, self._events = limits, events
        self._inbox: queue.SimpleQueue[Document | None] = queue.SimpleQueue()
        self._waiting = 0
        self._guard = threading.Lock()
        self._current: Document | None = None
        self._since = time.monotonic()
        self._verdict: tuple[Document | None, str, bool] | None = None
        # It must find what was found here, whatever was done to the path; -P: but nothing of the working folder.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "edgedoc.batch.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        self._thread = threading.Thread(target=self._converse, args=(opening,), daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def load(self) -> int:
        """Documents it has, the one in hand included."""
        return self._waiting

    def give(self, document: Document) -> None:
        """The next document, behind those it has."""
        self._waiting += 1
        self._inbox.put(document)

    def take_back(self) -> list[Document]:
        """The documents that were never sent to it; for a dead one."""
        kept = []
        while not self._inbox.empty():
            if (document := self._inbox.get()) is not None:
                kept.append(document)
        return kept

    def answered(self) -> None:
        """One document fewer."""
        self._waiting -= 1

    def watch(self) -> None:
        """Kill it when the document in hand, or the opening, has gone beyond a limit. Called by another thread."""
        with self._guard:
            if self._verdict is not None or (self._current is None and self.ready):
                return
            allowed = self._limits.seconds if self.ready else self._limits.opening_seconds
            if allowed is not None and time.monotonic() - self._since > allowed:
                reason = (
                    f"It took longer than {allowed:g} s. Allow more with --time-limit and --retry-failed."
                    if self.ready
                    else f"The models were not loaded after {allowed:g} s."
                )
                self._condemn(reason, retry=False)
                return
            held = _resident(self.pid) if self._limits.memory is not None else None
            if held is not None and self._limits.memory is not None and held > self._limits.memory:
                self._condemn(
                    f"Its process held {held / 1e6:,.0f} MB, more than the {self._limits.memory / 1e6:,.0f} MB it may. "
                    "Allow more with --memory-limit and --retry-failed.",
                    retry=True,
                )

    def _condemn(self, reason: str, *, retry: bool) -> None:
        self._verdict = (self._current, reason, retry)
        self._process.kill()

    def finish(self) -> None:
        """Let it end after what it has."""
        self._inbox.put(None)

    def kill(self) -> None:
        """End it now."""
        self._process.kill()

    def join(self) -> None:
        """Wait for its end, which `finish` or `kill` began."""
        self._thread.join(GRACE)
        if self._thread.is_alive():
            self._process.kill()
            self._thread.join()

    def _converse(self, opening: Opening) -> None:
        requests, replies = self._process.stdin, self._process.stdout
        assert requests is not None and replies is not None
        try:
            pickle.dump(opening, requests)
            requests.flush()
            first = read(replies)
            if not isinstance(first, Ready | Refusal):
                raise ValueError("it is ready for nothing")
            with self._guard:
                self.ready = isinstance(first, Ready)
            self._events.put((self, first))
            while self.ready and (document := self._inbox.get()) is not None:
                with self._guard:
                    self._current, self._since = document, time.monotonic()
                pickle.dump(document, requests, protocol=pickle.HIGHEST_PROTOCOL)
                requests.flush()
                self._answer(read(replies), document)
        except (EOFError, OSError):
            pass
        except ValueError as error:
            with self._guard:
                self._verdict = self._verdict or (self._current, f"Its process made no sense: {error}.", True)
            self._process.kill()
        for pipe in (requests, replies):
            with suppress(OSError):
                pipe.close()
        code = self._ended()
        # A verdict on a document that was answered in the nick of time is none on the next.
        verdict = self._verdict if self._verdict is not None and self._verdict[0] is self._current else None
        _, reason, retry = verdict or (None, None, True)
        self._events.put((self, Death(code, self._current, reason, retry)))

    def _answer(self, answer: Reply, document: Document) -> None:
        """Pass on what became of the document in hand. Raises EOFError after the last word, ValueError for nonsense."""
        if isinstance(answer, Collapse):
            with self._guard:
                self._verdict = self._verdict or (document, _collapsed(answer), False)
            raise EOFError
        if not isinstance(answer, Result) or answer.id != document.id:
            raise ValueError("it answered what it was not asked")
        with self._guard:
            self._current = None
        self._events.put((self, answer))

    def _ended(self) -> int:
        try:
            return self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


def _collapsed(collapse: Collapse) -> str:
    return f"The model's process failed on it: {collapse.reason}. This is a defect of edgedoc or of a library of its."


def _resident(pid: int) -> int | None:
    """Bytes of memory a process holds; None where the system does not say, or it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None
