"""What a machine can do at most, in a process with all its cores."""

import os
import subprocess
import sys

import pytest

from edgedoc.errors import EngineError, MissingPackageError
from edgedoc_bench import limits


def test_limits_are_measured_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    found = limits.measure_apart()
    # Slower than any machine edgedoc runs on, faster than none: orders of magnitude, not times.
    assert found["bandwidth"] > 1e8 and found["gemm_f32"] > 1e8
    assert (found["gemm_int8"] is None) == (found["reason"] is not None)


def test_integers_need_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingPackageError, match=r"edgedoc\[export\]"):
        limits.integer_rate()


def test_a_failure_has_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(command: list[str], **more: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "Traceback\nMemoryError: too much")

    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(EngineError, match="failed: MemoryError: too much"):
        limits.measure_apart()
