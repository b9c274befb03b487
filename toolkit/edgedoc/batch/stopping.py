"""What Ctrl-C means to a job: once, finish what is in hand; twice, give it up. Knows no job."""

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self


class Stopping:
    """While entered, the first interrupt calls `told` and makes this true; the second is KeyboardInterrupt."""

    def __init__(self, told: Callable[[], None]) -> None:
        """`told` runs in the signal's handler: it must not write to what may be written to just then."""
        self._told = told
        self._asked = False
        self._before: Any = None

    def __call__(self) -> bool:
        """Whether to stop."""
        return self._asked

    def __enter__(self) -> Self:
        # Handlers belong to the main thread; a job in another one is interrupted by whoever runs it.
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._interrupted)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        self._told()
