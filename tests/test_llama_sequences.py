"""Several llama.cpp sequences at once on a tiny random model: each gets what it gets alone, whatever the others do."""

import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np
import pytest

from edgedoc import engines
from edgedoc.decoding.batched import drive_many
from edgedoc.decoding.driver import drive
from edgedoc.decoding.loop import Generation, Request, decode
from edgedoc.engines.base import BatchEngine, Feed, Logits
from edgedoc.engines.feeding import native_calls
from edgedoc.engines.llama import LlamaEngine, plan
from edgedoc.errors import EngineError, UsageError

pytest.importorskip("llama_cpp")

TOLERANCE = 1e-3
"""On logits that differ by units: kernels sum in another order for one row than for many. The cache's f16 hides no
more than that, because both sides have it."""


def text(sequence: int, length: int = 40) -> list[int]:
    return [(sequence * 53 + 7 * index) % 319 for index in range(length)]


def alone(engine: LlamaEngine, tokens: list[int], logits: int) -> Logits:
    engine.rewind(0)
    rows = engine.extend(tokens, logits)
    engine.rewind(0)
    return rows


@pytest.fixture
def engine(tiny_gguf: Path) -> Iterator[LlamaEngine]:
    engine = LlamaEngine.load(tiny_gguf, threads=1, batch=64, sequences=4, context_length=256)
    yield engine
    engine.close()


def test_each_sequence_gets_the_logits_it_has_alone(engine: LlamaEngine) -> None:
    expected = [alone(engine, text(sequence), 8) for sequence in range(4)]
    feeds = [Feed(sequence, text(sequence)[:-4], 4) for sequence in range(4)]
    first = engine.step(feeds)
    second = engine.step([Feed(sequence, text(sequence)[-4:], 4) for sequence in (3, 0, 2, 1)])
    for sequence, place in enumerate((1, 3, 2, 0)):
        assert np.allclose(first[sequence], expected[sequence][:4], atol=TOLERANCE)
        assert np.allclose(second[place], expected[sequence][4:], atol=TOLERANCE)
        assert engine.length(sequence) == 40
    assert not np.allclose(expected[0], expected[1], atol=0.3)


def test_feeds_of_different_sizes_and_more_than_a_native_call_takes(engine: LlamaEngine) -> None:
    """130 tokens over calls of 64, 70 rows over calls of 64 rows, one token, and one feed without logits."""
    sizes = [(130, 3), (80, 70), (1, 1), (12, 0)]
    expected = [alone(engine, text(sequence, count), rows) for sequence, (count, rows) in enumerate(sizes)]
    found = engine.step([Feed(sequence, text(sequence, count), rows) for sequence, (count, rows) in enumerate(sizes)])
    for rows, right in zip(found, expected, strict=True):
        assert rows.shape == right.shape
        assert np.allclose(rows, right, atol=TOLERANCE)
    assert [engine.length(sequence) for sequence in range(4)] == [130, 80, 1, 12]
    assert engine.step([]) == []


def test_extend_is_sequence_0_and_leaves_the_others_alone(engine: LlamaEngine) -> None:
    expected = alone(engine, text(2), 1)
    engine.step([Feed(2, text(2)[:-1], 0), Feed(0, [5], 0)])
    engine.extend(text(0))
    assert engine.position == engine.length(0) == 41
    engine.rewind(0)
    [found] = engine.step([Feed(2, text(2)[-1:])])
    assert np.allclose(found, expected, atol=TOLERANCE)


def test_forgetting_one_sequence(engine: LlamaEngine) -> None:
    expected = [alone(engine, text(0, 20), 1), alone(engine, text(1, 31), 1)]
    engine.step([Feed(0, [*text(0, 10), 9, 9, 9], 0), Feed(1, text(1, 30), 0)])
    engine.forget(0, 10)
    found = engine.step([Feed(0, text(0, 20)[10:]), Feed(1, text(1, 31)[30:])])
    assert np.allclose(found, expected, atol=TOLERANCE)
    with pytest.raises(EngineError, match="rewind"):
        engine.forget(1, 32)


def test_sharing_a_prefix_gives_the_bits_of_having_been_fed_it(engine: LlamaEngine) -> None:
    prefix = text(9, 20)
    engine.step([Feed(1, prefix, 0)])
    [expected] = engine.step([Feed(1, text(0, 10), 3)])
    engine.step([Feed(2, text(3, 50), 0)])
    for target in (0, 2, 1):
        engine.share(1, target, 20)
        assert engine.length(target) == 20
        assert np.array_equal(engine.step([Feed(target, text(0, 10), 3)])[0], expected)
    assert engine.length(1) == 30
    with pytest.raises(EngineError, match="rewind"):
        engine.share(1, 3, 31)


def test_what_is_shared_is_a_copy(engine: LlamaEngine) -> None:
    engine.step([Feed(0, text(0, 20), 0)])
    engine.share(0, 1, 20)
    engine.forget(0, 5)
    engine.step([Feed(0, [3] * 30, 0)])
    expected = alone(engine, [*text(0, 20), 8], 1)
    assert np.allclose(engine.step([Feed(1, [8])])[0], expected, atol=TOLERANCE)


def test_impossible_steps_change_nothing(engine: LlamaEngine) -> None:
    engine.step([Feed(0, [1, 2], 0), Feed(3, [3], 0)])
    for feeds in (
        [Feed(0, [1]), Feed(0, [2])],
        [Feed(0, [1]), Feed(4, [2])],
        [Feed(0, [1]), Feed(-1, [2])],
        [Feed(0, [1]), Feed(3, [2] * 256)],
        [Feed(0, [1]), Feed(3, [320])],
        [Feed(0, [1]), Feed(3, [2], 2)],
    ):
        with pytest.raises(EngineError):
            engine.step(feeds)
        assert (engine.length(0), engine.length(3)) == (2, 1)


def test_a_native_failure_leaves_every_sequence_as_it_was(engine: LlamaEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.step([Feed(sequence, text(sequence, 10), 0) for sequence in range(3)])
    genuine = engine._library.llama_decode
    calls: list[int] = []

    def second_call_fails(context: object, batch: object) -> int:
        calls.append(1)
        return int(genuine(context, batch)) if len(calls) == 1 else -3

    monkeypatch.setattr(engine._library, "llama_decode", second_call_fails)
    with pytest.raises(EngineError, match="code -3"):
        engine.step([Feed(0, [1, 2]), Feed(1, [3, 4]), Feed(2, [5] * 9)])
    monkeypatch.undo()
    assert len(calls) == 2
    assert [engine.length(sequence) for sequence in range(3)] == [10, 10, 10]
    found = engine.step([Feed(sequence, text(sequence, 20)[10:]) for sequence in range(3)])
    assert engine.extend([1, 2, 3]).shape == (1, engine.vocab_size), "the batch belongs to sequence 0 again"
    for sequence in range(3):
        assert np.allclose(found[sequence], alone(engine, text(sequence, 20), 1), atol=TOLERANCE)


def test_closed(engine: LlamaEngine) -> None:
    engine.close()
    for call in (lambda: engine.step([Feed(0, [1])]), lambda: engine.forget(0, 0), lambda: engine.share(0, 1, 0)):
        with pytest.raises(EngineError, match="closed"):
            call()


def test_documents_together_are_answered_as_alone(engine: LlamaEngine) -> None:
    """In steps of 8 tokens, whose bits do not depend on how many share a pass. The second prompt needs two pieces."""

    def steps(number: int) -> Generator[Request, Logits, Generation]:
        prompt = [1, 2, 3, *text(number, 150 if number == 1 else 20)]
        return decode(prompt, stop=frozenset({319}), budget=20, context_length=256, prefix=3, unit=8)

    found = [outcome for outcome, _, _ in drive_many(engine, map(steps, range(6)), 3)]
    alone = [drive(engine, steps(number))[0] for number in range(6)]
    assert [outcome.tokens for outcome in found] == [outcome.tokens for outcome in alone]
    assert len({outcome.tokens for outcome in found}) > 1


def test_calls_keep_feeds_of_a_length_together_and_whole() -> None:
    sizes = [(4, 4), (9, 1), (4, 0), (0, 0), (4, 4), (70, 5)]
    calls = [[(feed, piece.tokens, piece.rows) for feed, piece in call] for call in native_calls(sizes, 12)]
    whole = slice(0, 4)
    assert calls[0] == [(0, whole, slice(0, 4)), (2, whole, slice(0, 0)), (4, whole, slice(0, 4))]
    assert calls[1] == [(1, slice(0, 9), slice(0, 1))]
    assert [(feed, tokens.stop) for [(feed, tokens, _)] in calls[2:]] == [
        (5, stop) for stop in (12, 24, 36, 48, 60, 70)
    ]
    rows = [[feed for feed, _ in call] for call in native_calls([(30, 30)] * 5, 512)]
    assert rows == [[0, 1], [2, 3], [4]], "64 rows a call"


def test_short_of_memory_sequences_go_first(tiny_gguf: Path) -> None:
    def planned(limit: int, **options: int) -> tuple[int, int, str]:
        found = plan(tiny_gguf, context_length=512, minimum_context=256, sequences=8, memory_limit=limit, **options)  # type: ignore[arg-type]
        return found.sequences, found.context_length, found.kv_type

    one = plan(tiny_gguf, context_length=512, memory_limit=10**10)
    eight = plan(tiny_gguf, context_length=512, sequences=8, memory_limit=10**10)
    assert eight.kv_cache == 8 * one.kv_cache
    assert eight.total - eight.kv_cache == one.total - one.kv_cache
    assert planned(eight.total) == (8, 512, "f16")
    assert planned(eight.total - 1) == (7, 512, "f16")
    assert planned(one.total) == (1, 512, "f16")
    assert planned(one.total - 1) == (1, 512, "q8_0")
    with pytest.raises(UsageError, match="at least 1"):
        plan(tiny_gguf, sequences=0)
    engine = LlamaEngine.load(tiny_gguf, threads=1, context_length=512, sequences=8, memory_limit=eight.total - 1)
    assert (engine.sequences, engine.context_length) == (7, 512)


def test_choosing_by_format(tiny_gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engines.load(tiny_gguf, threads=1, context_length=256, sequences=2)
    batched: BatchEngine = engine  # type: ignore[assignment]
    assert batched.sequences == 2
    assert engines.ENGINES["gguf"].batches and not engines.ENGINES["onnx"].batches
    monkeypatch.setitem(sys.modules, "edgedoc.engines.onnx", None)
    with pytest.raises(UsageError, match="one document at a time"):
        engines.load(tmp_path / "model.onnx", sequences=2)
