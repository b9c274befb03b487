"""The heads bench: a merged model written out is the same model, and the page says what targets are met."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgedoc.artifact import TOKENIZER
from edgedoc_bench.heads_bench import Cost, materialise, page, ratios
from edgedoc_bench.machine import describe
from edgedoc_export.checkpoint import Checkpoint

COST = Cost(decode_steps=10, seconds=2.0, heads=4, matched=4, windows=2, windows_lost=0, chunks=4)
FREE = Cost(decode_steps=50, seconds=3.0, heads=5, matched=3, windows=2, windows_lost=1, chunks=3)


def test_what_is_written_is_what_was_merged(checkpoint_folder: Path, tmp_path: Path) -> None:
    source = Checkpoint.open(checkpoint_folder)
    found = Checkpoint.open(materialise(source, checkpoint_folder, tmp_path / "merged"))

    assert found.config == source.config
    assert list(found.names()) == list(source.names())
    for name in source.names():
        assert found.dtype(name) == "F32"
        assert np.array_equal(found.read(name), source.read(name))
    assert (found.folder / TOKENIZER).read_bytes() == (checkpoint_folder / TOKENIZER).read_bytes()


def test_ratios_are_by_document_and_never_by_zero() -> None:
    found = ratios([COST, replace(COST, decode_steps=0)], [FREE, replace(FREE, decode_steps=0)])

    assert (found["decode_steps"].lowest, found["decode_steps"].highest) == (1.0, 5.0)
    assert found["seconds"].median == pytest.approx(1.5)


def test_the_page_says_which_target_is_met() -> None:
    costs = {"constrained": [COST, COST], "free": [FREE, FREE], "free, drafted": [COST, FREE]}
    told = page(describe(), "A model.", costs)

    assert "decode steps, free over constrained by document: 5.0 (5.0-5.0); at least 3 met" in told
    assert "seconds, free over constrained by document: 1.5 (1.5-1.5); at least 2 NOT met" in told
    assert "seconds, free, drafted, over constrained by document: 1.2 (1.0-1.5)" in told
    assert "8 of 8" in told and "6 of 10" in told and "2 of 4" in told
