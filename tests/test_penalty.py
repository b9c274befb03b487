"""The repetition penalty against its definition, written out, and against transformers where that is installed."""

import numpy as np
import pytest
from numpy.typing import NDArray

from edgedoc.decoding.penalty import RepetitionPenalty
from edgedoc.errors import UsageError

VOCABULARY = 400


def by_definition(row: NDArray[np.float32], ids: list[int], penalty: float) -> NDArray[np.float32]:
    result = row.copy()
    for token in set(ids):
        score = row[token]
        result[token] = score * np.float32(penalty) if score < 0 else score / np.float32(penalty)
    return result


@pytest.mark.parametrize("penalty", [1.0, 1.08, 1.13, 2.0, 0.8])
def test_every_step_equals_the_definition(penalty: float) -> None:
    rng = np.random.default_rng(1)
    prompt = rng.integers(0, VOCABULARY, 50).tolist()
    rule = RepetitionPenalty(penalty)
    rule.start(prompt)
    said: list[int] = []
    for token in rng.integers(0, VOCABULARY, 600).tolist():
        row = rng.standard_normal(VOCABULARY).astype(np.float32)
        expected = by_definition(row, prompt + said, penalty)
        rule.apply(row)
        assert np.array_equal(row, expected)
        rule.add(token)
        said.append(token)


def test_drafted_ids_count_for_one_row_only() -> None:
    row = np.linspace(-3, 3, VOCABULARY, dtype=np.float32)
    rule = RepetitionPenalty(1.5)
    rule.start([1, 2])
    drafted, plain = row.copy(), row.copy()
    rule.apply(drafted, extra=[2, 7, 7, 390])
    rule.apply(plain)
    assert np.array_equal(drafted, by_definition(row, [1, 2, 7, 390], 1.5))
    assert np.array_equal(plain, by_definition(row, [1, 2], 1.5))


def test_start_forgets_the_last_document() -> None:
    row = np.ones(VOCABULARY, np.float32)
    rule = RepetitionPenalty(2.0)
    rule.start([1, 2, 3])
    rule.add(4)
    rule.start([9])
    rule.apply(row)
    assert np.flatnonzero(row != 1).tolist() == [9]


def test_before_any_document_nothing_changes() -> None:
    row = np.ones(VOCABULARY, np.float32)
    RepetitionPenalty(2.0).apply(row)
    assert (row == 1).all()


@pytest.mark.parametrize("penalty", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_penalties(penalty: float) -> None:
    with pytest.raises(UsageError, match="penalty"):
        RepetitionPenalty(penalty)


def test_equal_to_transformers() -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    rng = np.random.default_rng(2)
    for penalty in (1.08, 1.5):
        theirs = transformers.RepetitionPenaltyLogitsProcessor(penalty)
        prompt = rng.integers(0, VOCABULARY, 300).tolist()
        row = (10 * rng.standard_normal(VOCABULARY)).astype(np.float32)
        expected = theirs(torch.tensor([prompt]), torch.tensor(row[None].copy()))[0].numpy()
        ours = RepetitionPenalty(penalty)
        ours.start(prompt)
        ours.apply(row)
        assert np.allclose(row, expected, rtol=1e-6, atol=0)
