"""The scripted engine keeps the engine contract, so that what works on it works on a real one."""

from collections.abc import Sequence

import numpy as np
import pytest

from edgedoc.engines.base import BatchEngine, Feed
from edgedoc.engines.scripted import ScriptedEngine
from edgedoc.errors import EngineError


def successor(fed: Sequence[int]) -> int:
    return (fed[-1] + 1) % 10


def test_logits_peak_at_the_scripted_token_of_each_row() -> None:
    engine: BatchEngine = ScriptedEngine(successor, vocab_size=10)
    rows = engine.extend([3, 5, 9], 2)
    assert rows.shape == (2, 10)
    assert rows.dtype == np.float32
    assert rows.argmax(axis=1).tolist() == [6, 0]
    assert engine.extend([1], 0).shape == (0, 10)
    assert engine.position == 4


def test_replies_then_stop() -> None:
    engine = ScriptedEngine.replying({(1,): [7], (1, 2): [5, 6]}, stop=9)
    assert engine.extend([1, 2]).argmax() == 5
    assert engine.extend([5]).argmax() == 6
    assert engine.extend([6]).argmax() == 9
    engine.rewind(0)
    assert engine.extend([1]).argmax() == 7
    engine.rewind(0)
    with pytest.raises(EngineError, match="no reply"):
        engine.extend([4])


def test_rewind_forgets() -> None:
    seen: list[list[int]] = []

    def remember(fed: Sequence[int]) -> int:
        seen.append(list(fed))
        return 0

    engine = ScriptedEngine(remember)
    engine.extend([1, 2, 3])
    engine.rewind(1)
    engine.extend([8])
    assert seen == [[1, 2, 3], [1, 8]]
    with pytest.raises(EngineError, match="rewind"):
        engine.rewind(3)


def test_refusals_change_nothing() -> None:
    engine = ScriptedEngine(successor, vocab_size=10, context_length=4, fail_at=2)
    engine.extend([1, 2])
    for tokens, logits in (([3], 1), ([1, 2, 3], 1), ([10], 1), ([1], 2)):
        with pytest.raises(EngineError):
            engine.extend(tokens, logits)
    assert engine.fed == [1, 2]
    assert engine.calls == [(2, 1)]


def test_closed() -> None:
    engine = ScriptedEngine(successor)
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.extend([1])
    with pytest.raises(EngineError, match="closed"):
        _ = engine.position


def test_sequences_are_apart() -> None:
    engine = ScriptedEngine(successor, vocab_size=10, sequences=3)
    first, second = engine.step([Feed(2, [3, 5], 2), Feed(0, [7])])
    assert first.argmax(axis=1).tolist() == [4, 6]
    assert second.argmax(axis=1).tolist() == [8]
    engine.share(2, 1, 1)
    engine.forget(2, 0)
    assert engine.held == [[7], [3], []]
    assert [engine.length(sequence) for sequence in range(3)] == [1, 1, 0]
    assert engine.position == 1


def test_refused_steps_change_nothing() -> None:
    engine = ScriptedEngine(successor, vocab_size=10, sequences=2, fail_at=3)
    engine.step([Feed(0, [1, 2], 0)])
    for feeds in ([Feed(0, [3]), Feed(0, [4])], [Feed(0, [3]), Feed(2, [4])], [Feed(1, [3]), Feed(0, [4, 5])]):
        with pytest.raises(EngineError):
            engine.step(feeds)
    assert engine.held == [[1, 2], []]
    with pytest.raises(EngineError, match="rewind"):
        engine.share(1, 0, 1)
