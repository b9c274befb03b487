"""How much to draft: measured costs against what was right before."""

import random
from itertools import pairwise

import pytest

from edgedoc.decoding.drafts import Trail
from edgedoc.decoding.driver import run
from edgedoc.decoding.pace import CLASSES, Agreement, Costs, Drafter, Pace
from edgedoc.decoding.penalty import RepetitionPenalty
from edgedoc.engines.scripted import ScriptedEngine

FLAT = {1: 1.0, 2: 1.05, 4: 1.1, 8: 1.2, 16: 1.4, 32: 2.0}
STEEP = {size: float(size) for size in (1, 2, 4, 8, 16, 32)}
STOP = 0


def taught(costs: dict[int, float], right: float, trials: int = 2000) -> Pace:
    """A pace that has seen guesses right with this probability, whatever came before."""
    pace, rng = Pace(Costs(costs)), random.Random(1)
    for _ in range(trials):
        pace.agreements[0].learn(rng.choice(CLASSES), rng.random() < right)
    return pace


def test_costs_between_two_sizes_are_those_of_the_larger_and_never_fall() -> None:
    costs = Costs({1: 1.0, 8: 3.0, 4: 2.0, 16: 2.5})
    assert [costs(size) for size in (1, 2, 4, 5, 8, 9, 16)] == [1.0, 2.0, 2.0, 2.5, 2.5, 2.5, 2.5]
    assert costs.most == 16


def test_the_length_is_the_best_of_all_lengths() -> None:
    pace = taught(FLAT, 0.9)
    found, rate = pace.length(0, 8, 100)

    def expected(drafted: int) -> float:
        total, likely = 1.0, 1.0
        for place in range(drafted):
            likely *= pace.agreements[0].share(8 + place)
            total += likely
        return total / pace.costs(drafted + 1)

    assert rate == pytest.approx(max(expected(drafted) for drafted in range(32)))
    assert expected(found) == pytest.approx(rate)
    assert 8 <= found + 1 <= 32


def test_drafts_that_are_never_right_or_cost_what_they_bring_are_not_made() -> None:
    assert taught(FLAT, 0.02).length(0, 0, 100)[0] == 0
    assert taught(STEEP, 0.9).length(0, 32, 100)[0] == 0


def test_surer_is_longer_and_what_is_there_bounds_it() -> None:
    lengths = [taught(FLAT, right).length(0, 8, 100)[0] for right in (0.3, 0.6, 0.9, 0.99)]
    assert all(shorter <= longer for shorter, longer in pairwise(lengths)) and lengths[0] < lengths[-1]
    assert taught(FLAT, 0.99).length(0, 8, 5)[0] == 5
    assert taught(FLAT, 0.99).length(0, 8, 0)[0] == 0


def test_the_record_follows_what_happens() -> None:
    agreement = Agreement()
    before = agreement.share(5)
    for _ in range(50):
        agreement.learn(5, False)
    assert agreement.share(5) < 0.1 < before
    assert agreement.share(20) == Agreement().share(20), "another length of agreement is another record"
    for _ in range(1000):
        agreement.learn(5, True)
    assert agreement.share(5) > 0.95, "an old record fades"


def test_the_better_trail_is_followed() -> None:
    text, noise = list(range(100, 140)), [9] * 40
    pace = Pace(Costs(FLAT))
    drafter = Drafter((Trail(noise, agreed=8), Trail(text)), pace)
    for token in text[:20]:
        drafter.add(token)
    assert drafter.propose(64)[:3] == text[20:23]
    assert drafter.propose(2) == text[20:22]


@pytest.mark.parametrize("unit", [1, 2, 4])
@pytest.mark.parametrize("budget", [1, 7, 64, 500])
@pytest.mark.parametrize("context_length", [24, 97, 2000])
def test_drafts_change_no_token(unit: int, budget: int, context_length: int) -> None:
    """Against plain decoding, on an answer that wanders off its draft in every way; ends included."""
    rng = random.Random(7)
    draft = [rng.randrange(1, 200) for _ in range(120)]
    answer = [*draft[:30], 5, *draft[31:60], *draft[80:], *draft[10:20]]
    prompt = (201, 202, 203)

    def engine() -> ScriptedEngine:
        return ScriptedEngine.replying({prompt: answer}, stop=STOP, context_length=context_length)

    def penalty() -> RepetitionPenalty:
        return RepetitionPenalty(1.05)

    stop = frozenset({STOP})
    plain = run(engine(), prompt, stop=stop, budget=budget, penalty=penalty(), unit=unit)
    drafter = Drafter((Trail([*draft, STOP], agreed=8), Trail(prompt)), Pace(Costs(FLAT)))
    driven = engine()
    drafted = run(driven, prompt, stop=stop, budget=budget, penalty=penalty(), drafter=drafter, unit=unit)
    assert (drafted.tokens, drafted.finish) == (plain.tokens, plain.finish)
    assert drafted.accepted <= drafted.drafted
    assert drafted.steps <= plain.steps
    assert all(size % unit == 0 for size, _ in driven.calls[1:])
    if budget == 500 and context_length == 2000:
        assert drafted.steps < plain.steps / 4
        assert drafted.accepted > 100


def test_a_draft_that_is_always_wrong_costs_next_to_nothing() -> None:
    rng = random.Random(3)
    answer = [rng.randrange(1, 100) for _ in range(600)]
    wrong = [rng.randrange(100, 200) for _ in range(600)]
    costs = Costs({1: 1.0, 2: 1.9, 4: 2.6, 8: 3.1, 16: 5.3, 32: 8.4})
    engine = ScriptedEngine.replying({(201,): answer}, stop=STOP)
    run(
        engine,
        (201,),
        stop=frozenset({STOP}),
        budget=1000,
        drafter=Drafter((Trail(wrong, agreed=8), Trail(())), Pace(costs)),
    )
    drafted = sum(costs(size) for size, _ in engine.calls[1:])
    assert drafted <= (len(answer) + 1) / 0.97
