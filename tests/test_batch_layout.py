"""How a job spreads over a machine, and what it says of its pace."""

from pathlib import Path

import pytest

from edgedoc.batch import layout
from edgedoc.batch.layout import INTERPRETER, lay_out
from edgedoc.batch.progress import Progress, duration
from edgedoc.tasks.pipeline import Settings

MODELS = 2 * 200_000_000
SETTINGS = Settings(reader=Path("reader"), chunker=Path("chunker"))


@pytest.mark.parametrize(
    ("cores", "free", "options", "workers", "threads"),
    [
        (8, 100e9, {}, 8, 1),
        (8, 2e9, {}, 2, 4),
        (8, 1e6, {}, 1, 8),
        (8, None, {}, 8, 1),
        (8, 100e9, {"documents": 3}, 3, 2),
        (8, 100e9, {"threads": 4}, 2, 4),
        (8, 2e9, {"workers": 5}, 5, 1),
        (1, 100e9, {"threads": 4}, 1, 4),
    ],
)
def test_workers_fit_cores_memory_and_documents(
    monkeypatch: pytest.MonkeyPatch,
    cores: int,
    free: float | None,
    options: dict[str, int],
    workers: int,
    threads: int,
) -> None:
    monkeypatch.setattr(layout, "usable_cores", lambda: cores)
    monkeypatch.setattr(layout, "available_memory", lambda: None if free is None else int(free))
    monkeypatch.setattr(layout, "_needed", lambda path, sequences: MODELS // 2)
    found = lay_out(SETTINGS, **options)
    assert (found.workers, found.threads) == (workers, threads)
    assert found.memory == INTERPRETER + MODELS


class _Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_rate_and_time_left_follow_what_was_done() -> None:
    clock = _Clock()
    progress = Progress(clock)
    assert progress.seconds_left is None
    # Half of the input was done by a job before.
    for number in range(11):
        progress.document(0.5 + number * 0.01)
        clock.now += 2
    assert progress.rate == pytest.approx(0.5)
    assert progress.seconds_left == pytest.approx(22 * 0.4 / 0.1)
    for number in range(200):
        progress.document(0.6 + number * 0.001)
        clock.now += 0.5
    assert progress.rate == pytest.approx(2.0, rel=0.05)


def test_durations_are_as_exact_as_people_want_them() -> None:
    assert [duration(seconds) for seconds in (5, 600, 12_000, 400_000)] == ["5 s", "10 min", "3 h 20 min", "5 days"]
