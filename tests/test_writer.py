"""Writing partly dictated answers: the same choices as asking token by token, in fewer steps."""

from collections.abc import Callable, Generator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgedoc.decoding.drafts import Trail
from edgedoc.decoding.driver import drive
from edgedoc.decoding.loop import Request
from edgedoc.decoding.pace import Costs, Drafter, Pace
from edgedoc.decoding.writer import WEIGHED_ROWS, FullError, Steps, Writer
from edgedoc.engines.base import Logits
from edgedoc.engines.scripted import ScriptedEngine
from edgedoc.errors import EngineError

VOCABULARY = 12
STOP = frozenset({10, 11})


class HashEngine(ScriptedEngine):
    """Logits that depend on every token before them, and on nothing else."""

    def __init__(self) -> None:
        super().__init__(lambda _: 0, vocab_size=VOCABULARY)

    def extend(self, tokens: Sequence[int], logits: int = 1) -> Logits:
        rows = super().extend(tokens, logits)
        for row in range(logits):
            rows[row] = row_after(self.fed[: len(self.fed) - logits + row + 1])
        return rows


def row_after(tokens: Sequence[int]) -> Logits:
    seed = np.random.SeedSequence([len(tokens), *tokens])
    return np.random.default_rng(seed).normal(size=VOCABULARY).astype(np.float32)


def asked_one_by_one(prompt: list[int], options: list[list[int]]) -> tuple[int, list[int]]:
    """The option a greedy model restricted to `options` writes, and what it has written."""
    live = list(range(len(options)))
    said: list[int] = []
    while True:
        followers = sorted({options[i][len(said)] for i in live if len(options[i]) > len(said)})
        if not followers:
            return live[0], said
        row = row_after([*prompt, *said])
        token = max(followers, key=lambda t: row[t])
        live = [i for i in live if options[i][len(said)] == token]
        if token in STOP:
            return live[0], said
        said.append(token)


# No option begins another: every one ends in 9, which stands nowhere else.
LINES = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=5).map(lambda o: [*o, 9]), min_size=1, max_size=6)


@given(prompt=st.lists(st.integers(0, 9), min_size=1, max_size=5), rounds=st.lists(LINES, min_size=1, max_size=3))
def test_choices_are_those_of_a_restricted_greedy_model(prompt: list[int], rounds: list[list[list[int]]]) -> None:
    expected, said = [], list(prompt)
    for options in rounds:
        index, tokens = asked_one_by_one(said, [*options, [10], [11]])
        expected.append(index)
        said += tokens
        if index >= len(options):
            break

    def answer(writer: Writer) -> Steps[list[int]]:
        chosen = []
        for options in rounds:
            chosen.append((yield from writer.choose([*options, [10], [11]])))
            if chosen[-1] >= len(options):
                break
        return chosen

    writer = Writer(prompt, stop=STOP, room=100)
    chosen, _, _ = drive(HashEngine(), answer(writer))
    assert chosen == expected
    assert prompt + writer.written == said


def test_what_is_certain_is_not_asked_for() -> None:
    engine = HashEngine()

    def answer(writer: Writer) -> Steps[None]:
        writer.put([1, 2, 3])
        yield from writer.choose([[4, 5, 6, 7, 9]])
        yield from writer.choose([[4, 5, 0, 9], [4, 5, 1, 9]])
        yield from writer.choose([[4, 5, 9], [10]])

    writer = Writer([8], stop=STOP, room=100)
    drive(engine, answer(writer))
    # Prompt, three forced lines and the common start in one step; the rest of the choice, and both ways on, in another.
    assert engine.calls == [(1 + 3 + 5 + 2, 1), (2 + 3, 1 + 3)]
    assert writer.steps == 2
    assert writer.asked == 2


def test_a_line_ends_at_its_sign_at_a_stop_or_at_the_limit() -> None:
    def answer(writer: Writer, limit: int, end: int) -> Steps[bool]:
        return (yield from writer.line(limit, lambda token: token == end))

    for script, limit, expected, written in [
        ([3, 4, 9, 5], 10, True, [3, 4, 9]),
        ([3, 10], 10, True, [3]),
        ([3, 4, 5, 6], 3, False, [3, 4, 5]),
    ]:
        engine = ScriptedEngine.replying({(7,): script}, stop=11, vocab_size=VOCABULARY)
        writer = Writer([7], stop=STOP, room=100)
        assert drive(engine, answer(writer, limit, 9))[0] is expected
        assert writer.written == written


@settings(deadline=None, max_examples=60)
@given(draft=st.lists(st.integers(0, 11), max_size=40), faithful=st.integers(0, 40), limit=st.integers(1, 30))
def test_drafts_change_no_line(draft: list[int], faithful: int, limit: int) -> None:
    """Lines and choices in turn, guessed rightly, partly and wrongly: written, asked and left pending as without."""

    def write(writer: Writer) -> Steps[list[object]]:
        first = yield from writer.line(limit, lambda token: token == 9)
        chosen = yield from writer.choose([[1, 2, 9], [3, 4, 9]])
        second = yield from writer.line(limit, lambda token: token in (8, 9))
        return [first, chosen, second]

    def written(drafter: Drafter | None) -> tuple[list[object], Writer]:
        writer = Writer([1, 2, 3], stop=STOP, room=200, prefix=1, drafter=drafter)
        return drive(HashEngine(), write(writer))[0], writer

    expected, plain = written(None)
    guesses = [*plain.written[:faithful], *draft]
    pace = Pace(Costs({1: 1.0, 16: 1.01}))
    found, drafted = written(Drafter((Trail(guesses, agreed=32), Trail(draft)), pace))
    assert (found, drafted.written) == (expected, plain.written)
    assert drafted.asked == plain.asked
    assert drafted.accepted <= drafted.drafted
    assert drafted.steps <= plain.steps


@pytest.mark.parametrize("known", [False, True])
def test_weights_are_the_probabilities_of_a_restricted_model(known: bool) -> None:
    rng = np.random.default_rng(5)
    lines = [[*rng.integers(0, 4, size=6).tolist(), 9] for _ in range(40)]
    choices = [([*lines[n:], [10]], 0) for n in range(40)]

    def answer(writer: Writer) -> Steps[list[float]]:
        if known:
            yield from writer.line(1, lambda _: True)
        return (yield from writer.weigh(choices))

    engine = HashEngine()
    writer = Writer([1, 2], stop=STOP, room=1000)
    found, _, _ = drive(engine, answer(writer))
    said = [1, 2, *writer.written[:known]]
    for n, (options, index) in enumerate(choices):
        expected, live = 1.0, [*range(len(options))]
        for depth, token in enumerate(options[index]):
            followers = sorted({options[i][depth] for i in live})
            row = np.exp(row_after([*said, *options[index][:depth]]).astype(float))
            expected *= row[token] / row[followers].sum()
            live = [i for i in live if options[i][depth] == token]
        assert found[n] == pytest.approx(expected, rel=1e-5)
        said += options[index]
    assert max(rows for _, rows in engine.calls) <= WEIGHED_ROWS + 1
    assert sum(tokens for tokens, _ in engine.calls) == 2 + known + 40 * 7


def test_no_room_is_told() -> None:
    def answer(writer: Writer) -> Steps[None]:
        yield from writer.choose([[1, 2, 3, 9], [1, 4, 9]])

    with pytest.raises(FullError):
        drive(HashEngine(), answer(Writer([1], stop=STOP, room=2)))
    with pytest.raises(FullError):
        Writer([1], stop=STOP, room=2).put([1, 2, 3])


def test_nothing_to_choose_from() -> None:
    with pytest.raises(ValueError, match="nothing"):
        next(Writer([1], stop=STOP, room=2).choose([]))


def test_logits_that_are_no_numbers() -> None:
    def nan(steps: Generator[Request, Logits, object]) -> None:
        request = next(steps)
        while True:
            request = steps.send(np.full((request.logits, VOCABULARY), np.nan, np.float32))

    asks: list[Callable[[Writer], Generator[Request, Logits, object]]] = [
        lambda writer: writer.choose([[1, 9], [2, 9]]),
        lambda writer: writer.line(3, bool),
        lambda writer: writer.weigh([([[1, 9], [2, 9]], 0)]),
        lambda writer: writer.read([0], [1, 2]),
    ]
    for ask in asks:
        with pytest.raises(EngineError, match="not a number"):
            nan(ask(Writer([1], stop=STOP, room=20)))


@given(data=st.data(), prompt=st.lists(st.integers(0, 9), min_size=1, max_size=300), prefix=st.integers(0, 9))
def test_reading_gives_the_rows_that_asking_place_by_place_gives(
    data: st.DataObject, prompt: list[int], prefix: int
) -> None:
    places = sorted(data.draw(st.sets(st.integers(0, len(prompt) - 1), max_size=12)))
    engine = HashEngine()
    writer = Writer(prompt, stop=STOP, room=9, prefix=min(prefix, len(prompt)))
    found, _, _ = drive(engine, writer.read(places, (3, 7)))
    expected = [row_after(prompt[: place + 1])[[3, 7]] for place in places]
    assert found.shape == (len(places), 2)
    assert np.array_equal(found, np.array(expected, np.float32).reshape(-1, 2))
    assert engine.fed == prompt[: places[-1] + 1 if places else 0]
    assert writer.asked == len(places)
    assert writer.steps <= 1 + len(prompt) // WEIGHED_ROWS
