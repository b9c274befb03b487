"""Measures cells that belong together, in turns, each in its own process, and writes down all that happens.

Knows how a turn becomes rows; which cells there are and what a process does inside, it does not.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from edgedoc.files import write
from edgedoc_bench.cells import Cell
from edgedoc_bench.child import Died, Refused
from edgedoc_bench.interleave import Turn, take_turns
from edgedoc_bench.results import Writer

Summariser = Callable[[list[dict[str, Any]], dict[str, Any] | None], dict[str, Any] | None]
"""Samples of a cell and its memory plan to the `summary` of its row."""


class Client(Protocol):
    """`child.Child`, or a stand-in for it."""

    loaded: dict[str, Any]

    def ask(self, item: int) -> dict[str, Any]:
        """The answer to one item. Raises Refused or Died."""

    def close(self) -> None:
        """End the process."""


@dataclass
class Live:
    """A cell that is being measured: how to start its process, the items it is given, and what came of it."""

    cell: Cell
    start: Callable[[], Client]
    items: tuple[str, ...]
    summarise: Summariser
    client: Client | None = None
    loaded: dict[str, Any] = field(default_factory=dict)
    samples: list[dict[str, Any]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    answered: set[int] = field(default_factory=set)
    peak: int | None = None
    rounds: int = 0
    began: str = ""
    load_average: float | None = None


def measure(
    cells: Sequence[Live],
    writer: Writer,
    folder: Path,
    *,
    rounds: int,
    seconds: float,
    told: Callable[[Turn], None],
    warm_up: bool = True,
) -> None:
    """Measure `cells` in turns and write their rows; `told` of each turn beforehand. The rest as for `take_turns`.

    An item that fails, or takes the process with it, is a failure row and not given again; the others go on.
    """
    with ExitStack() as stack:
        for live in cells:
            stack.callback(_close, live)
        going = [live for live in cells if _start(live, writer)]
        turns = take_turns([len(live.items) for live in going], rounds=rounds, seconds=seconds, warm_up=warm_up)
        turn = next(turns, None)
        while turn is not None:
            told(turn)
            took = _take(going[turn.cell], turn, writer, folder)
            try:
                turn = turns.send(took)
            except StopIteration:
                turn = None
        for live in going:
            _finish(live, writer)


def _start(live: Live, writer: Writer) -> bool:
    live.began, live.load_average = _now(), _load_average()
    try:
        live.client = live.start()
    except Refused as error:
        if not error.missing:
            _fail(live, writer, None, "load", error.error, str(error))
        writer.add("cell", _row(live, "skipped" if error.missing else "failed", str(error)))
        return False
    except Died as error:
        _fail(live, writer, None, error.stage, type(error).__name__, str(error), error.code)
        writer.add("cell", _row(live, "failed", str(error)))
        return False
    live.loaded = live.loaded or live.client.loaded
    live.peak = max(filter(None, (live.peak, live.client.loaded.get("peak_memory"))), default=None)
    return True


def _take(live: Live, turn: Turn, writer: Writer, folder: Path) -> float | None:
    """Seconds of the turn; None when it failed."""
    item = live.items[turn.item]
    if live.client is None:
        live.failed.append(item)
        return None
    try:
        answer = live.client.ask(turn.item)
    except Refused as error:
        live.failed.append(item)
        _fail(live, writer, item, "document", error.error, str(error))
        return None
    except Died as error:
        live.failed.append(item)
        _fail(live, writer, item, error.stage, type(error).__name__, str(error), error.code)
        _close(live)
        try:
            live.client = live.start()
        except (Refused, Died) as again:
            _fail(live, writer, None, "load", type(again).__name__, str(again))
        return None
    live.peak = max(filter(None, (live.peak, answer.get("peak_memory"))), default=None)
    for row in answer["rows"]:
        kind = row.pop("kind")
        writer.add(kind, {"cell": live.cell.id, "round": turn.round, **row})
        if turn.round and kind == "sample":
            live.samples.append({**row, "round": turn.round})
    if turn.round:
        live.rounds = max(live.rounds, turn.round)
        if answer.get("text") is not None and turn.item not in live.answered:
            live.answered.add(turn.item)
            _put_out(live, turn.item, answer, writer, folder)
    return float(answer["seconds"])


def _put_out(live: Live, index: int, answer: dict[str, Any], writer: Writer, folder: Path) -> None:
    name = f"outputs/{live.cell.id}/{index:05d}{answer['suffix']}"
    write(folder / name, answer["text"])
    told = dict.fromkeys(("flags", "finish", "heads", "matched", "asked"))
    document = {"cell": live.cell.id, "document": live.items[index], "index": index, "file": name}
    writer.add("output", {**document, **told, **answer["output"]})


def _finish(live: Live, writer: Writer) -> None:
    _close(live)
    if live.rounds == 0:
        writer.add("cell", _row(live, "failed", "Every item failed: see the failures."))
        return
    writer.add("cell", _row(live, "ok", None))


def _close(live: Live) -> None:
    if live.client is not None:
        live.client.close()
        live.client = None


def _row(live: Live, status: str, reason: str | None) -> dict[str, Any]:
    memory = live.loaded.get("memory")
    return {
        **live.cell.as_dict(),
        "status": status,
        "reason": reason,
        "started": live.began,
        "ended": _now(),
        "rounds": live.rounds,
        "failed_documents": live.failed,
        "load_average": {"start": live.load_average, "end": _load_average()},
        "import_seconds": live.loaded.get("import_seconds"),
        "load_seconds": live.loaded.get("load_seconds"),
        "peak_memory": live.peak,
        "memory": memory,
        "summary": live.summarise(live.samples, memory) if status == "ok" else None,
    }


def _fail(
    live: Live, writer: Writer, document: str | None, stage: str, error: str, message: str, code: int | None = None
) -> None:
    row = {"document": document, "stage": stage, "error": error, "message": message, "code": code}
    writer.add("failure", {"cell": live.cell.id, "name": live.cell.name, **row})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _load_average() -> float | None:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None
