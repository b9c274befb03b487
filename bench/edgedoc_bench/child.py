"""A Python in a process of its own that loads something once and then answers, one question at a time: both its ends.

Measured apart, a thing has its own peak of memory, and what crashes or hangs takes nothing else with it. Of many live
processes one works while the others wait on stdin: neighbouring measurements are seconds apart, which on a machine that
drifts is worth more than anything else. JSON goes over the pipes, an object a line, and an error is an answer. Knows no
model, and imports nothing that has to be installed: a child may run in an environment that lacks what edgedoc needs.
"""

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from edgedoc import __file__ as edgedoc_file
from edgedoc.errors import EdgedocError, EngineError, MissingPackageError

Answer = dict[str, Any]
Work = Callable[[Any], Answer]

LOAD_SECONDS = 600.0
"""Loading may take as long as this where an answer may take less."""
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


class Child:
    """The parent's end of `serve`. `loaded` is its first answer. Use as a context manager, or call `close`."""

    def __init__(
        self,
        module: str,
        given: Mapping[str, object],
        *,
        timeout: float | None = None,
        python: str | None = None,
        home: Path | None = None,
    ) -> None:
        """Run `module`, whose main calls `serve`, and have it load what is `given`. Raises Refused or Died.

        An answer may take `timeout` seconds; None: for ever. `python` is that of another environment, which has what
        the module needs and nothing of edgedoc. `home` is the process' EDGEDOC_HOME; None: this one's.
        """
        self._module, self._timeout = module, timeout
        self._open = ExitStack()
        self._said = self._open.enter_context(tempfile.TemporaryFile())  # noqa: SIM115, the stack closes it
        environment = dict(os.environ)
        if python is not None:
            environment["PYTHONPATH"] = os.pathsep.join(str(Path(root).parents[1]) for root in (edgedoc_file, __file__))
        if home is not None:
            environment["EDGEDOC_HOME"] = str(home)
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
            self.loaded = self._ask(given, None if timeout is None else max(LOAD_SECONDS, timeout))
        except BaseException:
            self.close()
            raise

    def ask(self, question: object) -> Answer:
        """The answer to one question, which is JSON. Raises Refused or Died."""
        return self._ask(question, self._timeout)

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

    def _ask(self, question: object, timeout: float | None) -> Answer:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
            self._process.stdin.flush()
            line = self._lines.get(timeout=timeout)
        except BrokenPipeError:
            raise self._death() from None
        except queue.Empty:
            self._process.kill()
            told = f"The process {self._module} gave no answer within {timeout:.0f} seconds."
            raise Died(told, "timeout", None) from None
        if not line.endswith(b"\n"):
            raise self._death()
        answer: Answer = json.loads(line)
        if "error" in answer:
            raise Refused(answer["error"], answer["message"], answer["missing"])
        return answer

    def _death(self) -> Died:
        code = self._process.wait()
        self._said.seek(0)
        words = self._said.read().decode("utf-8", "replace").strip().splitlines()[-1:]
        said = f": {words[0][-LAST_WORDS:]}" if words else ""
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        return Died(f"The process {self._module} ended {how}{said}", "crash", code)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def serve(load: Callable[[dict[str, Any]], tuple[Answer, Work]]) -> None:
    """The child's end: `load` what the first line gives, tell what that took, and answer the others until stdin ends.

    An EdgedocError in an answer is told and survived; one in loading, or a package that is not there, ends it.
    """
    # What native libraries print to stdout goes to stderr from here on.
    private = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(private, "w", encoding="utf-8", newline="\n") as answers:

        def say(answer: Answer) -> None:
            print(json.dumps(answer), file=answers, flush=True)

        try:
            loaded, work = load(json.loads(sys.stdin.readline()))
        except (EdgedocError, ImportError) as error:
            return say(_error(error))
        say(loaded)
        for line in sys.stdin:
            try:
                answer = work(json.loads(line))
            except EdgedocError as error:
                answer = _error(error)
            say(answer)


def _error(error: Exception) -> Answer:
    missing = isinstance(error, MissingPackageError | ImportError)
    return {"error": type(error).__name__, "message": str(error), "missing": missing}
