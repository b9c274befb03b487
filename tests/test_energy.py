"""Energy counters, on a sysfs made for it: which are read, wrapping around, and what is said when none can be."""

from pathlib import Path

import pytest

from edgedoc_bench import energy


def _zone(root: Path, folder: str, name: str, microjoules: int, widest: int = 1000) -> Path:
    zone = root / folder
    zone.mkdir()
    (zone / "name").write_text(f"{name}\n", "ascii")
    (zone / "energy_uj").write_text(f"{microjoules}\n", "ascii")
    (zone / "max_energy_range_uj").write_text(f"{widest}\n", "ascii")
    return zone


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(energy, "gpu_counters", lambda: iter(()))


@pytest.fixture
def counted(tmp_path: Path) -> tuple[energy.Counter, Path, Path]:
    package = _zone(tmp_path, "intel-rapl:0", "package-0", 900)
    _zone(tmp_path, "intel-rapl:0:0", "core", 100)
    memory = _zone(tmp_path, "intel-rapl:0:1", "dram", 50)
    _zone(tmp_path, "intel-rapl:1", "psys", 5000)
    _zone(tmp_path, "intel-rapl-mmio:0", "package-0", 900)
    counter = energy.open_counter(tmp_path)
    assert counter is not None
    return counter, package, memory


def test_nothing_is_counted_twice(counted: tuple[energy.Counter, Path, Path]) -> None:
    counter, _, _ = counted
    assert counter.domains == ("package-0 0", "dram 0:1")
    assert counter.source == "powercap"


def test_a_counter_that_wraps_around_goes_on(counted: tuple[energy.Counter, Path, Path]) -> None:
    counter, package, memory = counted
    before = counter.read()
    (package / "energy_uj").write_text("200", "ascii")
    (memory / "energy_uj").write_text("80", "ascii")
    # 900 to 1000 and on from 0 to 200; 50 to 80.
    assert counter.joules(before, counter.read()) == pytest.approx(330e-6)


def test_idle_watts_are_joules_over_time(counted: tuple[energy.Counter, Path, Path]) -> None:
    counter, package, _ = counted

    def sleep(seconds: float) -> None:
        assert seconds == 1.0
        (package / "energy_uj").write_text("950", "ascii")

    assert counter.idle_watts(1.0, sleep=sleep) > 0


def test_no_counter_is_unknown_and_says_why(tmp_path: Path) -> None:
    assert energy.open_counter(tmp_path) is None
    assert "virtual machines" in energy.unreadable(tmp_path)


def test_a_counter_of_roots_says_how_to_read_it(tmp_path: Path) -> None:
    zone = _zone(tmp_path, "intel-rapl:0", "package-0", 1)
    # What a file without permission does, also for root, who runs some tests.
    (zone / "energy_uj").unlink()
    (zone / "energy_uj").mkdir()
    assert energy.open_counter(tmp_path) is None
    assert energy.READABLE in energy.unreadable(tmp_path)


def test_a_gpu_adds_to_the_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _zone(tmp_path, "intel-rapl:0", "package-0", 0)
    readings = iter([5_000_000, 7_000_000])
    monkeypatch.setattr(energy, "gpu_counters", lambda: iter([("gpu-0", lambda: next(readings))]))
    counter = energy.open_counter(tmp_path)
    assert counter is not None and counter.source == "powercap and nvml"
    assert counter.joules(counter.read(), counter.read()) == pytest.approx(2.0)
