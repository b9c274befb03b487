"""The onnxruntime engine: its two kinds of graph, providers, and what it says of models it cannot run."""

import shutil
import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edgedoc.engines import onnx_session
from edgedoc.engines.onnx import OnnxEngine, plan
from edgedoc.engines.onnx_cache import GrowingCache
from edgedoc.engines.onnx_mapped import MappedWeights
from edgedoc.engines.onnx_session import Provider, choose_provider, is_too_old
from edgedoc.errors import (
    ArtifactError,
    EngineError,
    MissingError,
    MissingPackageError,
    NotEnoughMemoryError,
    UsageError,
)

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

TOKENS = [(7 * index) % 319 for index in range(150)]

Damage = Callable[[Any], None]


@pytest.fixture
def model(tiny_onnx: dict[str, Path]) -> Path:
    return tiny_onnx["f32"] / "onnx" / "model.onnx"


@pytest.fixture
def engine(model: Path) -> Iterator[OnnxEngine]:
    engine = OnnxEngine.load(model, threads=1, batch=64)
    yield engine
    engine.close()


@pytest.fixture
def damaged(model: Path, tmp_path: Path) -> Callable[[Damage], Path]:
    """A copy of the model with something changed in its graph; the data file comes along."""

    def make(damage: Damage) -> Path:
        shutil.copyfile(f"{model}_data", tmp_path / "model.onnx_data")
        proto = onnx.load(model, load_external_data=False)
        damage(proto)
        (tmp_path / "model.onnx").write_bytes(proto.SerializeToString())
        return tmp_path / "model.onnx"

    return make


def test_both_graphs_give_the_same_logits(engine: OnnxEngine, standard_onnx: Path) -> None:
    standard = OnnxEngine.load(standard_onnx, threads=1, batch=64)
    assert isinstance(standard._cache, GrowingCache) and not isinstance(engine._cache, GrowingCache)
    for length in (100, 150):
        assert np.allclose(engine.extend(TOKENS[:length], 20), standard.extend(TOKENS[:length], 20), atol=1e-4)
        engine.rewind(30)
        standard.rewind(30)


def test_the_cache_is_one_buffer_for_the_life_of_the_engine(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past and present of a layer are bound once, to the same memory; no step binds or copies them again."""
    bound: dict[str, int] = {}
    genuine = {name: getattr(runtime.IOBinding, name) for name in ("bind_ortvalue_input", "bind_ortvalue_output")}
    for method, call in genuine.items():

        def remember(self: Any, name: str, value: Any, call: Any = call) -> None:
            assert name not in bound
            bound[name] = value.data_ptr()
            call(self, name, value)

        monkeypatch.setattr(runtime.IOBinding, method, remember)
    engine = OnnxEngine.load(model, threads=1, context_length=64)
    count = len(bound)
    engine.extend(TOKENS[:40])
    engine.rewind(7)
    engine.extend(TOKENS[:5])
    assert len(bound) == count == 2 * 2 * 2 + 1
    for layer in range(2):
        for kind in ("key", "value"):
            assert bound[f"past_key_values.{layer}.{kind}"] == bound[f"present.{layer}.{kind}"]


def test_memory_that_is_lent_to_the_runtime_stays(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to onnxruntime 1.23 an OrtValue borrows an array without holding it: freed, the next run would crash."""
    lent: list[weakref.ref[Any]] = []
    genuine = runtime.OrtValue.ortvalue_from_numpy

    def lend(array: Any, device: str = "cpu") -> Any:
        lent.append(weakref.ref(array))
        return genuine(array.copy(), device)

    monkeypatch.setattr(runtime.OrtValue, "ortvalue_from_numpy", lend)
    engine = OnnxEngine.load(model, threads=1)
    assert len(lent) == 2 * 2 + 1
    assert all(array() is not None for array in lent)
    engine.close()


def test_a_prompt_does_not_pay_for_the_head(engine: OnnxEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the prompt, only the rows asked for are computed."""
    asked: list[int] = []
    genuine = engine._binding.bind_output

    def remember(name: str, *place: Any) -> None:
        asked.append(place[3][1])
        genuine(name, *place)

    monkeypatch.setattr(engine._binding, "bind_output", remember)
    engine.extend(TOKENS, 3)
    assert asked == [0, 0, 3]


@pytest.mark.parametrize("standard", [False, True])
def test_a_failed_run_leaves_the_cache_as_it_was(
    model: Path, standard_onnx: Path, monkeypatch: pytest.MonkeyPatch, standard: bool
) -> None:
    engine = OnnxEngine.load(standard_onnx if standard else model, threads=1, batch=64)
    engine.extend(TOKENS[:10])
    genuine = engine._session
    runs = []

    def second_fails(binding: Any) -> None:
        runs.append(1)
        if len(runs) == 2:
            raise RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : bad allocation")
        genuine.run_with_iobinding(binding)

    monkeypatch.setattr(engine, "_session", SimpleNamespace(run_with_iobinding=second_fails))
    with pytest.raises(EngineError, match="64 tokens: memory ran out"):
        engine.extend(TOKENS[10:])
    monkeypatch.undo()
    assert engine.position == 10
    after = engine.extend(TOKENS[10:20])
    engine.rewind(0)
    assert np.allclose(after, engine.extend(TOKENS[:20]), atol=1e-4)


def test_package_missing(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingPackageError, match=r"edgedoc\[onnx\]"):
        OnnxEngine.load(model)


def test_refused_for_lack_of_memory_before_loading(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "InferenceSession", lambda *_, **__: pytest.fail("it was loaded"))
    with pytest.raises(NotEnoughMemoryError, match="memory limit is 1 MB"):
        OnnxEngine.load(model, memory_limit=1_000_000)


def test_plan_equals_what_is_loaded(model: Path) -> None:
    engine = OnnxEngine.load(model, threads=1, context_length=300)
    expected = plan(model, context_length=300)
    assert engine.context_length == expected.context_length == 300
    assert engine.plan.total == expected.total


def test_a_context_beyond_the_rotary_cache(model: Path) -> None:
    with pytest.raises(UsageError, match=r"exported for 512.*--context 600"):
        OnnxEngine.load(model, context_length=600)
    engine = OnnxEngine.load(model, context_length=600, minimum_context=100, threads=1)
    assert engine.context_length == 512


@pytest.mark.parametrize(
    "damage",
    [
        lambda model: setattr(model.graph.node[-1], "op_type", "FancyMatMul"),
        lambda model: setattr(model.graph.node[0], "op_type", "Fancy"),
        lambda model: setattr(model.opset_import[0], "version", 99),
        lambda model: setattr(model, "ir_version", 99),
        lambda model: model.graph.node[-1].attribute.append(onnx.helper.make_attribute("fancy", 1)),
    ],
    ids=["own operator", "standard operator", "opset", "format", "attribute"],
)
def test_a_model_for_a_newer_runtime(damaged: Callable[[Damage], Path], damage: Damage) -> None:
    with pytest.raises(EngineError, match=f"onnxruntime {runtime.__version__} .*pip install -U onnxruntime"):
        OnnxEngine.load(damaged(damage))


def test_the_version_that_is_needed() -> None:
    assert [is_too_old(version) for version in ("1.22.1", "1.23.0", "1.31.1", "2.0", "custom")] == [True, *[False] * 4]
    words = onnx_session._load_failure(RuntimeError("x : 1 : No Op registered for Y"), Path("m"), "1.20.1")
    assert "1.23 or newer" in words and "No Op registered for Y" in words


def test_the_runtimes_own_words_for_other_trouble(damaged: Callable[[Damage], Path]) -> None:
    def no_caches(model: Any) -> None:
        model.graph.node[-1].input[1] = "nothing.of.this.name"

    with pytest.raises(EngineError, match="could not load .*nothing.of.this.name"):
        OnnxEngine.load(damaged(no_caches))


def test_a_foreign_file_never_reaches_the_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "InferenceSession", lambda *_, **__: pytest.fail("it was loaded"))
    foreign = tmp_path / "model.onnx"
    foreign.write_bytes(b"PK\x03\x04" + bytes(1000))
    with pytest.raises(ArtifactError):
        OnnxEngine.load(foreign)


def test_providers_are_taken_when_present() -> None:
    cpu, everything = [Provider.CPU], list(Provider)[1:]
    assert choose_provider(cpu, Provider.AUTO) is Provider.CPU
    assert choose_provider([Provider.CPU, Provider.COREML], Provider.AUTO) is Provider.CPU
    assert choose_provider(everything, Provider.AUTO) is Provider.CUDA
    assert choose_provider([Provider.CPU, Provider.DML], Provider.AUTO) is Provider.DML
    assert choose_provider(everything, Provider.COREML) is Provider.COREML


@pytest.mark.parametrize(
    ("provider", "remedy"), [("cuda", "onnxruntime-gpu"), ("dml", "onnxruntime-directml"), ("coreml", "macOS")]
)
def test_a_provider_that_is_not_there(model: Path, monkeypatch: pytest.MonkeyPatch, provider: str, remedy: str) -> None:
    monkeypatch.setattr(runtime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(MissingError, match=f"no {provider} provider; it has: cpu.*{remedy}"):
        OnnxEngine.load(model, provider=provider)
    with pytest.raises(UsageError, match="auto, cpu, cuda, dml, coreml"):
        OnnxEngine.load(model, provider="tpu")


def test_a_provider_that_does_not_start(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """onnxruntime-gpu on a machine without a driver: the session runs on the CPU and only says so when asked."""
    monkeypatch.setattr(runtime, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    genuine = runtime.InferenceSession
    asked = []

    def without_driver(path: str, options: Any, providers: list[str]) -> Any:
        asked.append(providers)
        return genuine(path, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(runtime, "InferenceSession", without_driver)
    with pytest.raises(MissingError, match="could not start its cuda provider"):
        OnnxEngine.load(model, provider="cuda")
    engine = OnnxEngine.load(model, threads=1)
    assert engine.provider is Provider.CPU
    assert asked == [["CUDAExecutionProvider", "CPUExecutionProvider"]] * 2
    assert engine.extend([1]).shape == (1, 512)


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="needs /proc")
def test_pages_of_lent_weights_are_given_back(tiny_onnx: dict[str, Path]) -> None:
    """After loading and between the pieces of a prompt; what is needed again is read again."""
    model = tiny_onnx["int4"] / "onnx" / "model_q4.onnx"
    engine = OnnxEngine.load(model, threads=1, batch=64)
    lent = dict(engine._weights._lent)
    assert "model.embed_tokens.rows" in lent
    assert resident(lent) == 0
    expected = engine.extend(TOKENS[:64], 64)
    assert resident(lent) > 0
    engine.rewind(0)
    engine.extend(TOKENS[:64], 0)
    assert resident(lent) == 0
    engine.rewind(0)
    assert np.array_equal(engine.extend(TOKENS[:64], 64), expected)
    engine.close()


def resident(lent: dict[str, tuple[Any, Any]]) -> int:
    """Bytes in memory of the mappings that hold these arrays."""
    places = [array.ctypes.data for array, _ in lent.values()]
    total = 0
    counted = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        first = line.split()[0]
        if "-" in first and not first.endswith(":"):
            start, end = (int(part, 16) for part in first.split("-"))
            counted = any(start <= place < end for place in places)
        elif first == "Rss:" and counted:
            total += int(line.split()[1]) * 1024
    return total


def test_lent_weights_change_nothing(tiny_onnx: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_onnx["int4"] / "onnx" / "model_q4.onnx"
    lent = OnnxEngine.load(model, threads=1).extend(TOKENS, 9)
    monkeypatch.setattr(MappedWeights, "lend", lambda *_: None)
    assert np.array_equal(OnnxEngine.load(model, threads=1).extend(TOKENS, 9), lent)
