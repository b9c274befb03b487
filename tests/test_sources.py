"""From a name to a base and an adapter over it: recipes, folders, hub ids, 4-bit bases and what is missing."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapter_files import write_adapter
from edgedoc.errors import CheckpointError, MissingModelError, UsageError
from edgedoc.hub import Snapshot
from edgedoc.recipes import load_recipe
from edgedoc_export.dense import dense_twin
from edgedoc_export.merged import Merged
from edgedoc_export.sources import find_family, find_source

Q = "model.layers.0.self_attn.q_proj"
ADAPTER_COMMIT, BASE_COMMIT = "a" * 40, "b" * 40


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """A LoRA over one matrix of `checkpoint_folder`, with a chunker's recipe."""
    parts = {"lora_A": np.ones((2, 256), np.float32), "lora_B": np.ones((256, 2), np.float32)}
    folder = write_adapter(tmp_path / "adapter", {"r": 2, "lora_alpha": 2, "target_modules": None}, {Q: parts})
    (folder / "recipe.toml").write_text(load_recipe("text-seg-lm-simple").to_toml(), "utf-8")
    return folder


@pytest.fixture
def hub(adapter: Path, checkpoint_folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str | None]]:
    """A hub with Jina's adapter and its base; what was asked of it. The adapter's folder is yours to change."""
    (adapter / "recipe.toml").unlink()
    (checkpoint_folder / "recipe.toml").unlink()
    asked: list[tuple[str, str | None]] = []
    found = {"jinaai/text-seg-lm-qwen2-0.5b": adapter, "Qwen/Qwen2-0.5B-Instruct": checkpoint_folder}

    def fetch(hub_id: str, revision: str | None = None, *, progress: bool = False) -> Snapshot:
        asked.append((hub_id, revision))
        if hub_id not in found:
            raise MissingModelError(f"{hub_id} is not in the cache.")
        return Snapshot(path=found[hub_id], commit=ADAPTER_COMMIT if found[hub_id] == adapter else BASE_COMMIT)

    monkeypatch.setattr("edgedoc_export.locate.fetch", fetch)
    return asked


def configure(folder: Path, **changes: object) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("hub_id", "expected"),
    [
        ("unsloth/Qwen2-0.5B-Instruct-bnb-4bit", "Qwen/Qwen2-0.5B-Instruct"),
        ("unsloth/qwen2-0.5b-instruct-bnb-4bit", "Qwen/Qwen2-0.5B-Instruct"),
        ("unsloth/Qwen2.5-1.5B-unsloth-bnb-4bit", "Qwen/Qwen2.5-1.5B"),
        ("unsloth/Qwen2.5-Coder-7B-Instruct-bnb-4bit", "Qwen/Qwen2.5-Coder-7B-Instruct"),
        ("Qwen/Qwen2-0.5B-Instruct-GPTQ-Int4", "Qwen/Qwen2-0.5B-Instruct"),
        ("Qwen/Qwen2-1.5B-Instruct-AWQ", "Qwen/Qwen2-1.5B-Instruct"),
        ("Qwen/Qwen2-0.5B-Instruct", None),
        ("unsloth/Qwen2-0.5B-Instruct", None),
        ("unsloth/llama-3-8b-bnb-4bit", None),
        ("someone/Qwen2-0.5B-Instruct-bnb-4bit", None),
    ],
)
def test_the_dense_twin_of_a_quantised_base(hub_id: str, expected: str | None) -> None:
    assert dense_twin(hub_id) == expected


@pytest.mark.parametrize("name", ["text-seg-lm-simple", "jinaai/text-seg-lm-qwen2-0.5b"])
def test_a_hub_adapter_over_a_4_bit_base(
    hub: list[tuple[str, str | None]], adapter: Path, checkpoint_folder: Path, name: str
) -> None:
    configure(adapter, base_model_name_or_path="unsloth/qwen2-0.5b-instruct-bnb-4bit", revision="of the copy")
    source = find_source(name, revision="v1")
    assert hub == [("jinaai/text-seg-lm-qwen2-0.5b", "v1"), ("Qwen/Qwen2-0.5B-Instruct", None)]
    assert (source.folder, source.recipe.name) == (checkpoint_folder, "text-seg-lm-simple")
    assert source.recipe.source.base == "Qwen/Qwen2-0.5B-Instruct"
    origin = source.origin
    assert (origin.id, origin.revision) == ("jinaai/text-seg-lm-qwen2-0.5b", ADAPTER_COMMIT)
    assert (origin.base, origin.base_revision) == ("Qwen/Qwen2-0.5B-Instruct", BASE_COMMIT)
    assert origin.trained_on == "unsloth/qwen2-0.5b-instruct-bnb-4bit"
    assert origin.adapter == "LoRA of rank 2"
    assert isinstance(source.open(), Merged)


def test_a_dense_base_is_taken_at_its_revision(hub: list[tuple[str, str | None]], adapter: Path) -> None:
    configure(adapter, base_model_name_or_path="Qwen/Qwen2-0.5B-Instruct", revision="c" * 40)
    assert find_source("text-seg-lm-simple").origin.trained_on is None
    assert hub[-1] == ("Qwen/Qwen2-0.5B-Instruct", "c" * 40)


def test_a_local_adapter_names_its_base(adapter: Path, checkpoint_folder: Path) -> None:
    configure(adapter, base_model_name_or_path=str(checkpoint_folder))
    source = find_source(adapter)
    assert (source.folder, source.tokenizer) == (checkpoint_folder, checkpoint_folder)
    assert (source.origin.base, source.origin.trained_on) == (str(checkpoint_folder), None)
    configure(adapter, base_model_name_or_path="nano-reader")
    assert find_source(adapter).origin.base == "nano-reader"


def test_a_folder_may_have_borrowed_its_recipe(adapter: Path, checkpoint_folder: Path) -> None:
    text = load_recipe("text-seg-lm-simple").to_toml()
    (adapter / "recipe.toml").write_text(text.replace("[source]", '[source]\nbase = "nano-reader"'), "utf-8")
    configure(adapter, base_model_name_or_path=str(checkpoint_folder))
    assert find_source(adapter).folder == checkpoint_folder
    configure(adapter, base_model_name_or_path="/home/trainer/base")
    source = find_source(adapter)
    assert (source.origin.base, source.origin.trained_on) == ("nano-reader", "/home/trainer/base")


def test_an_adapter_over_a_named_model(adapter: Path, checkpoint_folder: Path) -> None:
    configure(adapter, base_model_name_or_path="/home/trainer/base")
    source = find_source(checkpoint_folder, adapter=adapter)
    assert (source.folder, source.recipe.name) == (checkpoint_folder, "text-seg-lm-simple")
    assert source.origin.trained_on == "/home/trainer/base"
    assert find_source(checkpoint_folder, adapter=adapter, recipe="nano-reader").recipe.name == "nano-reader"


def test_a_recipe_file_names_its_base(adapter: Path, tmp_path: Path, hub: list[tuple[str, str | None]]) -> None:
    text = load_recipe("text-seg-lm-simple").to_toml()
    (tmp_path / "mine.toml").write_text(text.replace("[source]", '[source]\nbase = "nano-reader"'), "utf-8")
    assert find_source(str(tmp_path / "mine.toml")).origin.base == "nano-reader"


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("", "does not name the base.*--adapter adapter"),
        ("/home/trainer/base", "no folder here, no recipe and no hub id.*edgedoc export BASE_FOLDER --adapter"),
        ("Qwen/Qwen2-7B", "needs its base, Qwen/Qwen2-7B. Qwen/Qwen2-7B is not in the cache.*Name a copy"),
    ],
)
def test_a_base_that_is_not_there(hub: list[tuple[str, str | None]], adapter: Path, base: str, expected: str) -> None:
    configure(adapter, base_model_name_or_path=base)
    with pytest.raises(MissingModelError, match=expected):
        find_source(adapter, recipe="text-seg-lm-simple")


def test_things_that_are_no_adapter_or_no_base(adapter: Path, checkpoint_folder: Path) -> None:
    with pytest.raises(CheckpointError, match="no PEFT adapter"):
        find_source(checkpoint_folder, adapter=checkpoint_folder)
    with pytest.raises(CheckpointError, match="an adapter itself"):
        find_source(adapter, adapter=adapter)
    (adapter / "recipe.toml").unlink()
    with pytest.raises(UsageError, match="--recipe"):
        find_source(checkpoint_folder, adapter=adapter)


def test_the_adapters_tokenizer_counts_when_it_has_not_grown(
    adapter: Path, checkpoint_folder: Path, tokenizer_tables: dict[str, Any]
) -> None:
    shutil.copyfile(checkpoint_folder / "tokenizer.json", adapter / "tokenizer.json")
    assert find_source(checkpoint_folder, adapter=adapter).tokenizer == adapter
    grown = {**tokenizer_tables, "added_tokens": [*tokenizer_tables["added_tokens"], {"id": 500, "content": "<|x|>"}]}
    (adapter / "tokenizer.json").write_text(json.dumps(grown))
    assert find_source(checkpoint_folder, adapter=adapter).tokenizer == checkpoint_folder
    (checkpoint_folder / "tokenizer.json").unlink()
    assert find_source(checkpoint_folder, adapter=adapter).tokenizer == adapter


def test_a_family_over_one_base(adapter: Path, checkpoint_folder: Path, tmp_path: Path) -> None:
    other = shutil.copytree(adapter, tmp_path / "other")
    (other / "recipe.toml").write_text(load_recipe("text-seg-lm-topic").to_toml(), "utf-8")
    base, over = find_family(checkpoint_folder, (adapter, other))
    assert (base.recipe.name, base.adapter) == ("nano-reader", None)
    assert [source.recipe.name for source in over] == ["text-seg-lm-simple", "text-seg-lm-topic"]
    with pytest.raises(UsageError, match="Two adapters have the recipe text-seg-lm-simple"):
        find_family(checkpoint_folder, (adapter, adapter))
    # A base without a recipe borrows one, but not the name of what was tuned.
    (checkpoint_folder / "recipe.toml").unlink()
    base, _ = find_family(checkpoint_folder, (adapter, other))
    assert (base.recipe.name, base.recipe.identity.finetune) == ("text-seg-lm-simple", None)


def test_a_family_of_one_brings_its_base(adapter: Path, checkpoint_folder: Path) -> None:
    configure(adapter, base_model_name_or_path=str(checkpoint_folder))
    base, [over] = find_family(adapter, ())
    assert (base.folder, base.recipe.name, over.recipe.name) == (checkpoint_folder, "nano-reader", "text-seg-lm-simple")
    with pytest.raises(UsageError, match="is no adapter"):
        find_family(checkpoint_folder, ())
