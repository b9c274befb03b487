"""What the command line says and where: data on stdout, everything else on stderr, UTF-8 always. Knows no command.

Escape codes and moving bars appear on a terminal only, and never under NO_COLOR (no-color.org); elsewhere progress is a
plain line for each stage.
"""

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from typing import TYPE_CHECKING

from edgedoc.errors import UsageError

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

SCHEMA = 1
"""Version of the JSON every command prints."""

debug = False

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


def prepare() -> None:
    """Make stdout and stderr UTF-8, whatever the code page: a cp1252 pipe would turn Chinese into question marks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace" if stream is sys.stderr else "strict", newline="\n")


def data(content: Mapping[str, object] | Sequence[object], *, one_line: bool = False) -> None:
    """Print JSON on stdout, with the schema's version; `one_line` for streams of objects."""
    table = {"schema": SCHEMA, **(content if isinstance(content, Mapping) else {"rows": content})}
    print(json.dumps(table, ensure_ascii=False, indent=None if one_line else 2, default=str))


def error(message: str) -> None:
    """One line on stderr, after what stdout already holds."""
    sys.stdout.flush()
    print(f"edgedoc: {message}", file=sys.stderr)


def note(message: str) -> None:
    """Something worth knowing that is no failure, on stderr."""
    print(message, file=sys.stderr)


def discard_stdout() -> None:
    """Give up stdout after its reader has gone, so that the interpreter does not complain at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def size(text: str) -> int:
    """Bytes meant by "600M", "2G", "1.5GiB". Raises UsageError."""
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([kmg]?i?)b?\s*", text, re.IGNORECASE)
    if match is None or match[2].lower() not in _UNITS:
        raise UsageError(f"{text!r} is not an amount of memory. Write it like 600M or 2G.")
    return int(float(match[1]) * _UNITS[match[2].lower()])


def moving() -> bool:
    """Whether stderr is a terminal that may be redrawn."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class Report:
    """Receives the progress of long work: named stages with a share done, and remarks."""

    def __init__(self, bars: "RichProgress | None") -> None:
        self._bars = bars
        self._task: TaskID | None = None
        self._stage = ""

    def say(self, message: str) -> None:
        """A remark for the user."""
        if self._bars is None:
            note(message)
        else:
            self._bars.console.print(message, markup=False, highlight=False)

    def __call__(self, stage: str, done: int, total: int) -> None:
        """`done` of `total` units of `stage` are finished."""
        if self._bars is None:
            if stage != self._stage:
                note(f"{stage} ...")
        elif stage != self._stage or self._task is None:
            self._task = self._bars.add_task(stage, total=total, completed=done)
        else:
            self._bars.update(self._task, completed=done, total=total)
        self._stage = stage


@contextmanager
def progress() -> Iterator[Report]:
    """A Report that draws bars on a terminal and prints plain lines elsewhere."""
    if not moving():
        yield Report(None)
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bars:
        yield Report(bars)
