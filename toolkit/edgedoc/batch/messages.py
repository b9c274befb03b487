"""What a job and its workers say to each other. Knows no model and no pipe; how replies travel is in `replies`."""

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

from edgedoc.tasks.pipeline import Kind


class Document(NamedTuple):
    """A document to process. `id` is its identity, see `source.identity`."""

    id: str
    data: bytes
    kind: Kind
    charset: str | None
    locator: str
    """Where it was found first: for messages, never part of the result."""


class Result(NamedTuple):
    """What became of a document: `row` is packed, see `rows`; `seconds` are those it took."""

    id: str
    row: bytes
    status: str
    error: str | None
    chunks: int
    seconds: float
    remarks: tuple[str, ...]


Process = Callable[[Document], Result]
"""The document function: what a worker does. It raises nothing that edgedoc knows."""


class Opening(NamedTuple):
    """How a worker comes to its document function: `function`, "module:name", is called with the rest."""

    function: str
    settings: Any
    threads: int | None = None
    memory_limit: int | None = None

    def open(self) -> Process:
        """The document function. Raises what opening it raises: EdgedocError, when it is known."""
        module, _, name = self.function.partition(":")
        process: Process = getattr(importlib.import_module(module), name)(
            self.settings, threads=self.threads, memory_limit=self.memory_limit
        )
        return process


class Ready(NamedTuple):
    """A worker's first word."""


class Refusal(NamedTuple):
    """A worker's only word: it cannot be opened. `exit_code` is the error's."""

    message: str
    exit_code: int


class Collapse(NamedTuple):
    """A worker's last word: the document in hand raised something nobody foresaw."""

    reason: str
