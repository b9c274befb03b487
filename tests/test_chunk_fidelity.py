"""Fidelity of chunkers: full precision agrees with itself, four bits less, and misquoted heads are told apart."""

import pytest

from edgedoc.artifact import Artifact
from edgedoc.documents.blocks import blocks
from edgedoc.documents.boundaries import candidates
from edgedoc.documents.flat import Flat
from edgedoc.documents.matching import find_heads
from edgedoc.errors import UsageError
from edgedoc_bench.chunk_fidelity import RATES, compare_chunkers
from edgedoc_bench.chunk_rows import Bill

pytest.importorskip("llama_cpp")
pytest.importorskip("gguf")
TEXT = (
    "# Bees\n\nA roof is warm and dry.\n\n## What you need\n\nA hive and a veil.\n\n## Winter\n\nClose the entrance.\n"
)


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    """The bundled chunker at full precision and at four bits."""
    from edgedoc_export.build import export

    folder = tmp_path_factory.mktemp("chunkers")
    return {
        preset: Artifact.open(export("nano-chunker-simple", preset=preset, out=folder / preset, threads=1))
        for preset in ("f32", "int4")
    }


def test_full_precision_agrees_with_itself(artifacts: dict[str, Artifact]) -> None:
    found = compare_chunkers(artifacts["f32"], artifacts["f32"], [TEXT], threads=1)

    assert (found["top1_agreement"], found["kl_mean"], found["agreement_share"], found["cuts_f1"]) == (1, 0, 1, 1)
    assert found["perplexity_ratio"] == pytest.approx(1)
    assert all(found[name] == found[f"reference_{name}"] for name in RATES)


def test_four_bits_differ(artifacts: dict[str, Artifact]) -> None:
    found = compare_chunkers(artifacts["f32"], artifacts["int4"], [TEXT], threads=1)

    assert (found["kl_mean"] or 0) > 0
    assert found["perplexity_ratio"] != 1
    assert all(0 <= (found[name] or 0) <= 1 for name in (*RATES, "cuts_f1", "agreement_share", "top1_agreement"))


def test_texts_of_blanks_are_nothing_to_compare(artifacts: dict[str, Artifact]) -> None:
    with pytest.raises(UsageError, match="nothing to compare"):
        compare_chunkers(artifacts["f32"], artifacts["int4"], [" \n"], threads=1)


def test_order_is_the_share_of_known_heads_in_the_texts_order() -> None:
    bill = Bill(heads=4, matched=2, misplaced=1)

    assert bill.as_dict()["order_rate"] == pytest.approx(2 / 3)
    assert Bill().as_dict()["order_rate"] == 1
    flat = Flat(TEXT, 0, len(TEXT))
    places = [0, *(place.position for place in candidates(TEXT, blocks(TEXT)))]
    assert find_heads(["Close the entrance", "A hive and a veil"], flat, places)[1] is None
    assert find_heads(["A hive and a veil"], flat, places) != [None]
