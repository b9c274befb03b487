"""Several workers: documents in as fast as they are worked on, results out as they come. Knows no journal.

A worker that dies costs the document in its hand at most: that is tried once more in a fresh one, then it has failed.
"""

import queue
import signal
import threading
from collections.abc import Callable, Generator, Iterator

from edgedoc.batch.child import Child, Death, Event, Limits
from edgedoc.batch.messages import Document, Opening, Ready, Refusal, Result
from edgedoc.errors import EdgedocError, EngineError, MissingError, UsageError

AHEAD = 2
"""Documents a worker has at most: one in hand, and one so that it need not wait."""
WATCH_SECONDS = 0.1
OPENINGS = 2
"""Times in a row that a worker may die before it is ready."""

Fail = Callable[[Document, str], Result]
"""Makes the result of a document that no worker survived, from the reason."""


class Pool:
    """Workers are started as `run` has work for them, kept for the next run, and ended by `close`."""

    def __init__(self, opening: Opening, workers: int, limits: Limits, fail: Fail) -> None:
        """Starts nothing yet."""
        self._opening, self._workers, self._limits, self._fail = opening, workers, limits, fail
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._children: list[Child] = []
        self.restarts = 0

    def run(self, documents: Iterator[Document], stopping: Callable[[], bool]) -> Generator[Result, None, None]:
        """The results of `documents`, which are taken as there are workers free; none after `stopping` says so.

        Raises what opening the document function raises, and EngineError when workers die while they load. The
        documents in hand are given up when the caller leaves early.
        """
        watched = threading.Event()
        watch = threading.Thread(target=self._watch, args=(watched,), daemon=True)
        watch.start()
        try:
            yield from self._run(documents, stopping)
        finally:
            watched.set()
            watch.join()
            for child in [child for child in self._children if child.load]:
                child.kill()
                child.join()
                self._children.remove(child)

    def close(self) -> None:
        """End the workers."""
        for child in self._children:
            child.finish()
        for child in self._children:
            child.join()
        self._children.clear()

    def _run(self, documents: Iterator[Document], stopping: Callable[[], bool]) -> Generator[Result, None, None]:
        again: list[Document] = []
        tried: set[str] = set()
        openings = 0
        exhausted = False
        while True:
            while again and not stopping():
                self._free().give(again.pop())
            while not exhausted and self._room():
                if stopping() or (document := next(documents, None)) is None:
                    exhausted = True
                else:
                    self._free().give(document)
            if not any(child.load for child in self._children):
                return
            child, event = self._events.get()
            if child not in self._children:
                continue
            if isinstance(event, Ready):
                openings = 0
            elif isinstance(event, Refusal):
                raise _refused(event)
            elif isinstance(event, Result):
                child.answered()
                tried.discard(event.id)
                yield event
            else:
                self._children.remove(child)
                openings += not child.ready
                if openings >= OPENINGS or (event.reason and not child.ready):
                    raise EngineError(
                        f"The worker's process ended before the models were loaded: {event.reason or _ending(event)} "
                        "Check the artifacts with: edgedoc verify; --in-process shows more."
                    )
                self.restarts += 1
                again.extend(child.take_back())
                if event.document is not None:
                    if event.retry and event.document.id not in tried:
                        tried.add(event.document.id)
                        again.append(event.document)
                    else:
                        tried.discard(event.document.id)
                        yield self._fail(event.document, event.reason or f"Twice {_ending(event)}")

    def _room(self) -> bool:
        """Whether another document would be worked on soon."""
        return len(self._children) < self._workers or any(child.load < AHEAD for child in self._children)

    def _free(self) -> Child:
        """The worker that has the least to do; a new one while there may be more and all are busy."""
        child = min(self._children, key=lambda child: child.load, default=None)
        if child is None or (child.load and len(self._children) < self._workers):
            child = Child(self._opening, self._limits, self._events)
            self._children.append(child)
        return child

    def _watch(self, stopped: threading.Event) -> None:
        while not stopped.wait(WATCH_SECONDS):
            for child in tuple(self._children):
                child.watch()


def _ending(death: Death) -> str:
    if death.code >= 0:
        return f"the model's process ended with code {death.code}."
    name = signal.Signals(-death.code).name if -death.code in {int(known) for known in signal.Signals} else ""
    killed = ", as the system does when memory runs out" if name == "SIGKILL" else ""
    return f"the model's process was ended by signal {-death.code} ({name}){killed}."


def _refused(refusal: Refusal) -> EdgedocError:
    kinds: dict[int, type[EdgedocError]] = {2: UsageError, 3: MissingError}
    return kinds.get(refusal.exit_code, EngineError)(refusal.message)
