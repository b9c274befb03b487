"""The figures of a cell's row, from samples whose figures are known."""

from typing import Any

import pytest

from edgedoc_bench.cell_summary import Traffic, summarise
from edgedoc_bench.limits import traffic


def _sample(document: str, round: int, seconds: float, **more: Any) -> dict[str, Any]:
    return {"document": document, "round": round, "seconds": seconds, "joules": None, "digest": "x", **more}


def _model_sample(document: str, round: int, speed: float) -> dict[str, Any]:
    return _sample(
        document,
        round,
        3.0 / speed,
        first_token=1.0 / speed,
        prefill_tokens=100,
        prefill_seconds=1.0 / speed,
        output_tokens=20,
        decode_seconds=2.0 / speed,
        steps=11,
        drafted=20,
        accepted=15,
        windows=1,
        flagged=0,
        fallbacks=0,
    )


def test_a_tool_has_seconds_and_no_tokens() -> None:
    samples = [_sample("a", 1, 1.0), _sample("b", 1, 3.0), _sample("a", 2, 2.0), _sample("b", 2, 5.0)]
    found = summarise(samples)
    assert found["seconds"]["mean"] == pytest.approx(2.75)
    assert found["seconds"]["p50"] == pytest.approx(2.75) and found["seconds"]["p95"] == pytest.approx(3.875)
    assert found["documents_per_second"] == {"median": pytest.approx((0.5 + 2 / 7) / 2), **EXTREMES}
    assert found["steps"] is None and found["acceptance"] is None


EXTREMES = {"lowest": pytest.approx(2 / 7), "highest": pytest.approx(0.5), "samples": 2}


def test_rates_are_of_whole_rounds() -> None:
    samples = [_model_sample(document, round, float(round)) for round in (1, 2) for document in "ab"]
    found = summarise(samples)
    assert found["prefill_tokens_per_second"]["lowest"] == pytest.approx(100)
    assert found["prefill_tokens_per_second"]["highest"] == pytest.approx(200)
    # The prompt gives the first of 20 tokens, 10 more steps in 2 seconds the others and the stop token.
    assert found["decode_tokens_per_second"]["lowest"] == pytest.approx(10)
    assert found["steps_per_second"]["lowest"] == pytest.approx(5)
    assert found["acceptance"] == pytest.approx(0.75)
    assert found["tokens_in"] == 200 and found["tokens_out"] == 40 and found["steps"] == 22
    assert found["first_token"]["p50"] == pytest.approx(0.75)


def test_shares_of_the_limits() -> None:
    samples = [_model_sample("a", 1, 1.0)]
    costs = Traffic(weights=1e6, cache_per_position=1e3, operations_per_token=2e6)
    found = summarise(samples, traffic=costs, bandwidth=1e8, arithmetic=1e9)
    # Five steps a second, each reading the weights and the cache of 110 positions.
    assert found["bandwidth_share"] == pytest.approx((1e6 + 110e3) * 5 / 1e8)
    assert found["arithmetic_share"] == pytest.approx(2e6 * 100 / 1e9)
    unknown = summarise(samples, traffic=costs)
    assert unknown["bandwidth_share"] is None and unknown["arithmetic_share"] is None


def test_a_document_that_failed_later_is_in_no_figure() -> None:
    samples = [_sample("a", 1, 1.0), _sample("b", 1, 100.0), _sample("a", 2, 1.0)]
    assert summarise(samples)["seconds"]["mean"] == 1.0


def test_answers_that_change_are_told() -> None:
    samples = [_sample("a", 1, 1.0), {**_sample("a", 2, 1.0), "digest": "y"}]
    assert summarise(samples)["unsteady"] == ["a"]


def test_energy_with_and_without_what_the_machine_takes_idle() -> None:
    samples = [{**_sample("a", 1, 2.0), "joules": 30.0}]
    found = summarise(samples, idle_watts=5.0)
    assert found["joules_per_document"] == 30.0 and found["joules_per_document_above_idle"] == 20.0
    assert summarise([_sample("a", 1, 2.0)], idle_watts=5.0)["joules_per_document"] is None


def test_what_a_token_costs_an_artifact() -> None:
    artifact = {"tensor_types": {"Q8_0": {"bytes": 90}, "F32": {"bytes": 10}}, "parameters": 50, "head_parameters": 20}
    found = traffic(artifact, {"kv_cache": 4096, "context_length": 1024})
    assert found == Traffic(weights=100, cache_per_position=4.0, operations_per_token=60.0)
    assert traffic(artifact, None) is None
    # What a session widens as it loads, a step reads in twice the bytes.
    artifact["tensor_types"] = {"float16, float32 in memory": {"bytes": 50}, "float32": {"bytes": 10}}
    widened = traffic(artifact, {"kv_cache": 4096, "context_length": 1024})
    assert widened is not None and widened.weights == 110
