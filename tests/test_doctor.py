"""The doctor: what it says fits an issue, names the command for what is missing, and gives nobody's name away."""

import importlib.metadata
import json
import sys
from pathlib import Path

import pytest

from edgedoc import doctor
from edgedoc.engines import onnx_session
from edgedoc.engines.host import Cpu


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
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    text = doctor.text(doctor.examine())
    assert "not installed; get it with: pip install 'edgedoc[gguf]'" in text
    assert "not installed; get it with: pip install 'edgedoc[onnx]'" in text
    assert "pip install 'edgedoc[export]'" in text
    assert text.count("no engine installed that could") == 2


@pytest.mark.parametrize("engine", ["gguf", "onnx"])
def test_one_engine_is_enough(monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    pytest.importorskip("llama_cpp")
    pytest.importorskip("onnxruntime")
    other = {"gguf": "onnxruntime", "onnx": "llama_cpp"}[engine]
    monkeypatch.setitem(sys.modules, other, None)
    monkeypatch.delitem(sys.modules, "llama_cpp.llama_cpp", raising=False)
    found = doctor.examine()["gpu_offload"]
    assert isinstance(found, dict)
    assert [name for name, state in found.items() if "no engine" not in state] == [engine]


def test_a_gpu_package_is_an_onnxruntime_too(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"onnxruntime-gpu": "1.31.1"}

    def version(name: str) -> str:
        if name not in installed:
            raise importlib.metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(importlib.metadata, "version", version)
    monkeypatch.setattr(doctor, "load_runtime", lambda: None)
    monkeypatch.setattr(
        doctor, "available_providers", lambda _: [onnx_session.Provider.CPU, onnx_session.Provider.CUDA]
    )
    monkeypatch.setattr(doctor, "_old_runtime", lambda: [])
    found = doctor.examine()
    assert isinstance(found["engines"], dict) and isinstance(found["gpu_offload"], dict)
    assert found["engines"]["onnx"] == "onnxruntime-gpu 1.31.1"
    assert found["gpu_offload"]["onnx"] == "cuda, if its driver starts (providers: cpu, cuda)"


def test_an_old_onnxruntime_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = pytest.importorskip("onnxruntime")
    assert doctor._old_runtime() == []
    monkeypatch.setattr(runtime, "__version__", "1.22.1")
    assert doctor._old_runtime() == ["onnxruntime 1.22.1 is too old for 4-bit models: pip install -U onnxruntime"]


def test_bandwidth_is_plausible() -> None:
    assert 1e8 < doctor.memory_bandwidth() < 1e13


@pytest.mark.parametrize(
    ("machine", "features", "cores", "expected"),
    [
        ("x86_64", ("avx2", "avx_vnni"), 8, []),
        ("x86_64", (), 8, ["no AVX2"]),
        ("x86_64", ("avx2",), 8, ["no VNNI: 8-bit", "no VNNI: onnxruntime"]),
        ("x86_64", ("avx2", "avx512_vnni"), 2, ["few cores (2)"]),
        ("AMD64", None, 8, []),
        ("aarch64", ("asimd", "asimddp"), 8, []),
        ("aarch64", ("asimd",), 8, ["no dot product"]),
    ],
)
def test_remarks_say_what_will_be_slow(
    monkeypatch: pytest.MonkeyPatch, machine: str, features: tuple[str, ...] | None, cores: int, expected: list[str]
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr(sys, "platform", "linux")
    remarks = doctor.remarks(Cpu("x", features), cores)
    assert len(remarks) == len(expected)
    assert all(remark.startswith(start) for remark, start in zip(remarks, expected, strict=True))
