"""What this process may use of the machine: cores and memory, container limits included. Knows no model."""

import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CPU_FEATURES = (
    *("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16"),
    *("asimd", "asimddp", "i8mm", "sve"),
)
"""Those that change which matrix kernels run, by the kernel's names."""

CPU_INFO = Path("/proc/cpuinfo")
CGROUP_ROOT = Path("/sys/fs/cgroup")
CPU_ROOT = Path("/sys/devices/system/cpu")
MEMORY_INFO = Path("/proc/meminfo")
OWN_CGROUPS = Path("/proc/self/cgroup")


class Cpu(NamedTuple):
    """The processor; `features` are those of CPU_FEATURES it has, None where the system does not say."""

    name: str
    features: tuple[str, ...] | None


def cpu() -> Cpu:
    """The first processor of this machine."""
    text = _read(CPU_INFO)
    if text is None:
        return Cpu(platform.processor() or platform.machine(), None)
    lines = text.split("\n\n", 1)[0].splitlines()
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = (fields.get("flags") or fields.get("Features") or "").split()
    return Cpu(fields.get("model name") or platform.machine(), tuple(name for name in CPU_FEATURES if name in flags))


def usable_cores() -> int:
    """Physical cores this process may run on, at least 1: affinity mask, hyper-threads once, capped by a CPU quota.

    A second thread on one core slows llama.cpp's matrix kernels down rather than speeding them up.
    """
    try:
        allowed = os.sched_getaffinity(0)
    except AttributeError:  # macOS, Windows
        return max(1, os.cpu_count() or 1)
    siblings = {_read(CPU_ROOT / f"cpu{cpu}/topology/thread_siblings_list") or str(cpu) for cpu in allowed}
    quota = min(_cpu_quotas(), default=float(len(siblings)))
    return max(1, min(len(siblings), int(quota + 0.5)))


def available_memory() -> int | None:
    """Bytes a new allocation may take without swapping or being killed; None where the system does not say."""
    candidates = list(_cgroup_headroom())
    for line in (_read(MEMORY_INFO) or "").splitlines():
        if line.startswith("MemAvailable:"):
            candidates.append(int(line.split()[1]) * 1024)
    return max(0, min(candidates)) if candidates else None


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None


def _number(path: Path) -> int | None:
    text = _read(path)
    return int(text) if text is not None and text.isdigit() else None


def _own_folders(controller: str) -> Iterator[Path]:
    """Control group folders of this process from its own up to the root; a limit on any of them binds.

    Inside a container the path named by /proc is often not visible and the mount point itself is the group.
    """
    for line in (_read(OWN_CGROUPS) or "").splitlines():
        _, controllers, name = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = CGROUP_ROOT / controllers if controllers else CGROUP_ROOT
        folder = root / name.lstrip("/")
        while folder != root:
            yield folder
            folder = folder.parent
        yield root


def _cgroup_headroom() -> Iterator[int]:
    """Limit minus use, with the page cache the kernel would give back counted as free (cgroup v2, then v1 names)."""
    for folder in _own_folders("memory"):
        for limit_name, use_name, cache_name in (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            limit, use = _number(folder / limit_name), _number(folder / use_name)
            if limit is None or use is None or limit >= 1 << 60:  # v1 writes "no limit" as a huge number
                continue
            statistics = dict(line.split(" ", 1) for line in (_read(folder / "memory.stat") or "").splitlines())
            yield limit - use + int(statistics.get(cache_name, "0"))


def _cpu_quotas() -> Iterator[float]:
    for folder in _own_folders("cpu"):
        quota, _, period = (_read(folder / "cpu.max") or "").partition(" ")
        if quota.isdigit() and period.isdigit():
            yield int(quota) / int(period)
        old_quota, old_period = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
        if old_quota and old_period:
            yield old_quota / old_period
