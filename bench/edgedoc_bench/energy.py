"""Energy as the machine counts it: powercap (RAPL) and NVML. Knows no model, and never guesses from a TDP.

Counters hold microjoules since some moment and wrap around at `max_energy_range_uj`
(https://docs.kernel.org/power/powercap/powercap.html). Only root may read them since 2020 (CVE-2020-8694).
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edgedoc_bench.nvml import gpu_counters

POWERCAP = Path("/sys/class/powercap")
READABLE = "sudo chmod a+r /sys/class/powercap/intel-rapl*/energy_uj"
"""Until the next start of the machine."""
IDLE_SECONDS = 2.0

Reading = dict[str, int]
"""Domain -> microjoules on its counter."""


@dataclass(frozen=True)
class Domain:
    """A counter of microjoules that starts again after `range`; None where it is too wide to matter."""

    name: str
    read: Callable[[], int]
    range: int | None


class Counter:
    """All counters of this machine that can be read, none of which is part of another."""

    def __init__(self, domains: tuple[Domain, ...]) -> None:
        self._domains = domains

    @property
    def domains(self) -> tuple[str, ...]:
        """Names: "package-0", "dram", "gpu-0"."""
        return tuple(domain.name for domain in self._domains)

    @property
    def source(self) -> str:
        """ "powercap", "nvml" or both."""
        gpus = sum(name.startswith("gpu") for name in self.domains)
        return " and ".join(["powercap"] * (gpus < len(self.domains)) + ["nvml"] * (gpus > 0))

    def read(self) -> Reading:
        """All counters, now."""
        return {domain.name: domain.read() for domain in self._domains}

    def joules(self, before: Reading, after: Reading) -> float:
        """Energy between two readings, with at most one start from zero of each counter in between."""
        return sum(_used(domain, before[domain.name], after[domain.name]) for domain in self._domains) / 1e6

    def idle_watts(self, seconds: float = IDLE_SECONDS, sleep: Callable[[float], None] = time.sleep) -> float:
        """Power while this process does nothing, over `seconds`."""
        started, before = time.perf_counter(), self.read()
        sleep(seconds)
        return self.joules(before, self.read()) / (time.perf_counter() - started)


def open_counter(root: Path = POWERCAP) -> Counter | None:
    """The counters of this machine; None where none can be read (`unreadable` says why)."""
    domains = (*_powercap(root), *(Domain(name, read, None) for name, read in gpu_counters()))
    return Counter(domains) if domains else None


def unreadable(root: Path = POWERCAP) -> str:
    """Why there is no energy, and what would change that."""
    if any(root.glob("intel-rapl*/energy_uj")):
        return f"this user may not read the energy counters; make them readable with: {READABLE}"
    return (
        f"this machine shows no energy counters in {root}: virtual machines seldom do, and macOS and Windows have none"
    )


def _powercap(root: Path) -> Iterator[Domain]:
    for zone in sorted(root.glob("intel-rapl:*")):
        # Packages stand at the top; below them only the memory is counted apart. psys covers them all once more, and
        # the mmio zones are the packages seen another way.
        try:
            name = (zone / "name").read_text("ascii").strip()
            if not (name == "dram" if zone.name.count(":") > 1 else name.startswith("package")):
                continue
            file, widest = zone / "energy_uj", int((zone / "max_energy_range_uj").read_text("ascii"))
            int(file.read_text("ascii"))
        except (OSError, ValueError):
            continue
        yield Domain(f"{name} {zone.name.split(':', 1)[1]}", _reader(file), widest)


def _used(domain: Domain, before: int, after: int) -> int:
    if after >= before or domain.range is None:
        return max(0, after - before)
    return after + domain.range - before


def _reader(file: Path) -> Callable[[], int]:
    return lambda: int(file.read_text("ascii"))
