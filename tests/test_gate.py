"""Floors: held, broken, about nothing, raised and never lowered; and files that are none."""

from pathlib import Path

import pytest

from bench_results import MODEL, write_results
from edgedoc.errors import UsageError
from edgedoc_bench import gate, results

FLOORS = f"""\
# kept by hand
[[floor]]
cell = "{MODEL} gguf int8"
figure = "token_f1"
kind = "article"
at_least = 0.5 # for now

[[floor]]
cell = "{MODEL} gguf int8"
figure = "memory"
at_most = 90e6

[[floor]]
cell = "{MODEL} gguf int4"
set = "samples"
figure = "agreement"
at_least = 0.99
"""


@pytest.fixture
def floors(tmp_path: Path) -> Path:
    """A file of three floors, the last of which is broken."""
    path = tmp_path / "floors.toml"
    path.write_text(FLOORS, "utf-8")
    return path


@pytest.fixture
def found(tmp_path: Path) -> results.Results:
    """Results of `bench_results`."""
    return results.read(write_results(tmp_path / "results"))


def test_floors_hold_or_do_not(floors: Path, found: results.Results) -> None:
    outcomes = gate.check(found, gate.load(floors))

    assert [one.held for one in outcomes] == [True, True, False]
    assert outcomes[0].value == pytest.approx(0.9035)
    assert outcomes[2].text() == f"FAILED {MODEL} gguf int4, agreement: 0.95, at least 0.99"


def test_an_update_raises_and_never_lowers(floors: Path, found: results.Results) -> None:
    changed = gate.update(floors, gate.check(found, gate.load(floors)))
    text = floors.read_text("utf-8")

    assert len(changed) == 2
    assert "at_least = 0.9035 # for now" in text and text.startswith("# kept by hand")
    assert "at_most = 88000000.0" in text
    assert "at_least = 0.99\n" in text, "broken, and so left as it was"
    again = gate.check(found, gate.load(floors))
    assert [one.held for one in again] == [True, True, False], "a raised floor holds for what raised it"
    assert gate.update(floors, again) == []


def test_worse_results_do_not_move_a_floor(floors: Path, found: results.Results, tmp_path: Path) -> None:
    gate.update(floors, gate.check(found, gate.load(floors)))
    before = floors.read_text("utf-8")
    worse = results.read(write_results(tmp_path / "worse", worse=0.2))
    outcomes = gate.check(worse, gate.load(floors))

    assert not outcomes[0].held
    assert gate.update(floors, outcomes) == []
    assert floors.read_text("utf-8") == before


def test_a_floor_about_what_was_not_measured_does_not_hold(floors: Path, found: results.Results) -> None:
    floors.write_text('[[floor]]\ncell = "nobody"\nfigure = "seconds"\nat_most = 1\n', "utf-8")
    (outcome,) = gate.check(found, gate.load(floors))

    assert not outcome.held and "not measured" in outcome.text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"no \[\[floor\]\]|floor"),
        ("x = ", "no file of floors"),
        ('[[floor]]\ncell = "a"\nfigure = "token_f1"\nat_least = "x"\nkind = "k"', "at_least"),
        ('[[floor]]\ncell = "a"\nfigure = "token-f1"\nat_least = 1\nkind = "k"', "Did you mean token_f1"),
        ('[[floor]]\ncell = "a"\nfigure = "token_f1"\nat_least = 1', "kind of document"),
        ('[[floor]]\ncell = "a"\nfigure = "seconds"', "either at_least or at_most"),
        ('[[floor]]\ncell = "a"\nfigure = "seconds"\nat_least = 1\nat_most = 2', "either at_least or at_most"),
        ('[[floor]]\ncel = "a"\nfigure = "seconds"\nat_least = 1', "cel"),
    ],
)
def test_files_that_are_none(text: str, message: str, floors: Path) -> None:
    floors.write_text(text, "utf-8")

    with pytest.raises(UsageError, match=message):
        gate.load(floors)


def test_bounds_that_share_a_line_are_not_rewritten(floors: Path, found: results.Results) -> None:
    text = f'floor = [{{cell = "{MODEL} gguf int8", figure = "memory", at_most = 90e6}}]\n'
    floors.write_text(text, "utf-8")

    with pytest.raises(UsageError, match="line of its own"):
        gate.update(floors, gate.check(found, gate.load(floors)))
    assert floors.read_text("utf-8") == text


def test_the_committed_floors_are_about_the_quick_suite() -> None:
    for floor in gate.load(Path(__file__).parents[1] / "bench" / "floors.toml"):
        assert floor.set == "samples" and floor.cell.startswith(MODEL)
