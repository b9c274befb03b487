"""How fast a job goes and how long it will take, from what was done lately. Knows no documents and no terminal."""

import time
from collections import deque
from collections.abc import Callable

WINDOW = 60.0
"""Seconds the rate is of: long enough to be steady, short enough to follow the machine."""


class Progress:
    """Told each document; says the rate and the time left."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._clock = clock
        self._begun = clock()
        self._first_share: float | None = None
        self._share = 0.0
        self._times: deque[tuple[float, int]] = deque()
        self.count = 0

    def document(self, share: float) -> None:
        """One more is done, and `share` of all input, 0 to 1, lies behind."""
        now = self._clock()
        if self._first_share is None:
            self._first_share = share
        self.count += 1
        self._share = max(self._share, share)
        # One entry a second at most, however many documents there are.
        if not self._times or now - self._times[-1][0] >= 1:
            self._times.append((now, self.count))
        while now - self._times[0][0] > WINDOW:
            self._times.popleft()

    @property
    def share(self) -> float:
        """How much of all input lies behind, 0 to 1."""
        return self._share

    @property
    def rate(self) -> float:
        """Documents a second; of this run, so that a resumed job does not boast."""
        now = self._clock()
        then, before = self._times[0] if self._times and now - self._begun > WINDOW else (self._begun, 0)
        return (self.count - before) / max(1e-9, now - then)

    @property
    def seconds_left(self) -> float | None:
        """As the shares say; None before anything can be said."""
        done = self._share - (self._first_share or 0.0)
        if self.count < 2 or done <= 0:
            return None
        return (self._clock() - self._begun) * (1 - self._share) / done


def duration(seconds: float) -> str:
    """ "42 s", "12 min", "3 h 20 min", "4 days"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.0f} h {seconds % 3600 / 60:.0f} min"
    return f"{seconds / 86400:.0f} days"
