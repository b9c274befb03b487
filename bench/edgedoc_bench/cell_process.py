"""The process of one cell: it loads once, then answers one request after the other. Knows no results.

Run as `python -m edgedoc_bench.cell_process`. One JSON object a line: an `Order` comes in and what loading took goes
out; then the number of an item comes in and its answer goes out, until there is nothing more to read. An error in an
item is an answer; a process that dies is the parent's to notice. `cell_client` is the other end.
"""

import importlib
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from edgedoc.errors import EdgedocError
from edgedoc_bench.cell_contract import Order, Subject
from edgedoc_bench.corpus import Sample
from edgedoc_bench.energy import Counter, open_counter
from edgedoc_bench.peak import peak_memory
from edgedoc_bench.private_stdout import private_stdout


def main() -> None:
    """Serve stdin to its end; a failure to load is told and ends it."""
    replies = private_stdout()
    started = time.perf_counter()
    order = Order(**json.loads(sys.stdin.readline()))
    try:
        subject, imported = load(order)
    except (EdgedocError, ImportError) as error:
        _say(replies, _error(error))
        return
    loaded = time.perf_counter()
    plan, seconds = subject.plan, subject.load_seconds
    counter = open_counter()
    _say(
        replies,
        {
            "import_seconds": imported - started,
            "load_seconds": loaded - imported if seconds is None else seconds,
            "memory": asdict(plan) if plan is not None else None,
            "peak_memory": peak_memory(),
        },
    )
    for line in sys.stdin:
        _say(replies, _answer(subject, int(line), counter))


def load(order: Order) -> tuple[Subject, float]:
    """What the order asks for, and the time when only its modules had been imported. Raises EdgedocError."""
    module, name = _WHO[_role(order)]
    kind: type[Subject] = getattr(importlib.import_module(f"edgedoc_bench.{module}"), name)
    imported = time.perf_counter()
    return kind(order, _samples(order)), imported  # type: ignore[call-arg]


_WHO = {
    "context": ("context_sweep", "ContextSubject"),
    "fidelity": ("fidelity_cell", "FidelitySubject"),
    "baseline": ("baseline_subject", "BaselineSubject"),
    "reader": ("reader_subject", "ReaderSubject"),
    "chunker": ("chunker_subject", "ChunkerSubject"),
    "card": ("peers", "CardSubject"),
    "peer": ("peers", "WindowSubject"),
}
"""Role -> module and class. Imported by name, so that each process imports its own and no other's."""


def _role(order: Order) -> str:
    if order.measure != "documents":
        return order.measure
    if order.kind == "peer":
        return "card" if order.name.startswith("transformers") else "peer"
    return order.kind if order.kind == "baseline" else order.task


def _samples(order: Order) -> list[Sample]:
    if order.documents is None:
        return []
    lines = Path(order.documents).read_text("utf-8").split("\n")
    return [Sample.from_dict(json.loads(line)) for line in lines if line]


def _answer(subject: Subject, item: int, counter: Counter | None) -> dict[str, Any]:
    before = counter.read() if counter is not None else None
    try:
        answer = subject.serve(item)
    except EdgedocError as error:
        return _error(error)
    joules = counter.joules(before, counter.read()) if counter is not None and before is not None else None
    load_average = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    for row in answer.rows:
        row |= {"load_average": load_average}
        if row["kind"] == "sample":
            row |= {"joules": joules}
    return {**asdict(answer), "peak_memory": peak_memory()}


def _error(error: Exception) -> dict[str, Any]:
    return {"error": type(error).__name__, "message": str(error), "missing": _is_missing(error)}


def _is_missing(error: Exception) -> bool:
    from edgedoc.errors import MissingPackageError

    return isinstance(error, MissingPackageError | ImportError)


def _say(replies: TextIO, content: dict[str, Any]) -> None:
    replies.write(json.dumps(content, ensure_ascii=True) + "\n")
    replies.flush()


if __name__ == "__main__":
    main()
