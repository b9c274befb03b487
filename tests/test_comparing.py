"""Two benches compared: what changed, what may be chance, and what must not be compared."""

from pathlib import Path

import pytest

from bench_results import MODEL, write_results
from edgedoc.errors import UsageError
from edgedoc_bench import results
from edgedoc_bench.comparing import Change, compare, describe
from edgedoc_bench.results import Results


def _read(
    folder: Path, *, slower: float = 1.0, worse: float = 0.0, fingerprint: str = "a" * 16, sha: str = "1"
) -> Results:
    return results.read(write_results(folder, slower=slower, worse=worse, fingerprint=fingerprint, sha=sha))


def _change(found: tuple[Change, ...], cell: str, figure: str, kind: str = "") -> Change:
    (one,) = (one for one in found if (one.cell, one.figure, one.kind) == (cell, figure, kind))
    return one


def test_what_changed_is_certain_and_what_did_not_is_level(tmp_path: Path) -> None:
    found = compare(_read(tmp_path / "a"), _read(tmp_path / "b", slower=1.5, worse=0.1))
    seconds = _change(found.changes, f"{MODEL} gguf int8", "s/document")
    quality = _change(found.changes, f"{MODEL} gguf int8", "token F1", "article")

    assert seconds.interval is not None and seconds.interval.mean == pytest.approx(0.5) and seconds.interval.certain
    assert quality.interval is not None and quality.interval.mean == pytest.approx(-0.1)
    assert not found.labels and not found.alone
    level = _change(found.changes, "rules", "s/document")
    assert level.interval is not None and not level.interval.certain
    assert _change(found.changes, f"{MODEL} gguf int8", "token F1", "thread").interval is None, "three documents"


def test_the_words_leave_out_what_may_be_chance(tmp_path: Path) -> None:
    found = compare(_read(tmp_path / "a"), _read(tmp_path / "b", worse=0.1))
    text, everything = describe(found), describe(found, everything=True)

    assert "-0.1000 (-0.1000 to -0.1000)" in text
    assert "+0.0% (+0.0% to +0.0%), may be chance" in text
    assert "TER" not in text and "TER" in everything
    assert "are left out; --all shows them" in text


@pytest.mark.parametrize(
    ("other", "message"), [({"fingerprint": "b" * 16}, "another machine"), ({"sha": "2"}, "another artifact behind")]
)
def test_what_was_not_measured_alike_is_refused_or_labelled(
    other: dict[str, str], message: str, tmp_path: Path
) -> None:
    one = _read(tmp_path / "a")
    two = results.read(write_results(tmp_path / "b", **other))  # type: ignore[arg-type]

    with pytest.raises(UsageError, match=message):
        compare(one, two)
    found = compare(one, two, anyway=True)
    assert any(message in label for label in found.labels)
    assert describe(found).startswith("Not alike: ")


def test_other_versions_are_a_label_and_no_refusal(tmp_path: Path) -> None:
    one, two = _read(tmp_path / "a"), _read(tmp_path / "b")
    two.machine["packages"] = {"edgedoc": "0.2.0", "numpy": "2.0"}

    assert compare(one, two).labels == ("other versions: edgedoc 0.1.0 and 0.2.0",)


def test_changes_are_data(tmp_path: Path) -> None:
    found = compare(_read(tmp_path / "a"), _read(tmp_path / "b"))

    assert found.changes[0].as_dict()["certain"] is False
    assert {"cell", "figure", "kind", "a", "b", "difference"} <= found.changes[0].as_dict().keys()
