"""Choosing an artifact: limits, ties, and a reason for every one that is not chosen."""

from pathlib import Path

import pytest

from bench_results import MODEL, write_results
from edgedoc_bench import results
from edgedoc_bench.choosing import Limits, Prefer, choose, describe
from edgedoc_bench.pareto import frontier
from edgedoc_bench.report_rows import Group, groups


@pytest.fixture
def group(tmp_path: Path) -> Group:
    """Artifacts of `bench_results`."""
    (found,) = groups(results.read(write_results(tmp_path)))
    return found


def test_the_fastest_that_agrees_is_chosen(group: Group) -> None:
    found = choose(group, Limits())

    assert found.best is not None and found.best.name == f"{MODEL} onnx int8"
    assert found.runner_up is not None and found.runner_up.name == f"{MODEL} gguf int8"
    reasons = {entry.name: reason for entry, reason in found.fallen}
    assert reasons == {
        f"{MODEL} gguf f32": "within the limits, but 2.00 s a document",
        f"{MODEL} gguf int4": "has 95.00% of full precision's tokens",
    }


@pytest.mark.parametrize(
    ("limits", "prefer", "best"),
    [
        (Limits(agreement=0.9), Prefer.SECONDS, "gguf int4"),
        (Limits(agreement=0.9), Prefer.AGREEMENT, "gguf f32"),
        (Limits(), Prefer.SIZE, "gguf int8"),
        (Limits(memory=90_000_000), Prefer.SECONDS, "gguf int8"),
        (Limits(memory=100_000_000, agreement=1.0), Prefer.SECONDS, "gguf f32"),
        # Its 95th percentile counts, not its median of 0.8.
        (Limits(seconds=1.0), Prefer.SECONDS, None),
        (Limits(memory=1), Prefer.MEMORY, None),
        # 86 and 88 MB are even, and the smaller file is taken.
        (Limits(agreement=None), Prefer.MEMORY, "gguf int4"),
    ],
)
def test_limits_and_preferences(limits: Limits, prefer: Prefer, best: str | None, group: Group) -> None:
    found = choose(group, limits, prefer)

    assert (found.best.name if found.best else None) == (f"{MODEL} {best}" if best else None)
    assert len(found.fallen) + sum(entry is not None for entry in (found.best, found.runner_up)) == 4


def test_the_words(group: Group) -> None:
    text = describe(choose(group, Limits(memory=90_000_000, seconds=5)), group)

    assert "at most 90.0 MB of memory, at most 5.00 s for 95 % of the documents" in text
    assert "runner-up" not in text and "the only one within the limits" in text
    assert f"not {MODEL} onnx int8: needs 103 MB, 13.0 too many" in text
    assert "nothing: nothing measured" in describe(choose(group, Limits(memory=1)), group)


def test_frontier() -> None:
    points = [(1.0, 0.5), (2.0, 0.9), (3.0, 0.9), (1.0, 0.4), (4.0, 0.95), (0.5, 0.1)]

    assert frontier(points) == [5, 0, 1, 4]
    assert frontier([]) == []
    assert frontier([(1, 1), (1, 1)]) == [0]
