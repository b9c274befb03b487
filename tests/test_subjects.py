"""What a cell's process serves, in this process: rows as the results have them."""

import json
from pathlib import Path

import pytest

from edgedoc.errors import UsageError
from edgedoc_bench.baseline_subject import BaselineSubject
from edgedoc_bench.cell_contract import Order
from edgedoc_bench.cell_summary import summarise
from edgedoc_bench.chunker_subject import ChunkerSubject
from edgedoc_bench.context_sweep import ContextSubject
from edgedoc_bench.corpus import Sample
from edgedoc_bench.fidelity_cell import FidelitySubject
from edgedoc_bench.reader_subject import ReaderSubject
from edgedoc_export.build import export

PAGE = Sample(id="a", kind="page", source="<h1>One</h1><p>The quick brown fox.</p><p>The lazy dog.</p>")
TEXT = Sample(id="b", kind="text", source="One two three.\n\n" * 20)


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Step costs of made-up models are nobody else's."""
    monkeypatch.setenv("EDGEDOC_HOME", str(tmp_path / "home"))


def _order(measure: str, model: Path | None, **more: object) -> Order:
    given = {"measure": measure, "kind": "artifact", "name": "tiny", "task": "reader", "threads": 1, **more}
    return Order(model=str(model) if model is not None else None, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("drafts", [True, False])
def test_a_reader_bills_its_windows(tiny_artifacts: dict[str, Path], drafts: bool) -> None:
    subject = ReaderSubject(_order("documents", tiny_artifacts["int8"], drafts=drafts), [PAGE])
    answer = subject.serve(0)
    [row] = answer.rows
    assert row["kind"] == "sample" and row["document"] == "a" and len(row["digest"]) == 16
    assert 0 < row["first_token"] < answer.seconds == row["seconds"]
    assert row["windows"] == 1 and row["prefill_tokens"] > 10 and 0 < row["output_tokens"] <= 24
    assert row["fallbacks"] == 0 and (drafts or row["drafted"] == 0)
    assert len(answer.output["flags"]) == len(answer.output["finish"]) == 1
    assert subject.plan is not None and subject.plan.weights > 0 and subject.load_seconds > 0
    found = summarise([{**row, "round": 1, "joules": None}])
    assert found["tokens_in"] == row["prefill_tokens"] and found["unsteady"] == []


def test_a_splitter_answers_with_the_starts_of_its_chunks() -> None:
    order = Order(measure="documents", kind="baseline", name="uniform", task="chunker", mean=100.0)
    answer = BaselineSubject(order, [TEXT]).serve(0)
    starts = json.loads(answer.text or "")["starts"]
    assert answer.suffix == ".json" and starts[0] == 0 and 2 < len(starts) < 5


def test_an_unknown_tool_is_guessed() -> None:
    order = Order(measure="documents", kind="baseline", name="rule", task="reader")
    with pytest.raises(UsageError, match="rules"):
        BaselineSubject(order, [PAGE])


def test_a_sweep_stops_where_the_context_does(tiny_artifacts: dict[str, Path]) -> None:
    order = _order("context", tiny_artifacts["int8"], depths=(64, 256, 4096), decode=4)
    subject = ContextSubject(order)
    for _ in range(2):
        rows = subject.serve(0).rows
        assert [(row["depth"], row["prefill_tokens"]) for row in rows] == [(64, 64), (256, 192), (1020, 764)]
        assert all(row["decode_tokens"] == 4 and row["decode_seconds"] > 0 for row in rows)


def test_fidelity_is_to_the_reference(tiny_artifacts: dict[str, Path]) -> None:
    order = _order("fidelity", tiny_artifacts["int8"], against=str(tiny_artifacts["f32"]))
    [row] = FidelitySubject(order, [PAGE]).serve(0).rows
    assert row["kind"] == "fidelity"
    assert 0 < row["values"]["top1_agreement"] <= 1 and row["values"]["kl_mean"] > 0


def test_a_chunker_says_where_its_chunks_start(tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    pytest.importorskip("llama_cpp")
    model = export("nano-chunker-simple", preset="int8", out=tmp_path / "chunker", threads=1)
    order = _order("documents", model, task="chunker", method="generate", drafts=False)
    subject = ChunkerSubject(order, [TEXT])
    answer = subject.serve(0)
    [row] = answer.rows
    told = json.loads(answer.text or "")
    assert answer.suffix == ".json" and told["starts"][0] == 0 and len(told["starts"]) == len(told["tokens"])
    assert row["document"] == "b" and row["windows"] == len(answer.output["flags"]) > 0
    assert answer.output["heads"] >= answer.output["matched"] and row["output_tokens"] > 0
