"""Choosing an artifact: limits, ties, and a reason for every one that is not chosen."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench_results import MODEL, write_results
from edgedoc_bench import results
from edgedoc_bench.choosing import Limits, choose, describe
from edgedoc_bench.pareto import frontier
from edgedoc_bench.ranking import Prefer
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
        (Limits(agreement=0.0), Prefer.MEMORY, "gguf int4"),
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


@pytest.mark.parametrize(
    ("prefer", "title", "best", "beside"),
    [
        (Prefer.SECONDS, "Fastest", "gguf int4", "Least memory: nano-reader gguf int4, 86.0 MB at peak"),
        (Prefer.SIZE, "Smallest", "gguf int4", "Fastest: nano-reader gguf int4, 0.500 s a document"),
    ],
)
def test_full_precision_is_not_chosen_for_want_of_figures(
    prefer: Prefer, title: str, best: str, beside: str, group: Group
) -> None:
    group = _unmeasured(group, *LOSSY)
    found = choose(group, Limits(), prefer)

    assert found.best is not None and (found.title, found.best.name) == (title, f"{MODEL} {best}")
    assert found.limits.text() == "no limits" and beside in found.beside
    assert found.caveat == (
        "Agreement was not measured, so whether one has 99.00% of full precision's tokens cannot be judged. Why not."
    )
    assert f"{title.lower()}: {MODEL} {best}" in describe(found, group)
    assert found.as_dict(group)["caveat"] == found.caveat
    nothing = tuple(replace(entry, quality=()) for entry in group.entries)
    assert choose(replace(group, entries=nothing), Limits()).caveat.startswith("Neither agreement nor quality")


@pytest.mark.parametrize("asked", [(Limits(agreement=0.9), Prefer.SECONDS), (Limits(), Prefer.AGREEMENT)])
def test_an_agreement_that_is_asked_for_and_was_not_measured_is_no_choice(
    asked: tuple[Limits, Prefer], group: Group
) -> None:
    found = choose(_unmeasured(group, *LOSSY), *asked)

    assert found.best is None and "cannot be judged. Why not." in found.caveat
    reasons = {entry.name: reason for entry, reason in found.fallen}
    assert reasons[f"{MODEL} gguf f32"] == "is full precision itself, with which nothing was compared"
    assert choose(group, *asked).caveat == ""


def test_those_whose_comparison_failed_are_named(group: Group) -> None:
    found = choose(_unmeasured(group, "onnx int8"), Limits())

    assert found.best is not None and found.best.name == f"{MODEL} gguf int8" and found.title == "To ship"
    assert found.caveat.endswith(f"was not measured: {MODEL} onnx int8. Why not.")
    assert choose(_unmeasured(group, "onnx int8"), Limits(agreement=0.0)).caveat == ""


def test_why_nothing_was_compared(tmp_path: Path) -> None:
    folder = write_results(tmp_path)
    (before,) = groups(results.read(folder))
    assert {entry.not_compared for entry in before.entries} == {None}
    path = folder / results.NAME
    whole = path.read_text("utf-8")

    def reasons(text: str) -> set[str | None]:
        path.write_text(text, "utf-8")
        (found,) = groups(results.read(folder))
        assert found.entries[0].full and found.entries[0].not_compared is None
        return {entry.not_compared for entry in found.models if not entry.full}

    (asked,) = reasons(whole.replace('"speed", "fidelity"', '"speed"'))
    assert asked is not None and asked.startswith('add "fidelity" to metrics')
    lines = [line for line in whole.splitlines(keepends=True) if json.loads(line).get("measure") != "fidelity"]
    (stopped,) = reasons("".join(lines))
    assert stopped is not None and "the bench was stopped" in stopped
    failed = [line.replace('"ok"', '"failed"') if "fidelity nano" in line else line for line in whole.splitlines(True)]
    assert reasons("".join(failed)) == {"the comparison failed: None"}


LOSSY = ("gguf int8", "gguf int4", "onnx int8")


def _unmeasured(group: Group, *names: str) -> Group:
    """The group without the comparisons of some artifacts."""
    lost = {f"{MODEL} {name}" for name in names}
    entries = (
        replace(entry, fidelity={}, not_compared="why not") if entry.name in lost else entry for entry in group.entries
    )
    return replace(group, entries=tuple(entries))


def test_frontier() -> None:
    points = [(1.0, 0.5), (2.0, 0.9), (3.0, 0.9), (1.0, 0.4), (4.0, 0.95), (0.5, 0.1)]

    assert frontier(points) == [5, 0, 1, 4]
    assert frontier([]) == []
    assert frontier([(1, 1), (1, 1)]) == [0]
