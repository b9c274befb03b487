"""A contender in a process of its own that stays alive and takes one piece of work at a time. Knows no model.

Of many live processes one works while the others wait on stdin: models are loaded once, and neighbouring measurements
are seconds apart, which on a machine that drifts is worth more than anything else. Imports nothing that has to be
installed, because one contender runs in an environment that lacks what edgedoc needs.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from edgedoc import __file__ as edgedoc_file
from edgedoc.errors import EngineError
from edgedoc_bench.private_stdout import private_stdout

Answer = dict[str, Any]


class Worker:
    """The parent's end of `serve`. Use as a context manager; leaving it ends the process."""

    def __init__(
        self, module: str, given: Mapping[str, object], *, python: str = sys.executable, home: Path | None = None
    ) -> None:
        """Start `python -m module GIVEN`, whose main calls `serve`, and wait until it has loaded its model.

        `given` is JSON, `home` its EDGEDOC_HOME. Raises EngineError when it cannot.
        """
        environment = dict(os.environ)
        if python != sys.executable:
            environment["PYTHONPATH"] = os.pathsep.join(str(Path(root).parents[1]) for root in (edgedoc_file, __file__))
        if home is not None:
            environment["EDGEDOC_HOME"] = str(home)
        # -P: a json.py in the working directory is not the standard library's.
        self._process = subprocess.Popen(
            [python, "-P", "-m", module, json.dumps(given)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
            encoding="utf-8",
        )
        self._name = module
        self._receive()

    def ask(self, work: Mapping[str, object]) -> Answer:
        """Have one piece of work done. Raises EngineError when the process ends instead; stderr has its reason."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(work) + "\n")
            self._process.stdin.flush()
        return self._receive()

    def _receive(self) -> Answer:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise EngineError(f"{self._name} ended with code {self._process.wait()}; what it said stands above.")
        answer: Answer = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process, which is not busy."""
        with suppress(BrokenPipeError):
            self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._process.kill()
        self.close()


def serve(load: Callable[[dict[str, Any]], Callable[[dict[str, Any]], Answer]]) -> None:
    """The child's end: `load` what the command line names, then answer work until stdin ends."""
    answers = private_stdout()
    work = load(json.loads(sys.argv[1]))
    print("{}", file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(work(json.loads(line))), file=answers, flush=True)
