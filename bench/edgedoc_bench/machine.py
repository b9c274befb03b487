"""The machine a figure was measured on: without it no figure means anything. Measures nothing itself."""

import importlib.metadata
import os
import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from edgedoc.engines.host import available_memory, cpu, usable_cores

PACKAGES = ("edgedoc", "llama-cpp-python", "numpy", "tokenizers", "onnxruntime", "onnxruntime-genai", "gguf")


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Memory in bytes; `load_average` over one minute when it was described, None where unknown."""

    time: str
    cpu: str
    flags: tuple[str, ...]
    logical_cpus: int
    usable_cores: int
    memory_available: int | None
    system: str
    python: str
    packages: dict[str, str]
    engine_build: str | None
    load_average: float | None

    @property
    def busy(self) -> bool:
        """Whether something else was running: figures then say little."""
        return self.load_average is not None and self.load_average > 0.5

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)

    def line(self) -> str:
        """One line for the head of a report."""
        memory = f"{self.memory_available / 2**30:.0f} GiB available" if self.memory_available else "memory unknown"
        packages = ", ".join(f"{name} {version}" for name, version in self.packages.items())
        load = "unknown" if self.load_average is None else f"{self.load_average:.2f}"
        return (
            f"{self.cpu}, {self.usable_cores} cores ({' '.join(self.flags)}), {memory}, {self.system}, "
            f"Python {self.python}; {packages}; load average {load}; {self.time}"
        )


def describe() -> Machine:
    """This machine, now."""
    processor = cpu()
    return Machine(
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        cpu=processor.name,
        flags=processor.features or (),
        logical_cpus=os.cpu_count() or 0,
        usable_cores=usable_cores(),
        memory_available=available_memory(),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        packages=_versions(),
        engine_build=_engine_build(),
        load_average=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    )


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _engine_build() -> str | None:
    from edgedoc.engines.native import load_library, system_info
    from edgedoc.errors import MissingPackageError

    try:
        return system_info(load_library()).strip(" |")
    except MissingPackageError:
        return None
