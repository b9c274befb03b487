"""The engine contract, for every engine there is: same numbers however the tokens arrive, clear errors, silence."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edgedoc.engines.base import Engine
from edgedoc.errors import EngineError, UsageError

Load = Callable[..., Engine]

TOKENS = [(7 * index) % 319 for index in range(150)]
TOLERANCE = {
    **{"gguf-f32": 0.02, "onnx-f32": 1e-4, "onnx-standard": 1e-4, "onnx-f16": 1e-4},
    **{"onnx-int8": 0.2, "onnx-int4": 0.2},
}
"""Absolute, on logits that differ by units. llama.cpp keeps its cache in f16; with activations in 8 bits a sum that
differs in its last bit, for being taken over more rows at once, may round to the next code."""


@pytest.fixture(params=TOLERANCE)
def kind(request: pytest.FixtureRequest) -> str:
    """A format and what is in it; standard: the graph that concatenates its cache."""
    return str(request.param)


@pytest.fixture
def tolerance(kind: str) -> float:
    return TOLERANCE[kind]


@pytest.fixture
def load(kind: str, request: pytest.FixtureRequest) -> Load:
    """Loads the model of this kind with the options given: 512 tokens of context, one thread, chunks of 64 tokens."""
    format, _, preset = kind.partition("-")
    if format == "gguf":
        pytest.importorskip("llama_cpp")
        from edgedoc.engines.llama import LlamaEngine

        path: Path = request.getfixturevalue("tiny_gguf")
        return lambda **options: LlamaEngine.load(path, **{"threads": 1, "batch": 64, **options})
    from edgedoc.engines.onnx import OnnxEngine

    if preset == "standard":
        path = request.getfixturevalue("standard_onnx")
    else:
        folder: Path = request.getfixturevalue("tiny_onnx")[preset]
        path = next((folder / "onnx").glob("*.onnx"))
    return lambda **options: OnnxEngine.load(path, **{"threads": 1, "batch": 64, **options})


@pytest.fixture
def engine(load: Load) -> Iterator[Engine]:
    engine = load()
    yield engine
    engine.close()


def test_one_call_equals_token_by_token(engine: Engine, tolerance: float) -> None:
    at_once = engine.extend(TOKENS, len(TOKENS))
    engine.rewind(0)
    one_by_one = np.concatenate([engine.extend([token]) for token in TOKENS])
    assert at_once.shape == (150, engine.vocab_size)
    assert at_once.dtype == np.float32
    assert np.allclose(at_once, one_by_one, atol=tolerance)


def test_logits_depend_on_what_came_before(engine: Engine) -> None:
    first = engine.extend([5, 6, 7])
    engine.rewind(0)
    assert not np.allclose(first, engine.extend([9, 8, 7]), atol=0.3)


def test_rewind_and_extend_again_gives_identical_logits(engine: Engine) -> None:
    engine.extend(TOKENS[:100])
    first = engine.extend(TOKENS[100:110], 10)
    engine.extend([1, 2, 3])
    engine.rewind(100)
    assert engine.position == 100
    assert np.array_equal(first, engine.extend(TOKENS[100:110], 10))


def test_what_was_rewound_is_forgotten(engine: Engine, tolerance: float) -> None:
    alone = engine.extend(TOKENS[:50])
    engine.extend([9] * 30)
    engine.rewind(20)
    assert np.allclose(alone, engine.extend(TOKENS[20:50]), atol=tolerance)


def test_the_result_belongs_to_the_caller(engine: Engine) -> None:
    first = engine.extend([1])
    kept = first.copy()
    first[:] = 0
    second = engine.extend([2])
    assert not first.any()
    engine.rewind(0)
    assert np.array_equal(kept, engine.extend([1]))
    assert np.array_equal(second, engine.extend([2]))


def test_more_rows_than_one_native_call_returns(engine: Engine, tolerance: float) -> None:
    """130 rows over batches of 64 that start in the middle: each row must land at its own token."""
    rows = engine.extend(TOKENS, 130)
    engine.rewind(0)
    engine.extend(TOKENS[:20], 0)
    for index, token in enumerate(TOKENS[20:]):
        assert np.allclose(rows[index], engine.extend([token])[0], atol=tolerance)


def test_no_logits_wanted(engine: Engine) -> None:
    assert engine.extend(TOKENS, 0).shape == (0, engine.vocab_size)
    assert engine.position == len(TOKENS)
    assert engine.extend([], 0).shape == (0, engine.vocab_size)
    assert engine.position == len(TOKENS)


@pytest.mark.parametrize(
    ("tokens", "logits"), [([1], 2), ([1], -1), ([], 1), ([-1], 1), ([512], 1), ([1, 2**70], 1), ([1, None], 1)]
)
def test_impossible_requests_change_nothing(engine: Engine, tokens: list[int], logits: int) -> None:
    engine.extend([1, 2])
    with pytest.raises(EngineError):
        engine.extend(tokens, logits)
    assert engine.position == 2


def test_context_overflow(engine: Engine) -> None:
    assert engine.context_length == 512
    engine.extend([1] * 512, 0)
    with pytest.raises(EngineError, match="context is full"):
        engine.extend([1])
    engine.rewind(511)
    assert engine.extend([1]).shape == (1, engine.vocab_size)


def test_rewind_checks_its_position(engine: Engine) -> None:
    engine.extend([1, 2, 3])
    for position in (-1, 4):
        with pytest.raises(EngineError, match="rewind"):
            engine.rewind(position)
    engine.rewind(3)
    assert engine.position == 3


def test_closing_twice_and_using_after(load: Load) -> None:
    engine = load()
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


def test_silence(load: Load, capfd: pytest.CaptureFixture[str]) -> None:
    engine = load()
    engine.extend([1, 2, 3])
    engine.close()
    assert capfd.readouterr() == ("", "")


def test_two_engines_do_not_share_a_cache(load: Load, tolerance: float) -> None:
    first, second = load(), load()
    alone = first.extend(TOKENS[:20])
    first.rewind(0)
    first.extend(TOKENS[:10])
    second.extend(TOKENS[50:90])
    assert np.allclose(alone, first.extend(TOKENS[10:20]), atol=tolerance)


@pytest.mark.parametrize("options", [{"batch": 0}, {"threads": 0}, {"context_length": 0}, {"context_length": 513}])
def test_impossible_options(load: Load, options: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        load(**options)
