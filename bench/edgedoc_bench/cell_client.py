"""The parent's end of a cell's process: starts it, asks it, notices when it dies or hangs. Knows no schedule."""

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from edgedoc import __file__ as edgedoc_file
from edgedoc.errors import EngineError
from edgedoc_bench.cell_contract import Order

LOAD_SECONDS = 600.0
MODULE = "edgedoc_bench.cell_process"
LAST_WORDS = 500
"""Characters of what a process said before it died."""


class Died(EngineError):
    """The process is gone. `stage` is what it was at: "crash" or "timeout"; `code` its exit code, if it had one."""

    def __init__(self, message: str, stage: str, code: int | None) -> None:
        super().__init__(message)
        self.stage, self.code = stage, code


class Refused(EngineError):
    """The process lives and says that it cannot do this. `missing`: for want of an optional package."""

    def __init__(self, error: str, message: str, missing: bool) -> None:
        super().__init__(message)
        self.error, self.missing = error, missing


class CellClient:
    """A loaded cell in a process of its own. Use as a context manager, or call `close`."""

    def __init__(self, order: Order, timeout: float, python: str | None = None, module: str = MODULE) -> None:
        """Raises Refused or Died when it cannot be loaded; an answer may take `timeout` seconds.

        `python` is that of another environment, which has what the order needs and nothing of edgedoc.
        """
        self._timeout = timeout
        self._open = ExitStack()
        self._said = self._open.enter_context(tempfile.TemporaryFile())  # noqa: SIM115, the stack closes it
        environment = dict(os.environ)
        if python is not None:
            environment["PYTHONPATH"] = os.pathsep.join(str(Path(root).parents[1]) for root in (edgedoc_file, __file__))
        # -P: a json.py in the working directory is not the standard library's.
        command = [python or sys.executable, "-P", "-m", module]
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, env=environment
            )
        except OSError as error:
            self._open.close()
            raise Refused(type(error).__name__, f"{command[0]} cannot be started: {error}.", True) from error
        # A thread, since Windows cannot wait for a pipe with a limit.
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        try:
            self.loaded = self._ask(json.dumps(asdict(order)), max(LOAD_SECONDS, timeout))
        except EngineError:
            self.close()
            raise

    def ask(self, item: int) -> dict[str, Any]:
        """The answer to one item. Raises Refused or Died."""
        return self._ask(str(item), self._timeout)

    def close(self) -> None:
        """End the process. Safe to call twice."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._listener.join()
        self._open.close()
        for pipe in (self._process.stdin, self._process.stdout):
            # What was still to be sent has nobody to go to.
            with suppress(BrokenPipeError):
                if pipe is not None:
                    pipe.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(b"")

    def _ask(self, line: str, timeout: float) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
            answer = self._lines.get(timeout=timeout)
        except BrokenPipeError:
            raise self._death() from None
        except queue.Empty:
            self._process.kill()
            raise Died(f"There was no answer within {timeout:.0f} seconds.", "timeout", None) from None
        if not answer.endswith(b"\n"):
            raise self._death()
        reply: dict[str, Any] = json.loads(answer)
        if "error" in reply:
            raise Refused(reply["error"], reply["message"], reply["missing"])
        return reply

    def _death(self) -> Died:
        code = self._process.wait()
        self._said.seek(0)
        words = self._said.read().decode("utf-8", "replace").strip().splitlines()[-1:]
        said = f": {words[0][-LAST_WORDS:]}" if words else ""
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        return Died(f"The process ended {how}{said}", "crash", code)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
