"""Document functions for jobs without a model: what a document says happens to its process, is what happens.

Named in an `Opening`, so that they also run in workers.
"""

import os
import signal
import sys
import time
from typing import Any

from edgedoc.batch import rows
from edgedoc.batch.messages import Document, Opening, Process, Result
from edgedoc.documents.chunks import Chunk
from edgedoc.errors import MissingModelError
from edgedoc.tasks.pipeline import Row, Status

SETTINGS: dict[str, Any] = {"edgedoc": "test", "artifacts": {}}


def opening(name: str = "obedient", settings: object = None) -> Opening:
    """The opening of a function of this file."""
    return Opening(f"batch_functions:{name}", settings)


def obedient(settings: Any, *, threads: int | None, memory_limit: int | None) -> Process:
    """Obeys the first word of a document; `settings` may be a file that counts the documents a line each."""

    def process(document: Document) -> Result:
        if settings is not None:
            with open(settings, "a") as file:  # noqa: PTH123 - a str
                file.write(f"{document.locator}\n")
        text = document.data.decode("utf-8", "replace")
        word, _, rest = text.partition(" ")
        if word == "CRASH":
            os.kill(os.getpid(), signal.SIGSEGV)
        elif word == "ONCE" and not os.path.exists(rest):  # noqa: PTH110 - a str
            open(rest, "w").close()  # noqa: PTH123 - a str
            os.kill(os.getpid(), signal.SIGKILL)
        elif word == "HANG":
            time.sleep(600)
        elif word == "EAT":
            hoard = bytearray(int(rest))
            hoard[::4096] = b"x" * len(hoard[::4096])
            time.sleep(600)
        elif word == "RAISE":
            raise _Panic(rest)
        elif word == "PRINT":
            print("noise on stdout", flush=True)
        elif word == "SLEEP":
            time.sleep(float(rest.split()[0]))
        return result(document, text, word == "FAIL")

    return process


def result(document: Document, markdown: str, failed: bool = False) -> Result:
    """What a job is told of a document that became one chunk, or failed."""
    chunk = Chunk(index=0, start=0, end=len(markdown), text=markdown, tokens=1, headings=(), topic=None, summary=None)
    status = Status.FAILED if failed else Status.OK
    error = "as it wished" if failed else None
    row = Row(
        id=document.id,
        source=document.locator,
        status=status,
        error=error,
        markdown=None if failed else markdown,
        chunks=() if failed else (chunk,),
        seconds={"reader": time.perf_counter()},
    )
    return Result(document.id, rows.pack(row), status, error, len(row.chunks), 0.0, ())


class _Panic(BaseException):
    """As a tokenizer's PanicException: no Exception."""


def missing(settings: Any, *, threads: int | None, memory_limit: int | None) -> Process:
    """Cannot be opened."""
    raise MissingModelError("There is no such model. Make one.")


def broken(settings: Any, *, threads: int | None, memory_limit: int | None) -> Process:
    """Takes its process down while it is opened."""
    sys.stderr.flush()
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError
