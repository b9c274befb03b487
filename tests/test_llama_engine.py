"""The llama.cpp engine on a tiny random model: same numbers however the tokens arrive, clear errors, silence."""

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


def test_one_call_equals_token_by_token(engine: LlamaEngine) -> None:
    at_once = engine.extend(TOKENS, len(TOKENS))
    engine.rewind(0)
    one_by_one = np.concatenate([engine.extend([token]) for token in TOKENS])
    assert at_once.shape == (150, engine.vocab_size)
    assert at_once.dtype == np.float32
    assert np.array_equal(at_once.argmax(axis=1), one_by_one.argmax(axis=1))
    assert np.allclose(at_once, one_by_one, atol=0.02)


def test_logits_depend_on_what_came_before(engine: LlamaEngine) -> None:
    first = engine.extend([5, 6, 7])
    engine.rewind(0)
    assert not np.allclose(first, engine.extend([9, 8, 7]), atol=1e-3)


def test_rewind_and_extend_again_gives_identical_logits(engine: LlamaEngine) -> None:
    engine.extend(TOKENS[:100])
    first = engine.extend(TOKENS[100:110], 10)
    engine.extend([1, 2, 3])
    engine.rewind(100)
    assert engine.position == 100
    assert np.array_equal(first, engine.extend(TOKENS[100:110], 10))


def test_the_result_belongs_to_the_caller(engine: LlamaEngine) -> None:
    first = engine.extend([1])
    kept = first.copy()
    engine.extend([2])
    assert np.array_equal(first, kept)


def test_more_rows_than_one_native_call_returns(engine: LlamaEngine) -> None:
    """130 rows over batches of 64 that start in the middle: each row must land at its own token."""
    rows = engine.extend(TOKENS, 130)
    engine.rewind(0)
    engine.extend(TOKENS[:20], 0)
    for index, token in enumerate(TOKENS[20:]):
        assert np.allclose(rows[index], engine.extend([token])[0], atol=0.02)


def test_no_logits_wanted(engine: LlamaEngine) -> None:
    assert engine.extend(TOKENS, 0).shape == (0, engine.vocab_size)
    assert engine.position == len(TOKENS)
    assert engine.extend([], 0).shape == (0, engine.vocab_size)


@pytest.mark.parametrize(
    ("tokens", "logits"), [([1], 2), ([1], -1), ([], 1), ([-1], 1), ([320], 1), ([1, 2**40], 1), ([1, None], 1)]
)
def test_impossible_requests_change_nothing(engine: LlamaEngine, tokens: list[int], logits: int) -> None:
    engine.extend([1, 2])
    with pytest.raises(EngineError):
        engine.extend(tokens, logits)
    assert engine.position == 2


def test_context_overflow(engine: LlamaEngine) -> None:
    assert engine.context_length == 512
    engine.extend([1] * 512, 0)
    with pytest.raises(EngineError, match="context is full"):
        engine.extend([1])
    engine.rewind(511)
    assert engine.extend([1]).shape == (1, 320)


def test_rewind_checks_its_position(engine: LlamaEngine) -> None:
    engine.extend([1, 2, 3])
    for position in (-1, 4):
        with pytest.raises(EngineError, match="rewind"):
            engine.rewind(position)
    engine.rewind(3)
    assert engine.position == 3


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


def test_closing_twice_and_using_after(tiny_gguf: Path) -> None:
    engine = LlamaEngine.load(tiny_gguf, threads=1)
    engine.close()
    engine.close()
    for use in (
        lambda: engine.extend([1]),
        lambda: engine.rewind(0),
        lambda: engine.position,
        lambda: engine.vocab_size,
        lambda: engine.context_length,
    ):
        with pytest.raises(EngineError, match="closed"):
            use()


def test_silence(tiny_gguf: Path, capfd: pytest.CaptureFixture[str]) -> None:
    engine = LlamaEngine.load(tiny_gguf, threads=1)
    engine.extend([1, 2, 3])
    engine.close()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("use_mmap", [True, False])
def test_quantised_cache_stays_close(tiny_gguf: Path, use_mmap: bool) -> None:
    exact = LlamaEngine.load(tiny_gguf, threads=1)
    small = LlamaEngine.load(tiny_gguf, threads=1, kv_type="q8_0", use_mmap=use_mmap)
    assert small.plan.kv_cache < exact.plan.kv_cache
    difference = np.abs(exact.extend(TOKENS) - small.extend(TOKENS)).max()
    assert 0 < difference < 0.2


def test_two_engines_do_not_share_a_cache(tiny_gguf: Path) -> None:
    first, second = (LlamaEngine.load(tiny_gguf, threads=1) for _ in range(2))
    alone = first.extend(TOKENS[:20])
    first.rewind(0)
    first.extend(TOKENS[:10])
    second.extend(TOKENS[50:90])
    assert np.allclose(alone, first.extend(TOKENS[10:20]), atol=0.02)


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


@pytest.mark.parametrize("options", [{"batch": 0}, {"threads": 0}, {"context_length": 0}, {"context_length": 513}])
def test_impossible_options(tiny_gguf: Path, options: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        LlamaEngine.load(tiny_gguf, **options)  # type: ignore[arg-type]


def test_plan_equals_what_is_loaded(tiny_gguf: Path) -> None:
    engine = LlamaEngine.load(tiny_gguf, threads=1, context_length=300)
    expected = plan(tiny_gguf, context_length=300)
    assert engine.context_length == expected.context_length == 512
    assert engine.plan.total == expected.total
