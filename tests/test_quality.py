"""Quality rows from what a harness wrote down: one for every output, compared with full precision's."""

import json
from pathlib import Path

import pytest

from bench_results import GOLD, MODEL, write_results
from edgedoc.errors import UsageError
from edgedoc.recipes import Task
from edgedoc_bench import results
from edgedoc_bench.corpus import Sample
from edgedoc_bench.quality import chunker_values, score, truncated
from edgedoc_bench.quality_metrics import METRICS, metric
from edgedoc_bench.quality_summary import difference, mean
from edgedoc_bench.report_rows import Group, groups

pytest.importorskip("markdown_it")
pytest.importorskip("rapidfuzz")


def _group(folder: Path) -> Group:
    (found,) = groups(results.read(folder))
    return found


def test_every_output_is_a_row_and_artifacts_are_compared_with_full_precision(tmp_path: Path) -> None:
    folder = write_results(tmp_path, text=GOLD.replace("seven", "eight"))
    told: list[tuple[int, int]] = []
    rows = list(score(results.read(folder), lambda done, total: told.append((done, total))))

    assert len(rows) == told[-1][0] == told[-1][1] == 6 * 11
    by_cell = {(row["cell"], row["document"]): row for row in rows}
    full, int8 = (by_cell[f"{MODEL} gguf {preset}", "article-0"]["values"] for preset in ("f32", "int8"))
    assert full["token_f1"] == 1 and int8["token_f1"] < 1
    assert "same" not in full and int8["same"] == 0
    assert 0 < int8["agreement_length"] < 1
    assert by_cell["trafilatura", "thread-2"]["document_kind"] == "thread"
    assert all(row["values"].keys() <= METRICS[Task.READER].keys() for row in rows)


def test_an_output_that_is_gone_is_said(tmp_path: Path) -> None:
    folder = write_results(tmp_path)
    (folder / "outputs" / "rules" / "00000.md").unlink()

    with pytest.raises(UsageError, match="Run the bench again"):
        list(score(results.read(folder)))


def test_chunks_are_scored_against_the_segments_and_full_precision() -> None:
    text = "one\n\ntwo\n\nthree\n\nfour\n"
    sample = Sample(id="x", kind="k", source=text, boundaries=(text.index("three"),))
    output = {"heads": 4, "matched": 3, "finish": None, "flags": [["the answer did not fit"]]}
    answer = {"starts": [0, text.index("two"), text.index("three")], "tokens": [1, 2, 9]}
    found = chunker_values(sample, answer, {"starts": [0, text.index("three")]}, output)

    assert found.keys() <= METRICS[Task.CHUNKER].keys()
    assert {name: found[name] for name in ("segment_ratio", "head_match", "truncated", "same")} == {
        **{"segment_ratio": 1.5, "head_match": 0.75, "truncated": 1, "same": 0}
    }
    assert found["size_compliance"] == 1
    for name in ("boundary_f1", "agreement"):
        assert found[name] == pytest.approx(2 / 3), name
    assert chunker_values(Sample(id="x", kind="k", source=text), answer, None, output)["head_match"] == 0.75


def test_truncated() -> None:
    assert truncated({"finish": ["stop", "length"]}) == 1
    assert truncated({"finish": ["stop"]}) == truncated({"finish": None, "flags": [[]]}) == 0
    assert truncated({"finish": None, "flags": None}) is None


def test_a_mean_is_of_one_kind_and_of_wer_it_is_the_median(tmp_path: Path) -> None:
    group = _group(write_results(tmp_path))
    entry = group.models[0]
    found = mean(entry, "token_f1", "thread")

    assert found is not None and found.documents == 3
    assert found.value == pytest.approx(0.9 + 0.009)
    assert mean(entry, "token_f1", "nothing") is mean(entry, "code", "thread") is None


def test_differences_are_in_pairs_and_few_documents_have_none(tmp_path: Path) -> None:
    group = _group(write_results(tmp_path))
    full, int4 = group.models[0], group.models[2]
    found = difference(int4, full, "token_f1", "article")

    assert found is not None and found.certain
    assert found.mean == pytest.approx(-0.1)
    assert difference(int4, full, "token_f1", "thread") is None


def test_a_metric_nobody_knows_is_met_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean rouge_l"):
        metric("rouge-l", Task.READER)


def test_outputs_may_hold_any_character(tmp_path: Path) -> None:
    folder = write_results(tmp_path, text="# Title\u2028\x0b\n")

    assert json.dumps(list(score(results.read(folder))))
