"""What the process may use: affinity, hyper-threads, quotas and memory limits, read from made-up system files."""

import os
from pathlib import Path

import pytest

from edgedoc.engines import host


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four hyper-threads on two cores, 8 GB of which 6 are available, no control group."""
    for cpu, siblings in enumerate(("0,2", "1,3", "0,2", "1,3")):
        topology = tmp_path / f"cpu/cpu{cpu}/topology"
        topology.mkdir(parents=True)
        (topology / "thread_siblings_list").write_text(siblings + "\n")
    (tmp_path / "meminfo").write_text("MemTotal: 8000000 kB\nMemFree: 100 kB\nMemAvailable: 6000000 kB\n")
    (tmp_path / "cgroup").write_text("")
    (tmp_path / "groups").mkdir()
    monkeypatch.setattr(host, "CPU_ROOT", tmp_path / "cpu")
    monkeypatch.setattr(host, "MEMORY_INFO", tmp_path / "meminfo")
    monkeypatch.setattr(host, "OWN_CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(host, "CGROUP_ROOT", tmp_path / "groups")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    return tmp_path


def group(machine: Path, name: str, files: dict[str, str]) -> None:
    folder = machine / "groups" / name
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        (folder / file).write_text(text + "\n")


def test_hyper_threads_count_once(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert host.usable_cores() == 2
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 3}, raising=False)
    assert host.usable_cores() == 1


def test_unknown_topology_counts_the_allowed_cpus(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "CPU_ROOT", machine / "nothing")
    assert host.usable_cores() == 4


@pytest.mark.parametrize(
    ("quota", "cores"), [("100000 100000", 1), ("150000 100000", 2), ("max 100000", 2), ("1 9", 1)]
)
def test_cpu_quota(machine: Path, quota: str, cores: int) -> None:
    (machine / "cgroup").write_text("0::/app.slice/job\n")
    group(machine, "app.slice/job", {"cpu.max": quota})
    assert host.usable_cores() == cores


def test_cpu_quota_of_version_1(machine: Path) -> None:
    (machine / "cgroup").write_text("3:cpu:/job\n")
    group(machine, "cpu/job", {"cpu.cfs_quota_us": "100000", "cpu.cfs_period_us": "100000"})
    assert host.usable_cores() == 1


def test_available_memory_without_limits(machine: Path) -> None:
    assert host.available_memory() == 6_000_000 * 1024


def test_the_tightest_limit_on_the_way_up_binds(machine: Path) -> None:
    (machine / "cgroup").write_text("0::/app.slice/job\n")
    group(machine, "app.slice/job", {"memory.max": "max", "memory.current": "1000"})
    group(
        machine, "app.slice", {"memory.max": "500000", "memory.current": "400000", "memory.stat": "inactive_file 50000"}
    )
    assert host.available_memory() == 150_000


def test_inside_a_container_the_mount_point_is_the_group(machine: Path) -> None:
    (machine / "cgroup").write_text("0::/not/visible/here\n")
    group(machine, "", {"memory.max": "900000", "memory.current": "100000"})
    assert host.available_memory() == 800_000


def test_limits_of_version_1(machine: Path) -> None:
    (machine / "cgroup").write_text("4:memory:/job\n")
    group(machine, "memory", {"memory.limit_in_bytes": "9223372036854771712", "memory.usage_in_bytes": "5"})
    group(machine, "memory/job", {"memory.limit_in_bytes": "700000", "memory.usage_in_bytes": "800000"})
    assert host.available_memory() == 0


def test_systems_that_do_not_say(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "MEMORY_INFO", machine / "nothing")
    assert host.available_memory() is None
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert host.usable_cores() >= 1


def test_the_processor_and_what_its_kernels_can_use(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = machine / "cpuinfo"
    monkeypatch.setattr(host, "CPU_INFO", info)
    block = "processor : 0\nmodel name\t: Some CPU @ 2: fast\nflags\t\t: fpu avx2 sse avx512_vnni\n"
    info.write_text(f"{block}\n{block.replace('Some', 'Other')}")
    assert host.cpu() == host.Cpu("Some CPU @ 2: fast", ("avx2", "avx512_vnni"))
    info.write_text("processor : 0\nFeatures : fp asimd asimddp\n")
    assert host.cpu().features == ("asimd", "asimddp")
    info.unlink()
    assert host.cpu().features is None
