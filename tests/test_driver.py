"""One engine, document after document: what the template begins with is fed once, and on its own."""

import pytest

from edgedoc.decoding.driver import Driver
from edgedoc.decoding.loop import FinishReason, Generation, decode
from edgedoc.engines.scripted import ScriptedEngine
from edgedoc.errors import EngineError

STOP = 0
PREFIX = (201, 202, 203)
FIRST, SECOND = (*PREFIX, 10, 11), (*PREFIX, 20, 21, 22)


def engine(fail_at: int | None = None) -> ScriptedEngine:
    return ScriptedEngine.replying({FIRST: [5, 6], SECOND: [7], (9,): [8]}, stop=STOP, fail_at=fail_at)


def ask(driver: Driver, prompt: tuple[int, ...], prefix: int = len(PREFIX)) -> Generation:
    steps = decode(prompt, stop=frozenset({STOP}), budget=10, context_length=2048, prefix=prefix)
    return driver.drive(steps)[0]


def test_the_prefix_is_kept_for_the_next_document() -> None:
    driver = Driver(engine())
    assert [ask(driver, prompt).tokens for prompt in (FIRST, SECOND, FIRST)] == [(5, 6), (7,), (5, 6)]
    fed = driver.engine.calls  # type: ignore[attr-defined]
    assert fed == [(3, 0), (2, 1), (1, 1), (1, 1), (3, 1), (1, 1), (2, 1), (1, 1), (1, 1)]


def test_a_prompt_without_the_prefix_is_fed_whole() -> None:
    driver = Driver(engine())
    assert [ask(driver, FIRST).tokens, ask(driver, (9,), 0).tokens, ask(driver, FIRST).tokens] == [(5, 6), (8,), (5, 6)]


def test_what_somebody_else_fed_is_not_taken_for_the_prefix() -> None:
    driver = Driver(engine())
    ask(driver, FIRST)
    driver.engine.rewind(0)
    driver.engine.extend((50, 51, 52, 53), 0)
    assert ask(driver, FIRST).tokens == (5, 6)


def test_after_a_failure_the_next_document_starts_from_nothing() -> None:
    driver = Driver(engine(fail_at=5))
    with pytest.raises(EngineError, match="position 5"):
        ask(driver, FIRST)
    driver.engine._fail_at = None  # type: ignore[attr-defined]
    found = ask(driver, FIRST)
    assert (found.tokens, found.finish) == ((5, 6), FinishReason.STOP)
    assert driver.engine.calls[-4:] == [(3, 0), (2, 1), (1, 1), (1, 1)]  # type: ignore[attr-defined]
