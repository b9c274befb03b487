"""The llama.cpp engine on a tiny random model: its own errors, options and memory; the rest is the engine contract."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edgedoc.engines.llama import LlamaEngine, plan
from edgedoc.errors import ArtifactError, EngineError, MissingPackageError, NotEnoughMemoryError, UsageError

pytest.importorskip("llama_cpp")

TOKENS = [(7 * index) % 319 for index in range(150)]


@pytest.fixture
def engine(tiny_gguf: Path) -> Iterator[LlamaEngine]:
    engine = LlamaEngine.load(tiny_gguf, threads=1, batch=64)
    yield engine
    engine.close()


def test_a_native_failure_leaves_the_cache_as_it_was(engine: LlamaEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.extend(TOKENS[:10])
    genuine = engine._library.llama_decode
    calls = []

    def second_batch_fails(context: object, batch: object) -> int:
        calls.append(1)
        return int(genuine(context, batch)) if len(calls) == 1 else -3

    monkeypatch.setattr(engine._library, "llama_decode", second_batch_fails)
    with pytest.raises(EngineError, match="code -3"):
        engine.extend(TOKENS[10:])
    monkeypatch.undo()
    assert engine.position == 10
    after = engine.extend(TOKENS[10:20])
    engine.rewind(0)
    assert np.allclose(after, engine.extend(TOKENS[:20]), atol=0.02)


@pytest.mark.parametrize("use_mmap", [True, False])
def test_quantised_cache_stays_close(tiny_gguf: Path, use_mmap: bool) -> None:
    exact = LlamaEngine.load(tiny_gguf, threads=1)
    small = LlamaEngine.load(tiny_gguf, threads=1, kv_type="q8_0", use_mmap=use_mmap)
    assert small.plan.kv_cache < exact.plan.kv_cache
    difference = np.abs(exact.extend(TOKENS) - small.extend(TOKENS)).max()
    assert 0 < difference < 0.2


def test_package_missing(tiny_gguf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llama_cpp", None)
    monkeypatch.delitem(sys.modules, "llama_cpp.llama_cpp", raising=False)
    with pytest.raises(MissingPackageError, match=r"edgedoc\[gguf\]"):
        LlamaEngine.load(tiny_gguf)


def test_shared_library_broken(tiny_gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "llama_cpp"]:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / "libllama.so").write_bytes(b"not a library")
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(tmp_path))
    with pytest.raises(MissingPackageError, match="llama-cpp-python"):
        LlamaEngine.load(tiny_gguf)


def test_llama_cpp_refuses_what_the_header_check_lets_through(tiny_gguf: Path, tmp_path: Path) -> None:
    """A tensor under another name is well-formed GGUF; only llama.cpp knows that it is needed. Its words are quoted."""
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(tiny_gguf.read_bytes().replace(b"blk.1.ffn_down.weight", b"blk.1.ffn_dawn.weight"))
    with pytest.raises(EngineError, match="ffn_down"):
        LlamaEngine.load(broken)


def test_foreign_file_never_reaches_llama_cpp(tmp_path: Path) -> None:
    foreign = tmp_path / "model.gguf"
    foreign.write_bytes(b"PK\x03\x04" + bytes(1000))
    with pytest.raises(ArtifactError):
        LlamaEngine.load(foreign)


def test_refused_for_lack_of_memory_before_loading(tiny_gguf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import llama_cpp.llama_cpp as library

    monkeypatch.setattr(library, "llama_model_load_from_file", lambda *_: pytest.fail("it was loaded"))
    with pytest.raises(NotEnoughMemoryError, match="memory limit is 1 MB"):
        LlamaEngine.load(tiny_gguf, memory_limit=1_000_000)


def test_gpu_layers_without_a_gpu(tiny_gguf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import llama_cpp.llama_cpp as library

    monkeypatch.setattr(library, "llama_supports_gpu_offload", lambda: False)
    with pytest.raises(UsageError, match="GPU"):
        LlamaEngine.load(tiny_gguf, gpu_layers=4)
    LlamaEngine.load(tiny_gguf, gpu_layers=0, threads=1).close()


def test_plan_equals_what_is_loaded(tiny_gguf: Path) -> None:
    engine = LlamaEngine.load(tiny_gguf, threads=1, context_length=300)
    expected = plan(tiny_gguf, context_length=300)
    assert engine.context_length == expected.context_length == 512
    assert engine.plan.total == expected.total
