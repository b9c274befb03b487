"""Choosing an engine by model format, and that looking at the package imports none."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edgedoc import engines
from edgedoc.errors import ArtifactError, MissingModelError, UsageError


def test_a_bare_model_file(tiny_gguf: Path) -> None:
    pytest.importorskip("llama_cpp")
    engine = engines.load(tiny_gguf, context_length=256, threads=1)
    assert engine.context_length == 256
    engine.close()


def test_an_artifact_and_its_folder_lead_to_the_model_file(
    artifact_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgedoc.artifact import Artifact
    from edgedoc.engines.llama import LlamaEngine

    asked: list[Path] = []
    monkeypatch.setattr(LlamaEngine, "load", lambda path, **_: asked.append(path))
    for model in (artifact_folder, str(artifact_folder), Artifact.open(artifact_folder)):
        engines.load(model)
    assert asked == [artifact_folder / "model.gguf"] * 3


def test_other_formats_name_the_ones_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="gguf, onnx"):
        engines.load(tmp_path / "model.safetensors")


def test_an_onnx_artifact_gets_its_engine(tiny_onnx: dict[str, Path]) -> None:
    from edgedoc.engines.onnx import OnnxEngine

    engine = engines.load(tiny_onnx["int4"], context_length=100, threads=1, provider="cpu")
    assert isinstance(engine, OnnxEngine)
    assert engine.extend([1, 2, 3]).shape == (1, 512)


@pytest.mark.parametrize(
    ("file", "options"),
    [("m.onnx", {"gpu_layers": 1}), ("m.onnx", {"kv_type": "f16"}), ("m.gguf", {"provider": "cuda"})],
)
def test_options_of_another_format(tmp_path: Path, file: str, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="models"):
        engines.load(tmp_path / file, **options)


@pytest.mark.parametrize(("provider", "layers"), [(None, None), ("auto", None), ("cpu", 0)])
def test_auto_and_cpu_mean_the_same_to_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: str | None, layers: int | None
) -> None:
    from edgedoc.engines.llama import LlamaEngine

    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(LlamaEngine, "load", lambda path, **options: asked.append(options))
    engines.load(tmp_path / "m.gguf", provider=provider)
    assert asked[0].get("gpu_layers") == layers
    assert "provider" not in asked[0]


def test_which_engines_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llama_cpp", None)
    assert "gguf" not in engines.installed()
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert engines.installed() == ()


def test_folders_and_files_that_are_no_model(tmp_path: Path) -> None:
    with pytest.raises((ArtifactError, MissingModelError)):
        engines.load(tmp_path)
    with pytest.raises(ArtifactError):
        engines.load(tmp_path / "absent.gguf")


def test_importing_the_package_loads_no_runtime() -> None:
    script = (
        "import sys, edgedoc.engines; print([name for name in ('llama_cpp', 'onnxruntime') if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert child.stdout.strip() == "[]"


def test_every_package_a_provider_needs_counts_as_the_engine() -> None:
    from edgedoc.engines.onnx_session import BACKENDS

    assert {backend.package for backend in BACKENDS.values()} == {*engines.ENGINES["onnx"].distributions}
