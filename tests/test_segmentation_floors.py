"""The real segmented documents, where they are at hand: recorded floors come out again, headings give the segments."""

import json
from pathlib import Path

import pytest

from edgedoc_bench.chunk_rows import Row, floor_row, heading_row
from edgedoc_bench.segmentation_data import load
from edgedoc_bench.segmentation_document import Layout

DATA = Path(__file__).parents[2] / "shared" / "data" / "segmentation"
SETS = ("choi", "lectures", "manifesto", "markdown", "openstax", "qmsum", "wiki50")

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the segmented documents are not on this machine")


@pytest.mark.parametrize("name", SETS)
def test_recorded_floors_come_out_again(name: str) -> None:
    recorded = json.loads((DATA / "FLOORS.json").read_text("utf-8"))[name]
    documents = load(DATA, name)

    assert len(documents) == recorded["docs"]
    for floor in ("none", "all", "uniform"):
        assert _figures(floor_row(floor, documents, recorded["mean_len"], 1)) == pytest.approx(
            recorded[floor], abs=6e-4
        )


def _figures(row: Row) -> list[float | None]:
    return [row.summary.pk_macro, row.summary.wd_macro, row.summary.f1_macro]


def test_headings_give_the_segments_of_markdown() -> None:
    documents = load(DATA, "markdown", 40)
    row = heading_row(documents, [Layout.kept(one) for one in documents])

    assert row.summary.pk_macro is not None and row.summary.pk_macro < 0.005
    assert row.summary.f1_micro > 0.995 and row.cuts_inside == 0
