"""The process of one cell: it loads once, then answers one item after the other. Knows no schedule and no results.

Run as `python -m edgedoc_bench.cell_process` by `start`, in an environment of its own where a peer needs one.
"""

import importlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgedoc_bench.cell_contract import Order, Subject
from edgedoc_bench.child import Child, Work, serve
from edgedoc_bench.corpus import Sample
from edgedoc_bench.energy import Counter, open_counter
from edgedoc_bench.peak import peak_memory


def start(order: Order, timeout: float, python: str | None = None) -> Child:
    """A process that has loaded what `order` asks for. Raises Refused or Died; the rest as for `Child`."""
    return Child("edgedoc_bench.cell_process", asdict(order), timeout=timeout, python=python)


def load(given: dict[str, Any]) -> tuple[dict[str, Any], Work]:
    """See `child.serve`: an `Order` is given, and a question is the number of an item. Raises EdgedocError."""
    started = time.perf_counter()
    order = Order(**given)
    module, name = _WHO[_role(order)]
    kind: Callable[[Order, list[Sample]], Subject] = getattr(importlib.import_module(f"edgedoc_bench.{module}"), name)
    imported = time.perf_counter()
    subject = kind(order, _samples(order))
    loaded = time.perf_counter()
    plan, seconds = subject.plan, subject.load_seconds
    counter = open_counter()
    told = {
        "import_seconds": imported - started,
        "load_seconds": loaded - imported if seconds is None else seconds,
        "memory": asdict(plan) if plan is not None else None,
        "peak_memory": peak_memory(),
    }
    return told, lambda item: _answer(subject, item, counter)


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
    answer = subject.serve(item)
    joules = counter.joules(before, counter.read()) if counter is not None and before is not None else None
    load_average = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    for row in answer.rows:
        row |= {"load_average": load_average}
        if row["kind"] == "sample":
            row |= {"joules": joules}
    return {**asdict(answer), "peak_memory": peak_memory()}


if __name__ == "__main__":
    serve(load)
