"""The doctor: what it says fits an issue, names the command for what is missing, and gives nobody's name away."""

import importlib.metadata
import json
import sys
from pathlib import Path

import pytest

from edgedoc import doctor


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EDGEDOC_HOME", str(tmp_path / "somebody" / ".cache" / "edgedoc"))
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "somebody")
    measure = doctor.memory_bandwidth
    monkeypatch.setattr(doctor, "memory_bandwidth", lambda: measure(megabytes=4, rounds=1))


def test_the_text_is_for_pasting() -> None:
    text = doctor.text(doctor.examine())
    lines = text.splitlines()
    assert 10 <= len(lines) <= 40
    assert lines[0].startswith("edgedoc")
    assert "somebody" not in text and "~" in text
    assert "\x1b" not in text


def test_the_examination_is_json() -> None:
    found = json.loads(json.dumps(doctor.examine()))
    assert found["cores"] >= 1
    assert found["memory_bandwidth"] > 0
    assert found["decode_limit_tokens_per_second"].keys() == {
        "reader-lm-0.5b int8",
        "reader-lm-0.5b int4",
        "reader-lm-1.5b int4",
    }


def test_what_is_missing_comes_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    monkeypatch.setitem(sys.modules, "llama_cpp", None)
    monkeypatch.delitem(sys.modules, "llama_cpp.llama_cpp", raising=False)
    text = doctor.text(doctor.examine())
    assert "not installed; get it with: pip install 'edgedoc[gguf]'" in text
    assert "pip install 'edgedoc[export]'" in text
    assert "no engine installed that could" in text


def test_bandwidth_is_plausible() -> None:
    assert 1e8 < doctor.memory_bandwidth() < 1e13


@pytest.mark.parametrize(
    ("cpu", "cores", "expected"),
    [
        ("x; avx2, avx_vnni", 8, []),
        ("x; no vector extension", 8, ["no AVX2"]),
        ("x; avx2", 8, ["no VNNI"]),
        ("x; avx2, avx512_vnni", 2, ["few cores (2)"]),
    ],
)
def test_remarks_say_what_will_be_slow(
    monkeypatch: pytest.MonkeyPatch, cpu: str, cores: int, expected: list[str]
) -> None:
    monkeypatch.setattr(doctor, "_cpu", lambda: cpu)
    monkeypatch.setattr(doctor, "usable_cores", lambda: cores)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(sys, "platform", "linux")
    remarks = doctor._remarks()
    assert len(remarks) == len(expected)
    assert all(remark.startswith(start) for remark, start in zip(remarks, expected, strict=True))
