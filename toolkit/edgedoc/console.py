"""What the command line says and where, and how it ends: data on stdout, all else on stderr, UTF-8. Knows no command.

Escape codes and moving bars appear on a terminal only, and never under NO_COLOR (no-color.org); elsewhere the progress
of long work is a plain line for each stage.
"""

import json
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from typing import TYPE_CHECKING

from edgedoc.errors import EdgedocError, UsageError

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
            # A file name that is not UTF-8 arrives as lone surrogates; escaped by a backslash they are valid JSON.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")


def data(content: Mapping[str, object] | Sequence[object], *, one_line: bool = False) -> None:
    """Print JSON on stdout, with the schema's version; `one_line` for streams of objects, each sent off at once."""
    table = {"schema": SCHEMA, **(content if isinstance(content, Mapping) else {"rows": content})}
    text = json_line(table) if one_line else json.dumps(table, ensure_ascii=False, indent=2) + "\n"
    print(text, end="", flush=one_line)


def json_line(content: Mapping[str, object]) -> str:
    """`content` as one line of JSON Lines, nothing added; lone surrogates, which UTF-8 cannot carry, stay escapes."""
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "backslashreplace").decode() + "\n"


def error(message: str) -> None:
    """One line on stderr, after what stdout already holds. Raises BrokenPipeError when nobody reads stdout any more."""
    sys.stdout.flush()
    print(f"edgedoc: {message}", file=sys.stderr)


def note(message: str) -> None:
    """Something worth knowing that is no failure, on stderr."""
    print(message, file=sys.stderr)


def run(command: Callable[[], object]) -> int:
    """Run a typer application to its end and return the exit code; failures become a line on stderr.

    Codes: `EdgedocError.exit_code`; 1 for anything unforeseen; 130 interrupted; 141 when the reader of stdout has gone,
    which is what a shell reports for tools that SIGPIPE ends. Tracebacks are shown when `debug` is set.
    """
    try:
        code = _outcome(command)
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_stdout()
        return 141
    except OSError as failure:
        # Most likely a full disk behind a redirection; what is still to be written would fail again.
        _discard_stdout()
        _show_traceback()
        error(f"input or output failed: {failure}")
        return 1
    return code


def _outcome(command: Callable[[], object]) -> int:
    try:
        command()
    except SystemExit as done:
        # typer ends every run by SystemExit, and answers a broken pipe with code 1.
        if isinstance(done.__context__, BrokenPipeError):
            raise done.__context__ from None
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    except EdgedocError as failure:
        _show_traceback()
        error(str(failure))
        return failure.exit_code
    except KeyboardInterrupt:
        error("interrupted")
        return 130
    except OSError:
        raise
    # The last line of defence: whatever a dependency raises unforeseen, a user sees a sentence and not a traceback.
    except Exception as failure:
        _show_traceback()
        error(f"unexpected {type(failure).__name__}: {failure}. This is a defect; edgedoc --debug ... shows where.")
        return 1
    return 0


def _show_traceback() -> None:
    if debug:
        traceback.print_exc()


def _discard_stdout() -> None:
    """The interpreter flushes stdout once more at exit and complains when that fails."""
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, sys.stdout.fileno())
    os.close(sink)


def size(text: str) -> int:
    """Bytes meant by "600M", "2G", "1.5GiB". Raises UsageError."""
    match = re.fullmatch(r"\s*([0-9]{1,15}(?:\.[0-9]{1,15})?)\s*([kmg]?i?)b?\s*", text, re.IGNORECASE)
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

    def __call__(self, stage: str, done: int, total: int, detail: str = "") -> None:
        """`done` of `total` units of `stage` are finished; a bar shows `detail` beside its name."""
        if self._bars is None:
            if stage != self._stage:
                note(f"{stage} ...")
        elif stage != self._stage or self._task is None:
            self._task = self._bars.add_task(stage, total=total, completed=done)
        else:
            self._bars.update(self._task, completed=done, total=total, description=f"{stage} {detail}".rstrip())
        self._stage = stage


@contextmanager
def progress() -> Iterator[Report]:
    """A Report that draws bars on a terminal and prints plain lines elsewhere."""
    if not moving():
        yield Report(None)
        return
    with _bars(transient=False) as bars:
        yield Report(bars)


@contextmanager
def passing_progress() -> Iterator[Report | None]:
    """A Report whose bars vanish when the work is done; None where nothing can vanish."""
    if not moving():
        yield None
        return
    with _bars(transient=True) as bars:
        yield Report(bars)


def _bars(*, transient: bool) -> "RichProgress":
    from rich.console import Console
    from rich.progress import Progress

    # Left to itself rich sends what is printed to stdout meanwhile to its own console, which is stderr here.
    return Progress(console=Console(stderr=True), transient=transient, redirect_stdout=False)
