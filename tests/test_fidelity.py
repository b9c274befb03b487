"""Fidelity: the figures against a brute-force formula, what counts and what does not, and the verdict."""

import dataclasses
import io
import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edgedoc import engines
from edgedoc.artifact import Artifact
from edgedoc.engines.base import Logits
from edgedoc.engines.scripted import ScriptedEngine
from edgedoc.errors import EngineError, UsageError
from edgedoc.manifest import FileEntry
from edgedoc.recipes import load_recipe
from edgedoc.tokens import Tokenizer
from edgedoc_bench import fidelity, formats, passages
from edgedoc_bench.divergence import WORST, Agreement, divergence
from edgedoc_bench.fidelity import bar, compare, describe, measure, record, reference_format
from edgedoc_bench.passages import Passage

Artifacts = dict[str, Path]
VOCABULARY = 7


class TableEngine(ScriptedEngine):
    """Logits are rows of a table, by the token they follow."""

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


def _measure(
    reference: NDArray[np.float32], candidate: NDArray[np.float32], *sequences: tuple[list[int], list[int]]
) -> tuple[Agreement, Agreement]:
    read = [Passage.of(*sequence) for sequence in sequences]
    file = io.BytesIO()
    record(TableEngine(reference), read, file)
    return measure(file, reference.shape[1], TableEngine(candidate), read)


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


def test_answers_with_their_ends_count_and_prompts_stand_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    reference, candidate = _table(1), _table(2)
    sequences = [([1, 2, 3], [4, 5, 6, 0]), ([6], []), ([0, 1], [2])]
    # A row is about the token that comes next: the prompt's last row is the first of the answer.
    after = {"answer": [3, 4, 5, 6, 0, 6, 1, 2], "prompt": [1, 2, 0]}
    for slab in (64, 3):
        monkeypatch.setattr(fidelity, "SLAB", slab)
        both = _measure(reference, candidate, *sequences)
        for found, fed in zip(both, after.values(), strict=True):
            expected = [_kl(reference[token].tolist(), candidate[token].tolist()) for token in fed]
            agreed = [int(reference[token].argmax()) == int(candidate[token].argmax()) for token in fed]
            assert found.positions == len(fed)
            assert found.top1_agreement == pytest.approx(sum(agreed) / len(fed))
            assert found.kl_mean == pytest.approx(sum(expected) / len(fed), rel=1e-5)
            assert found.kl_max == pytest.approx(max(expected), rel=1e-5)
            assert found.kl_tail_share == pytest.approx(max(expected) / sum(expected), rel=1e-5)
            assert found.kl_mean < found.kl_p99 <= found.kl_max
        assert 0 < both[0].top1_agreement < 1


def test_the_worst_places_come_first_and_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fidelity, "SLAB", 2)
    reference, candidate = _table(1), _table(1)
    candidate[5] = np.roll(reference[5], 1)
    candidate[2] = reference[2] + np.linspace(0, 0.1, VOCABULARY, dtype=np.float32)
    answer, prompt = _measure(reference, candidate, ([1, 3], [2]), ([1, 3], [4, 4, 5, 4]))
    assert prompt.worst == ()
    assert [(place.window, place.row) for place in answer.worst] == [(1, 4), (0, 2)]
    worst = answer.worst[0]
    assert (worst.reference, worst.candidate) == (int(reference[5].argmax()), int(candidate[5].argmax()))
    assert worst.kl == pytest.approx(_kl(reference[5].tolist(), candidate[5].tolist()), rel=1e-5)
    weights = [math.exp(value) for value in reference[5].tolist()]
    assert worst.reference_probability == pytest.approx(max(weights) / sum(weights), rel=1e-5)
    many, _ = _measure(reference, -reference, ([1, 3], [2, 3, 4, 5, 6, 0, 1, 2, 3]))
    assert len(many.worst) == WORST


def test_what_cannot_be_compared() -> None:
    with pytest.raises(UsageError, match="nothing to compare"):
        _measure(_table(1), _table(1))
    with pytest.raises(UsageError, match="vocabularies have 7 and 6 tokens"):
        _measure(_table(1), _table(1)[:6, :6], ([1], [2]))
    with pytest.raises(EngineError, match="not a number"):
        _measure(_table(1), _table(1) * np.float32("nan"), ([1, 2], [2]))


def test_passages_are_the_prompt_and_the_rules_markdown(tokenizer_file: Path) -> None:
    tokenizer, recipe = Tokenizer.from_file(tokenizer_file), load_recipe("nano-reader")
    pages = [b"<h1>Hello</h1><p>The quick brown fox.</p>", b"<nav></nav>"]
    [passage] = passages.read(pages, recipe, tokenizer, 2048)
    assert tokenizer.decode(passage.tokens[passage.answer_row + 1 :]) == "# Hello\n\nThe quick brown fox."
    assert tokenizer.decode(passage.tokens[: passage.answer_row + 1]).endswith("assistant\n")
    short = passages.read([b"<p>" + b"The quick brown fox. " * 50], recipe, tokenizer, 256)
    assert len(short) > 1
    assert max(len(passage.tokens) for passage in short) <= 256


@pytest.mark.parametrize(
    ("preset", "expected"),
    [("f32", 0.999), ("bf16", 0.999), ("int8_block", 0.995), ("q8_0", 0.995), ("iq4_nl", 0.97), ("q3_k_m", 0.9)],
)
def test_fewer_bits_may_differ_more(preset: str, expected: float) -> None:
    assert bar(preset) == expected


PAGES = [b"<h1>Hello world</h1><p>The quick brown fox.</p>", b"<ul><li>one<li>two</ul>"]


def test_an_artifact_follows_itself_exactly(tiny_artifacts: Artifacts) -> None:
    found = compare(Artifact.open(tiny_artifacts["f32"]), str(tiny_artifacts["f32"]), PAGES)
    assert (found.answer.top1_agreement, found.answer.kl_max, found.places) == (1.0, 0.0, ())
    assert found.windows == 2 and found.answer.positions > 2 and found.passed
    plain = json.loads(json.dumps(found.as_dict()))
    assert plain["positions"] == found.answer.positions
    assert plain["prompt"]["positions"] == found.prompt.positions > found.answer.positions
    told = describe(found)
    assert f"answers, {found.answer.positions} tokens: same next token 100.00%" in told
    assert f"compared with the artifact {tiny_artifacts['f32']} (gguf f32, run by llama_cpp)" in told
    assert "the Markdown that the deterministic converter makes" in told and "passed: at least 99.9%" in told


@pytest.mark.parametrize("format", ["gguf", "onnx"])
def test_eight_bits_lose_a_little_against_the_checkpoint(format: str, request: pytest.FixtureRequest) -> None:
    artifacts: Artifacts = request.getfixturevalue("tiny_artifacts" if format == "gguf" else "tiny_onnx")
    checkpoint = artifacts["f32"].parent / "checkpoint"
    found = compare(Artifact.open(artifacts["int8"]), str(checkpoint), PAGES)
    assert found.reference == f"an f32 export of {checkpoint} ({format} f32, run by {_package(format)})"
    same = compare(Artifact.open(artifacts["int8"]), str(artifacts["f32"]), PAGES)
    assert (found.answer, found.prompt) == (same.answer, same.prompt)
    assert 0.0 < found.answer.kl_mean < 0.1
    assert found.answer.top1_agreement > 0.8
    place = found.as_dict()["worst"][0]  # type: ignore[index]
    assert place["kl"] == pytest.approx(found.answer.kl_max)
    assert f"{found.answer.kl_max:.4f} nats in window" in place["text"] and "became" in place["text"]


def _package(format: str) -> str:
    return {"gguf": "llama_cpp", "onnx": "onnxruntime"}[format]


def test_the_two_are_never_in_memory_together(tiny_artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    from edgedoc.engines.llama import LlamaEngine

    events: list[str] = []
    load, close = engines.load, LlamaEngine.close
    monkeypatch.setattr(fidelity, "load", lambda *a, **k: events.append("load") or load(*a, **k))  # type: ignore[func-returns-value]
    monkeypatch.setattr(LlamaEngine, "close", lambda self: events.append("close") or close(self))  # type: ignore[func-returns-value]
    compare(Artifact.open(tiny_artifacts["int8"]), str(tiny_artifacts["f32"]), PAGES)
    assert events == ["load", "close", "load", "close"]


def test_the_reference_is_made_for_the_same_engine_or_the_one_there_is(
    tiny_artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    artifact = Artifact.open(tiny_artifacts["int8"])
    assert reference_format(artifact) == "gguf"
    monkeypatch.setattr(formats, "installed", lambda: ("onnx",))
    assert reference_format(artifact) == "onnx"
    monkeypatch.setattr(formats, "installed", tuple)
    assert reference_format(artifact) == "gguf"


def test_too_little_agreement_does_not_pass(tiny_artifacts: Artifacts) -> None:
    artifact, against = Artifact.open(tiny_artifacts["int8"]), str(tiny_artifacts["f32"])
    strict = compare(artifact, against, PAGES, min_agreement=1.01)
    assert not strict.passed and strict.as_dict()["passed"] is False
    assert "FAILED: at least 101.0%" in describe(strict)
    assert compare(artifact, against, PAGES, min_agreement=0.0).passed


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
