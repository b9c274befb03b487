"""What chunkers are compared on: their own prompts, an answer in each mode's form; adapters apart, by name."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapter_files import write_adapter
from edgedoc.artifact import Artifact
from edgedoc.recipes import Mode, Task, load_recipe
from edgedoc.tasks.answers import parse
from edgedoc.tokens import Tokenizer
from edgedoc_bench.chunk_passages import answer_of, read_chunked
from edgedoc_bench.fidelity import bar, compare, describe

PAGES = [b"<h1>Hello</h1><p>The quick brown fox.</p><p>The lazy dog.</p>", b"<nav></nav>"]
# A head is the text from a block's start on, whatever block it runs into.
HEADS = ["# Hello The quick brown fox. The lazy dog.", "The lazy dog."]


@pytest.mark.parametrize("mode", Mode)
def test_answers_are_what_the_parser_reads(mode: Mode) -> None:
    found = parse(answer_of(mode, HEADS))
    assert [item.head for item in found] == HEADS
    assert [item.topic for item in found] == (HEADS if mode is Mode.TOPIC else [None, None])
    assert [item.summary for item in found] == (HEADS if mode is Mode.SUMMARY else [None, None])


@pytest.mark.parametrize("name", ["text-seg-lm-simple", "nano-chunker-simple"])
def test_passages_are_the_prompt_and_every_block(tokenizer_file: Path, name: str) -> None:
    tokenizer, recipe = Tokenizer.from_file(tokenizer_file), load_recipe(name)
    [passage] = read_chunked(PAGES, recipe, tokenizer, 2048)
    asked = tokenizer.decode(passage.tokens[: passage.answer_row + 1])
    answer = tokenizer.decode(passage.tokens[passage.answer_row + 1 :])
    assert asked.endswith("### Response:\n")
    assert [item.head for item in parse(answer)] == HEADS
    assert recipe.chunking is not None
    assert ("# Hello The quick" in asked) == recipe.chunking.collapse


def test_long_pages_become_windows(tokenizer_file: Path) -> None:
    tokenizer, recipe = Tokenizer.from_file(tokenizer_file), load_recipe("nano-chunker-simple")
    found = read_chunked([b"<p>The quick brown fox.</p>" * 100], replace(recipe, window=200), tokenizer, 1024)
    assert len(found) > 1
    assert max(len(passage.tokens) for passage in found) <= 1024


def test_chunkers_have_bars_of_their_own() -> None:
    assert bar("int8", Task.CHUNKER) < bar("int8")


def test_adapters_apart_are_compared_by_name(
    tiny_config: Any, tokenizer_tables: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("gguf")
    pytest.importorskip("llama_cpp")
    from edgedoc_export.build import export
    from edgedoc_export.random_weights import random_checkpoint

    base = random_checkpoint(tiny_config, tmp_path / "base", seed=2, spread=0.08, tokenizer=False)
    (base / "tokenizer.json").write_text(json.dumps(tokenizer_tables), "utf-8")
    (base / "recipe.toml").write_text(replace(load_recipe("nano-reader"), context=1024, window=300).to_toml(), "utf-8")
    generator = np.random.default_rng(0)
    parts = {
        "lora_A": generator.standard_normal((4, 256)).astype(np.float32),
        "lora_B": generator.standard_normal((512, 4)).astype(np.float32) * np.float32(0.1),
    }
    config = {"r": 4, "lora_alpha": 4, "base_model_name_or_path": str(base)}
    adapter = write_adapter(tmp_path / "adapter", config, {"model.layers.0.mlp.up_proj": parts})
    recipe = replace(load_recipe("nano-chunker-simple"), context=1024, window=300)
    (adapter / "recipe.toml").write_text(recipe.to_toml(), "utf-8")
    merged = export(adapter, preset="f32", out=tmp_path / "merged", threads=1)
    apart = Artifact.open(export(base, adapter=adapter, unmerged=True, preset="f32", out=tmp_path / "apart", threads=1))
    assert compare(apart.adapted("simple"), str(merged), PAGES).answer.kl_mean < 1e-4
    # By its recipe's name, whose own weights would be exported: here an artifact of the same name stands for them.
    merged.rename(tmp_path / "nano-chunker-simple")
    monkeypatch.chdir(tmp_path)
    found = compare(apart, "nano-chunker-simple", PAGES)
    assert found.answer.kl_mean < 1e-4
    assert "cut at every block" in describe(found)
    assert compare(apart, str(base), PAGES).answer.kl_mean < 1e-4
