"""Many documents on one scripted engine: order, fairness, failures, prefixes and whose time it was."""

from collections.abc import Generator, Iterator, Sequence
from typing import Any

import pytest

from edgedoc.decoding.batched import drive_many
from edgedoc.decoding.driver import drive
from edgedoc.decoding.loop import Request, decode
from edgedoc.engines.base import Feed, Logits
from edgedoc.engines.scripted import ScriptedEngine
from edgedoc.errors import EngineError, UsageError

STOP = frozenset({99})
Job = Generator[Request, Logits, Any]


def mixing(fed: Sequence[int]) -> int:
    """A token that depends on every token before it, so that a sequence with somebody else's answers otherwise."""
    state = 0
    for token in fed:
        state = (state * 31 + token + 1) % 65_521
    return state % 97


def prompt(number: int, length: int, prefix: Sequence[int] = ()) -> list[int]:
    return [*prefix, *((number * 7 + index) % 90 for index in range(length - len(prefix)))]


def job(number: int, length: int, budget: int, prefix: Sequence[int] = ()) -> Job:
    tokens = prompt(number, length, prefix)
    return decode(tokens, stop=STOP, budget=budget, context_length=2048, prefix=len(prefix))


def flown(engine: ScriptedEngine, jobs: Iterator[Job] | Sequence[Job], in_flight: int = 3) -> list[Any]:
    return [outcome for outcome, _, _ in drive_many(engine, jobs, in_flight)]


def test_the_answers_are_those_given_alone_in_the_order_of_the_jobs() -> None:
    shapes = [(number, 5 + 150 * (number % 3), 3 + 17 * (number % 4)) for number in range(11)]
    engine = ScriptedEngine(mixing, sequences=3)
    found = flown(engine, [job(*shape) for shape in shapes])
    alone = [drive(ScriptedEngine(mixing), job(*shape))[0] for shape in shapes]
    assert [outcome.tokens for outcome in found] == [outcome.tokens for outcome in alone]
    assert [outcome.steps for outcome in found] == [outcome.steps for outcome in alone]
    assert len({outcome.tokens for outcome in found}) == len(shapes)


def test_a_later_document_that_ends_first_waits_for_its_turn() -> None:
    engine = ScriptedEngine(mixing, sequences=2)
    flight = drive_many(engine, [job(0, 5, 40), job(1, 5, 2), job(2, 5, 2)], 2)
    assert len(next(flight)[0].tokens) == 40
    assert [len(outcome.tokens) for outcome, _, _ in flight] == [2, 2]


def test_all_that_decode_take_part_in_every_step_while_a_prompt_is_read() -> None:
    engine = ScriptedEngine(mixing, sequences=3)
    flown(engine, [job(0, 5, 60), job(1, 5, 60), job(2, 1500, 4)])
    # The first steps read the two short prompts; from then on both decode.
    while_reading = [step for step in engine.steps[4:] if any(len(feed.tokens) == 128 for feed in step)]
    assert len(while_reading) > 5
    assert all({feed.sequence for feed in step} == {0, 1, 2} for step in while_reading)
    assert all(len(feed.tokens) <= 128 for step in engine.steps for feed in step)


def test_prompts_are_read_in_turn() -> None:
    engine = ScriptedEngine(mixing, sequences=2)
    flown(engine, [job(0, 1000, 2), job(1, 100, 2)], 2)
    assert [[feed.sequence for feed in step] for step in engine.steps[:3]] == [[0], [1], [1, 0]]


def test_a_free_sequence_goes_to_the_next_job_and_jobs_are_fetched_no_sooner() -> None:
    engine = ScriptedEngine(mixing, sequences=4)
    fetched: list[int] = []

    def jobs() -> Iterator[Job]:
        for number in range(5):
            fetched.append(number)
            yield job(number, 5, 4)

    flight = drive_many(engine, jobs(), 2)
    next(flight)
    assert fetched == [0, 1]
    assert len(list(flight)) == 4
    assert {feed.sequence for step in engine.steps for feed in step} == {0, 1}
    assert max(len(step) for step in engine.steps) == 2


def test_more_in_flight_than_sequences_and_less_than_one() -> None:
    engine = ScriptedEngine(mixing, sequences=2)
    assert len(flown(engine, [job(number, 5, 3) for number in range(5)], 9)) == 5
    with pytest.raises(UsageError, match="At least 1"):
        drive_many(engine, [], 0)


def test_nothing_to_do_and_a_document_that_asks_for_nothing() -> None:
    engine = ScriptedEngine(mixing, sequences=2, context_length=2048)
    assert flown(engine, []) == []
    [first, second] = flown(engine, [job(0, 3000, 3), job(1, 5, 3)])
    assert (first.finish, len(second.tokens)) == ("context", 3)


def test_a_prefix_is_computed_once_alone_and_then_shared_and_kept() -> None:
    prefix = (80, 81, 82)
    engine = ScriptedEngine(mixing, sequences=2)
    found = flown(engine, [job(number, 9, 5, prefix) for number in range(6)], 2)
    alone = [drive(ScriptedEngine(mixing), job(number, 9, 5, prefix))[0] for number in range(6)]
    assert [outcome.tokens for outcome in found] == [outcome.tokens for outcome in alone]
    assert [step for step in engine.steps if any(80 in feed.tokens for feed in step)] == [(Feed(0, prefix, 0),)]


def test_other_prefixes_replace_it() -> None:
    prefixes = [(80, 81), (80, 81, 82), (), (80, 81)]
    engine = ScriptedEngine(mixing, sequences=1)
    found = flown(engine, [job(number, 9, 5, prefix) for number, prefix in enumerate(prefixes)], 1)
    alone = [drive(ScriptedEngine(mixing), job(number, 9, 5, prefix))[0] for number, prefix in enumerate(prefixes)]
    assert [outcome.tokens for outcome in found] == [outcome.tokens for outcome in alone]


def test_requests_that_go_back_and_want_several_rows() -> None:
    def steps(number: int) -> Job:
        seen = [(yield Request(prompt(number, 300), 200, prefix=2)).argmax(axis=1).tolist()]
        seen.append((yield Request((1, 2, 3), 3)).argmax(axis=1).tolist())
        seen.append((yield Request((4, 5), 2, rewind=301)).argmax(axis=1).tolist())
        seen.append((yield Request((6,), 1, rewind=1)).argmax(axis=1).tolist())
        return seen

    engine = ScriptedEngine(mixing, sequences=2)
    found = flown(engine, [steps(number) for number in range(4)], 2)
    assert found == [drive(ScriptedEngine(mixing), steps(number))[0] for number in range(4)]
    assert [len(rows) for rows in found[0]] == [200, 3, 2, 1]


def test_a_failing_engine_and_a_job_that_raises_close_the_others() -> None:
    closed: list[int] = []

    def watched(number: int, length: int, error: Exception | None = None) -> Job:
        try:
            outcome = yield from job(number, length, 50)
            if error is not None:
                raise error
            return outcome
        finally:
            closed.append(number)

    engine = ScriptedEngine(mixing, sequences=3, fail_at=400)
    with pytest.raises(EngineError, match="position 400"):
        flown(engine, [watched(0, 300), watched(1, 5), watched(2, 380)])
    assert sorted(closed) == [0, 1, 2]
    closed.clear()
    engine = ScriptedEngine(mixing, sequences=3)
    with pytest.raises(ValueError, match="no text"):
        flown(engine, [watched(0, 300), watched(1, 5, ValueError("no text")), watched(2, 300)])
    assert sorted(closed) == [0, 1, 2]


def test_giving_up_half_way_closes_the_rest() -> None:
    closed: list[int] = []

    def watched(number: int) -> Job:
        try:
            return (yield from job(number, 5, 3 + 20 * number))
        finally:
            closed.append(number)

    flight = drive_many(ScriptedEngine(mixing, sequences=3), [watched(number) for number in range(3)], 3)
    next(flight)
    flight.close()  # type: ignore[attr-defined]
    assert sorted(closed) == [0, 1, 2]


def test_an_error_that_a_job_returns_leaves_the_others_alone() -> None:
    def careful(number: int) -> Job:
        try:
            outcome = yield from job(number, 5, 5)
            if number == 1:
                raise EngineError("not a number")
        except EngineError as error:
            return error
        return outcome

    found = flown(ScriptedEngine(mixing, sequences=2), [careful(number) for number in range(4)], 2)
    assert isinstance(found[1], EngineError)
    assert [len(outcome.tokens) for outcome in (found[0], found[2], found[3])] == [5, 5, 5]


def test_seconds_add_up_to_the_wall_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock that advances by one second a look, and an engine whose step takes a second a token."""
    now = [0.0]

    def look() -> float:
        now[0] += 1.0
        return now[0]

    class Slow(ScriptedEngine):
        def step(self, feeds: Sequence[Feed]) -> list[Logits]:
            now[0] += sum(len(feed.tokens) for feed in feeds)
            return super().step(feeds)

    monkeypatch.setattr("edgedoc.decoding.batched.perf_counter", look)
    flight = list(drive_many(Slow(mixing, sequences=2), [job(0, 200, 3), job(1, 5, 30), job(2, 5, 1)], 2))
    billed = sum(prefill + rest for _, prefill, rest in flight)
    rounds = billed / now[0]
    assert 0.8 < rounds <= 1.0
    assert flight[0][1] > 200 > flight[1][1] > 5
    assert flight[1][2] > 29 > flight[0][2] > 2
