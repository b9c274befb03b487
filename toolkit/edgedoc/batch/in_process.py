"""Documents processed in this process, one after another: no isolation, no second interpreter. As `Pool` to a job."""

from collections.abc import Callable, Generator, Iterator

from edgedoc.batch.messages import Document, Opening, Process, Result


class InProcess:
    """Opens the document function with the first document; a crash is the job's, which can be resumed all the same."""

    restarts = 0

    def __init__(self, opening: Opening) -> None:
        """Opens nothing yet."""
        self._opening = opening
        self._process: Process | None = None

    def run(self, documents: Iterator[Document], stopping: Callable[[], bool]) -> Generator[Result, None, None]:
        """See `Pool.run`. Raises what opening the document function raises."""
        for document in documents:
            self._process = self._process or self._opening.open()
            yield self._process(document)
            if stopping():
                return

    def close(self) -> None:
        """Free what was opened."""
        close = getattr(self._process, "close", None)
        if close is not None:
            close()
        self._process = None
