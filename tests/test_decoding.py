"""The decoding loop on scripted engines: what it feeds, when it ends and why, and what it reports."""

import time
from collections.abc import Sequence

import numpy as np
import pytest

from edgedoc.decoding.driver import run
from edgedoc.decoding.guard import LoopGuard
from edgedoc.decoding.loop import FinishReason, Generation, decode
from edgedoc.decoding.penalty import RepetitionPenalty
from edgedoc.engines.scripted import ScriptedEngine
from edgedoc.errors import EngineError

STOP = frozenset({0, 99})
PROMPT = (10, 11, 12)


def replying(*reply: int, context_length: int = 100, fail_at: int | None = None) -> ScriptedEngine:
    return ScriptedEngine.replying({PROMPT: reply}, stop=99, context_length=context_length, fail_at=fail_at)


def test_the_reply_without_its_stop_token() -> None:
    engine = replying(5, 6, 7)
    outcome = run(engine, PROMPT, stop=STOP, budget=50)
    assert outcome.tokens == (5, 6, 7)
    assert outcome.finish is FinishReason.STOP
    assert (outcome.prompt_tokens, outcome.steps) == (3, 4)
    assert (outcome.drafted, outcome.accepted) == (0, 0)


def test_the_prompt_is_fed_once_then_one_token_a_step_each_for_one_row() -> None:
    engine = replying(5, 6)
    run(engine, PROMPT, stop=STOP, budget=50)
    assert engine.calls == [(3, 1), (1, 1), (1, 1)]
    assert engine.fed == [*PROMPT, 5, 6]


def test_any_stop_id_stops_even_at_once() -> None:
    assert run(replying(5, 0, 6), PROMPT, stop=STOP, budget=50).tokens == (5,)
    assert run(replying(), PROMPT, stop=STOP, budget=50).tokens == ()


def test_budget() -> None:
    engine = replying(*[5, 6] * 40)
    outcome = run(engine, PROMPT, stop=STOP, budget=7)
    assert (outcome.tokens, outcome.finish) == ((5, 6, 5, 6, 5, 6, 5), FinishReason.LENGTH)
    assert engine.position == 3 + 6, "the last token needs no step of its own"
    assert run(engine, PROMPT, stop=STOP, budget=0).finish is FinishReason.LENGTH


def test_context_full() -> None:
    """With 10 positions the prompt and 7 tokens can be fed, and the logits of the last give an eighth."""
    engine = replying(*range(20, 60), context_length=10)
    outcome = run(engine, PROMPT, stop=STOP, budget=50)
    assert (outcome.tokens, outcome.finish) == (tuple(range(20, 28)), FinishReason.CONTEXT)
    assert engine.position == 10


def test_prompt_longer_than_the_context() -> None:
    outcome = run(replying(context_length=2), PROMPT, stop=STOP, budget=50)
    assert (outcome.tokens, outcome.finish, outcome.steps) == ((), FinishReason.CONTEXT, 0)


def test_a_loop_is_cut_off() -> None:
    engine = ScriptedEngine(lambda fed: 20 + len(fed) % 3, context_length=4000)
    outcome = run(engine, PROMPT, stop=STOP, budget=3000, guard=LoopGuard(PROMPT))
    assert outcome.finish is FinishReason.LOOP
    assert outcome.tokens == (20, 21, 22)
    assert 100 < outcome.steps < 200


def test_penalty_changes_the_choice() -> None:
    """Token 10 of the prompt is ahead by less than the penalty takes."""

    class TwoCandidates(ScriptedEngine):
        def extend(self, tokens: Sequence[int], logits: int = 1) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
            rows = super().extend(tokens, logits)
            rows[:] = -5
            rows[:, 10], rows[:, 30] = 4.0, 3.9
            return rows

    def first(penalty: RepetitionPenalty | None) -> int:
        engine = TwoCandidates(lambda _: 10)
        return run(engine, PROMPT, stop=STOP, budget=1, penalty=penalty).tokens[0]

    assert first(None) == 10
    assert first(RepetitionPenalty(1.0)) == 10
    assert first(RepetitionPenalty(1.1)) == 30


def test_a_second_document_starts_afresh() -> None:
    engine = replying(5, 6, 7)
    penalty = RepetitionPenalty(1.2)
    first = run(engine, PROMPT, stop=STOP, budget=50, penalty=penalty)
    second = run(engine, PROMPT, stop=STOP, budget=50, penalty=penalty)
    assert first.tokens == second.tokens
    assert engine.fed == [*PROMPT, 5, 6, 7]


def test_engine_failure_passes_through() -> None:
    with pytest.raises(EngineError, match="position 4"):
        run(replying(5, 6, 7, fail_at=4), PROMPT, stop=STOP, budget=50)


def test_logits_that_are_no_numbers() -> None:
    steps = decode(PROMPT, stop=STOP, budget=5, context_length=10)
    next(steps)
    row = np.zeros((1, 40), np.float32)
    row[0, 3] = np.nan
    with pytest.raises(EngineError, match="not a number"):
        steps.send(row)


def test_generator_needs_no_engine() -> None:
    """Two documents driven in turn, as a batching driver does."""
    logits = np.zeros((1, 100), np.float32)
    logits[0, 50] = 1
    running = [decode(PROMPT, stop=STOP, budget=budget, context_length=100) for budget in (2, 4)]
    requests = [next(steps) for steps in running]
    assert [request.tokens for request in requests] == [PROMPT, PROMPT]
    finished: list[Generation] = []
    while running:
        for steps in list(running):
            try:
                assert list(steps.send(logits.copy()).tokens) == [50]
            except StopIteration as end:
                finished.append(end.value)
                running.remove(steps)
    assert [outcome.tokens for outcome in finished] == [(50,) * 2, (50,) * 4]


def test_timings_are_split_at_the_prompt() -> None:
    class SlowPrompt(ScriptedEngine):
        def extend(self, tokens: Sequence[int], logits: int = 1) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
            if len(tokens) > 1:
                time.sleep(0.05)
            return super().extend(tokens, logits)

    outcome = run(SlowPrompt(lambda _: 5), PROMPT, stop=STOP, budget=3)
    assert outcome.prefill_seconds >= 0.05 > outcome.decode_seconds > 0
