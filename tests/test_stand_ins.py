"""Checkpoints that stand in for the real ones: made once, and never half."""

from pathlib import Path
from typing import Any

import pytest

from edgedoc_bench.stand_ins import StandIn, make_stand_in
from edgedoc_export import random_weights, widen
from edgedoc_export.checkpoint import Checkpoint
from edgedoc_export.qwen2 import Qwen2Config

SHAPES = Qwen2Config(
    hidden_size=384,
    layers=5,
    heads=6,
    kv_heads=2,
    head_dim=64,
    intermediate_size=768,
    vocab_size=3000,
    rope_theta=2e6,
    rms_norm_eps=1e-6,
    tie_word_embeddings=True,
    max_position_embeddings=4096,
)


@pytest.mark.parametrize(("kind", "context"), [(StandIn.WIDENED, 2048), (StandIn.RANDOM, 4096)])
def test_it_has_the_shapes(kind: StandIn, context: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random_weights, "READER_LM_05B", SHAPES)
    folder = make_stand_in(kind, "nano-reader", tmp_path / "checkpoints" / "wide")
    found = Checkpoint.open(folder).config
    assert (found.layers, found.hidden_size, found.vocab_size) == (5, 384, 3000)
    assert found.max_position_embeddings == context
    assert (folder / "tokenizer.json").is_file()
    (folder / "mark").touch()
    assert make_stand_in(kind, "nano-reader", folder) == folder and (folder / "mark").exists()


def test_one_that_was_not_finished_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: Any, **more: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(widen, "widen", fail)
    with pytest.raises(KeyboardInterrupt):
        make_stand_in(StandIn.WIDENED, "nano-reader", tmp_path / "wide")
    assert list(tmp_path.iterdir()) == []
