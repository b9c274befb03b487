"""Fidelity: the figures against a brute-force formula, and what they must be when the two models are one."""

import dataclasses
import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edgedoc.artifact import Artifact
from edgedoc.engines.base import Logits
from edgedoc.engines.scripted import ScriptedEngine
from edgedoc.errors import EngineError, UsageError
from edgedoc.manifest import FileEntry
from edgedoc_bench import fidelity
from edgedoc_bench.fidelity import Answered, answer_logits, compare, describe, divergence, measure

Artifacts = dict[str, Path]
VOCABULARY = 7


class TableEngine(ScriptedEngine):
    """Logits are rows of a table, by the token fed last."""

    def __init__(self, table: NDArray[np.float32]) -> None:
        super().__init__(lambda _: 0, vocab_size=table.shape[1])
        self._table = table

    def extend(self, tokens: Sequence[int], logits: int = 1) -> Logits:
        super().extend(tokens, logits)
        return self._table[list(tokens)[len(tokens) - logits :]]


def _table(seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 3, (VOCABULARY, VOCABULARY)).astype(np.float32)


def _kl(reference: Sequence[float], candidate: Sequence[float]) -> float:
    p_sum, q_sum = sum(map(math.exp, reference)), sum(map(math.exp, candidate))
    p, q = [math.exp(x) / p_sum for x in reference], [math.exp(x) / q_sum for x in candidate]
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def test_divergence_is_the_textbooks() -> None:
    first, second = _table(1), _table(2)
    expected = [_kl(a.tolist(), b.tolist()) for a, b in zip(first, second, strict=True)]
    assert divergence(first, second) == pytest.approx(expected, rel=1e-5)
    assert divergence(first, first + 5).max() < 1e-6
    assert (divergence(first, first) == 0).all()


def test_divergence_survives_logits_whose_exponentials_overflow() -> None:
    rows = np.array([[1000.0, 0.0, -1000.0]], np.float32)
    assert divergence(rows, rows).tolist() == [0.0]
    assert divergence(rows, rows[:, ::-1]) == pytest.approx([2000.0])


def test_every_position_of_the_answer_and_its_end_is_compared() -> None:
    reference, candidate = _table(1), _table(2)
    sequences = [Answered([1, 2, 3], [4, 5, 6, 0]), Answered([6], []), Answered([0, 1], [2])]
    fed = [3, 4, 5, 6, 0, 6, 1, 2]
    found = measure(TableEngine(reference), TableEngine(candidate), sequences)
    expected = [_kl(reference[token].tolist(), candidate[token].tolist()) for token in fed]
    agreed = [int(reference[token].argmax()) == int(candidate[token].argmax()) for token in fed]
    assert 0 < sum(agreed) < len(fed)
    assert (found.windows, found.positions) == (3, len(fed))
    assert found.top1_agreement == pytest.approx(sum(agreed) / len(fed))
    assert found.kl_mean == pytest.approx(sum(expected) / len(fed), rel=1e-5)
    assert found.kl_max == pytest.approx(max(expected), rel=1e-5)
    assert found.kl_mean < found.kl_p99 <= found.kl_max


def test_disagreements_say_where() -> None:
    reference = _table(1)
    candidate = reference.copy()
    candidate[5] = np.roll(reference[5], 1)
    found = measure(TableEngine(reference), TableEngine(candidate), [Answered([1], [2]), Answered([1], [5, 2])])
    was, became = int(reference[5].argmax()), int(candidate[5].argmax())
    assert found.disagreements == (f"window 2, token 2: token {was} became token {became}",)


def test_only_the_first_disagreements_are_told() -> None:
    reference = _table(1)
    found = measure(TableEngine(reference), TableEngine(-reference), [Answered([1], [2, 3, 4, 5, 6, 0, 1])])
    assert found.top1_agreement == 0.0
    assert len(found.disagreements) == fidelity.NAMED_PLACES


def test_slabs_do_not_change_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    sequence = Answered([1, 2], [3, 4, 5, 6, 0, 1, 2])
    whole = np.concatenate(list(answer_logits(TableEngine(_table(1)), sequence)))
    monkeypatch.setattr(fidelity, "SLAB", 3)
    slabs = list(answer_logits(TableEngine(_table(1)), sequence))
    assert max(map(len, slabs)) == 3
    assert np.array_equal(np.concatenate(slabs), whole)


def test_what_cannot_be_compared() -> None:
    engine = TableEngine(_table(1))
    with pytest.raises(UsageError, match="nothing to compare"):
        measure(engine, engine, [])
    with pytest.raises(UsageError, match="vocabularies have 7 and 6 tokens"):
        measure(engine, TableEngine(_table(1)[:6, :6]), [Answered([1], [2])])
    with pytest.raises(EngineError, match="not a number"):
        measure(engine, TableEngine(_table(1) * np.float32("nan")), [Answered([1], [2])])


PAGES = [b"<h1>Hello world</h1><p>The quick brown fox.</p>", b"<ul><li>one<li>two</ul>"]


def test_an_artifact_follows_itself_exactly(tiny_artifacts: Artifacts) -> None:
    found = compare(Artifact.open(tiny_artifacts["f32"]), str(tiny_artifacts["f32"]), PAGES)
    assert (found.top1_agreement, found.kl_max, found.disagreements) == (1.0, 0.0, ())
    assert found.windows == 2 and found.positions > 2
    assert json.loads(json.dumps(found.as_dict()))["positions"] == found.positions
    assert f"100.00% of {found.positions} positions in 2 windows" in describe(found)


def test_eight_bits_lose_a_little_against_the_checkpoint(tiny_artifacts: Artifacts) -> None:
    checkpoint = tiny_artifacts["f32"].parent / "checkpoint"
    found = compare(Artifact.open(tiny_artifacts["int8"]), str(checkpoint), PAGES)
    assert found == compare(Artifact.open(tiny_artifacts["int8"]), str(tiny_artifacts["f32"]), PAGES)
    assert 0.0 < found.kl_mean < 0.1
    assert found.top1_agreement > 0.8


def test_the_wrong_recipe_is_another_model(tiny_artifacts: Artifacts) -> None:
    with pytest.raises(UsageError, match="different tokenizers"):
        compare(Artifact.open(tiny_artifacts["int8"]), "nano-reader", PAGES)


def test_another_tokenizer_is_another_model(tiny_artifacts: Artifacts, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny_artifacts["int8"], tmp_path / "copy")
    (copy / "tokenizer.json").write_bytes((copy / "tokenizer.json").read_bytes() + b"\n")
    found = Artifact.open(tiny_artifacts["int8"])
    files = {**found.manifest.files, "tokenizer.json": FileEntry.of(copy / "tokenizer.json")}
    dataclasses.replace(found.manifest, files=files).write(copy)
    with pytest.raises(UsageError, match="different tokenizers"):
        compare(Artifact.open(copy), str(tiny_artifacts["f32"]), PAGES)
