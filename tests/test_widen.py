"""A widened checkpoint computes what the small one computes, also after it went through the exporter."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import qwen2_reference
from edgedoc.errors import UsageError
from edgedoc.recipes import load_recipe
from edgedoc_export.checkpoint import Checkpoint
from edgedoc_export.gguf import write_gguf
from edgedoc_export.qwen2 import Qwen2Config
from edgedoc_export.widen import widen
from llama_reference import LlamaModel

TOKENS = np.random.default_rng(3).integers(0, 500, 48).tolist()


def test_groups_of_query_heads_stay_with_their_keys(
    checkpoint_folder: Path, tiny_config: Qwen2Config, tmp_path: Path
) -> None:
    shapes = replace(tiny_config, hidden_size=896, layers=4, heads=14, intermediate_size=640, vocab_size=600)
    wide = widen(Checkpoint.open(checkpoint_folder), shapes, tmp_path / "wide")
    small = qwen2_reference.forward(checkpoint_folder, TOKENS)
    large = qwen2_reference.forward(wide, TOKENS)
    assert np.abs(large[:, :512] - small).max() <= 1e-4 * np.abs(small).max()
    assert np.array_equal(large.argmax(1), small.argmax(1))
    config = Checkpoint.open(wide).config
    assert (config.hidden_size, config.layers, config.heads, config.vocab_size) == (896, 4, 14, 600)


def test_llama_cpp_says_the_same_token_for_token(
    checkpoint_folder: Path, tiny_config: Qwen2Config, tmp_path: Path
) -> None:
    pytest.importorskip("gguf")
    shapes = replace(tiny_config, hidden_size=512, layers=3, heads=8, intermediate_size=640, vocab_size=600)
    wide = widen(Checkpoint.open(checkpoint_folder), shapes, tmp_path / "wide")
    found = []
    for folder in (checkpoint_folder, wide):
        path = tmp_path / f"{folder.name}.gguf"
        write_gguf(Checkpoint.open(folder), folder, load_recipe("nano-reader"), path, "f32")
        with LlamaModel(path) as model:
            found.append(model.logits(TOKENS))
    assert np.array_equal(found[0].argmax(1), found[1].argmax(1))
    assert np.abs(found[1][:, :512] - found[0]).max() <= 1e-3 * np.abs(found[0]).max()


def test_added_rows_tie_with_the_filler(checkpoint_folder: Path, tiny_config: Qwen2Config, tmp_path: Path) -> None:
    wide = widen(Checkpoint.open(checkpoint_folder), replace(tiny_config, vocab_size=520), tmp_path / "wide", filler=7)
    logits = qwen2_reference.forward(wide, TOKENS)
    assert np.allclose(logits[:, 512:], logits[:, 7:8], rtol=1e-5)


def test_more_groups_work_too(checkpoint_folder: Path, tiny_config: Qwen2Config, tmp_path: Path) -> None:
    shapes = replace(tiny_config, hidden_size=64 * 12, heads=12, kv_heads=4)
    wide = widen(Checkpoint.open(checkpoint_folder), shapes, tmp_path / "wide")
    small, large = (qwen2_reference.forward(folder, TOKENS) for folder in (checkpoint_folder, wide))
    assert np.abs(large - small).max() <= 1e-4 * np.abs(small).max()


def test_bf16_matrices_keep_a_bf16_checkpoint_exact(
    checkpoint_folder: Path, tiny_config: Qwen2Config, tmp_path: Path
) -> None:
    shapes = replace(tiny_config, hidden_size=512, heads=8, vocab_size=520)
    wide = widen(Checkpoint.open(checkpoint_folder), shapes, tmp_path / "wide", dtype="BF16")
    small, large = (qwen2_reference.forward(folder, TOKENS) for folder in (checkpoint_folder, wide))
    assert np.abs(large[:, :512] - small).max() <= 1e-4 * np.abs(small).max()


def test_shapes_that_are_not_wider_are_refused(
    checkpoint_folder: Path, tiny_config: Qwen2Config, tmp_path: Path
) -> None:
    checkpoint = Checkpoint.open(checkpoint_folder)
    for shapes, expected in (
        (replace(tiny_config, hidden_size=448, heads=7, kv_heads=1), "kv_heads from 2 to 1"),
        (replace(tiny_config, layers=1), "layers from 2 to 1"),
        (replace(tiny_config, heads=8, head_dim=32), "heads of 64 to 32"),
    ):
        with pytest.raises(UsageError, match=expected):
            widen(checkpoint, shapes, tmp_path / "wide")
