"""The whole export of an adapter: merged into every kind of artifact, and what its folder and manifest say."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import qwen2_reference
from adapter_files import write_adapter
from edgedoc import engines
from edgedoc.artifact import Artifact
from edgedoc.errors import CheckpointError
from edgedoc.recipes import load_recipe
from edgedoc_export.adapter import Adapter
from edgedoc_export.build import export
from edgedoc_export.checkpoint import Checkpoint
from edgedoc_export.dtypes import Values
from edgedoc_export.merged import merge
from edgedoc_export.safetensors_writer import write_safetensors
from edgedoc_export.vocabulary import template_of
from llama_reference import LlamaModel

gguf = pytest.importorskip("gguf")
pytest.importorskip("llama_cpp")

MODULES = {"self_attn.q_proj": (256, 256), "mlp.down_proj": (256, 512)}
TOKENS = np.random.default_rng(0).integers(0, 512, 64).tolist()


@pytest.fixture
def adapter(checkpoint_folder: Path, tmp_path: Path) -> Path:
    """A LoRA in f16 over `checkpoint_folder`, which it names as its base; with a chunker's recipe and a licence."""
    generator = np.random.default_rng(5)
    parts: dict[str, dict[str, Values]] = {}
    for layer in range(2):
        for name, (outputs, inputs) in MODULES.items():
            a, b = (generator.standard_normal(shape) * 0.05 for shape in ((8, inputs), (outputs, 8)))
            parts[f"model.layers.{layer}.{name}"] = {"lora_A": a.astype(np.float16), "lora_B": b.astype(np.float16)}
    config = {"r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "down_proj"]}
    folder = write_adapter(tmp_path / "adapter", {**config, "base_model_name_or_path": str(checkpoint_folder)}, parts)
    recipe = replace(load_recipe("text-seg-lm-simple"), context=1024, window=400)
    (folder / "recipe.toml").write_text(recipe.to_toml(), "utf-8")
    (folder / "LICENSE").write_text("the adapter's terms")
    (checkpoint_folder / "LICENSE").write_text("the base's terms")
    return folder


@pytest.fixture
def merged_folder(adapter: Path, checkpoint_folder: Path, tmp_path: Path) -> Path:
    """The merge as a checkpoint in f32: an export of it must be an export of the adapter."""
    merged = merge(Checkpoint.open(checkpoint_folder), Adapter.open(adapter), "base")
    folder = shutil.copytree(checkpoint_folder, tmp_path / "merged")
    layout = {name: (merged.dtype(name), merged.shape(name)) for name in merged.names()}
    slabs = (slab for name in merged.names() for slab in merged.slabs(name))
    write_safetensors(folder / "model.safetensors", layout, slabs)
    shutil.copyfile(adapter / "recipe.toml", folder / "recipe.toml")
    return folder


def test_logits_are_those_of_the_merged_weights(adapter: Path, merged_folder: Path, tmp_path: Path) -> None:
    """Against an implementation of the forward pass in numpy, which has never heard of adapters."""
    artifact = Artifact.open(export(adapter, preset="f32", out=tmp_path / "made", threads=1))
    expected = qwen2_reference.forward(merged_folder, TOKENS)
    with LlamaModel(artifact.model_path) as model:
        found = model.logits(TOKENS)
    assert np.abs(found - expected).max() <= 1e-3 * np.abs(expected).max()


@pytest.mark.parametrize("preset", ["f32", "bf16", "int8", "int4"])
def test_every_preset_is_that_of_the_merged_checkpoint(
    adapter: Path, merged_folder: Path, tmp_path: Path, preset: str
) -> None:
    made = [
        {
            tensor.name: tensor.data.tobytes()
            for tensor in gguf.GGUFReader(
                Artifact.open(export(source, preset=preset, out=tmp_path / name, threads=1)).model_path
            ).tensors
        }
        for name, source in (("from-adapter", adapter), ("from-whole", merged_folder))
    ]
    assert made[0] == made[1]


def test_onnx_takes_adapters_too(adapter: Path, merged_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    rows = []
    for name, source in (("from-adapter", adapter), ("from-whole", merged_folder)):
        folder = export(source, format="onnx", preset="int8", out=tmp_path / name)
        Artifact.open(folder).check()
        engine = engines.load(folder, threads=1, context_length=256)
        rows.append(engine.extend(TOKENS, 4))
        engine.close()
    assert np.array_equal(rows[0], rows[1])


def test_the_folder_says_what_it_is(adapter: Path, checkpoint_folder: Path, tmp_path: Path) -> None:
    told: list[str] = []
    made = export(checkpoint_folder, adapter=adapter, preset="int8", out=tmp_path / "made", notice=told.append)
    artifact = Artifact.open(made)
    artifact.check()
    source = artifact.manifest.source
    assert artifact.recipe.name == "text-seg-lm-simple"
    assert (source.id, source.path, source.adapter) == ("adapter", str(adapter), "LoRA of rank 8")
    assert (source.base, source.trained_on) == (str(checkpoint_folder), None)
    assert ((made / "LICENSE").read_text(), (made / "base-LICENSE").read_text()) == (
        "the adapter's terms",
        "the base's terms",
    )
    assert len(told) == 1


def test_another_base_than_it_was_trained_on_is_told(adapter: Path, checkpoint_folder: Path, tmp_path: Path) -> None:
    moved = checkpoint_folder.rename(tmp_path / "moved")
    told: list[str] = []
    export(moved, adapter=adapter, preset="f16", out=tmp_path / "made", notice=told.append)
    assert f"trained over {checkpoint_folder} and goes over {moved}" in told[1]


def test_foreign_runtimes_get_the_recipes_prompt(adapter: Path, checkpoint_folder: Path, tmp_path: Path) -> None:
    """The base speaks ChatML, the adapter was trained on something else: its template would be wrong."""
    (checkpoint_folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": "<|im_start|>chat"}))
    recipe = load_recipe("text-seg-lm-simple")
    artifact = Artifact.open(export(adapter, preset="f16", out=tmp_path / "gguf", threads=1))
    assert gguf.GGUFReader(artifact.model_path).fields["tokenizer.chat_template"].contents() == template_of(recipe)
    pytest.importorskip("onnx")
    folder = export(adapter, format="onnx", preset="int8", out=tmp_path / "onnx")
    assert json.loads((folder / "tokenizer_config.json").read_text())["chat_template"] == template_of(recipe)
    whole = export(checkpoint_folder, format="onnx", preset="int8", out=tmp_path / "whole")
    assert json.loads((whole / "tokenizer_config.json").read_text())["chat_template"] == "<|im_start|>chat"


def test_a_damaged_adapter_leaves_nothing(adapter: Path, tmp_path: Path) -> None:
    data = bytearray((adapter / "adapter_model.safetensors").read_bytes())
    data[-2:] = b"\x00\x7e"  # NaN in F16
    (adapter / "adapter_model.safetensors").write_bytes(data)
    with pytest.raises(CheckpointError, match="contains NaN"):
        export(adapter, preset="int8", out=tmp_path / "out" / "made")
    assert list((tmp_path / "out").iterdir()) == []


def test_the_command(adapter: Path, checkpoint_folder: Path, tmp_path: Path) -> None:
    from edgedoc.cli import app

    line = ["export", str(checkpoint_folder), "--adapter", str(adapter), "--quant", "f16"]
    done = CliRunner().invoke(app, [*line, "--unmerged", "--out", str(tmp_path / "apart")])
    assert done.exit_code == 0, done.output
    assert Artifact.open(tmp_path / "apart").adapted("simple").adapter_path is not None
    done = CliRunner().invoke(app, [*line, "--out", str(tmp_path / "merged"), "--json"])
    assert json.loads(done.stdout)["manifest"]["source"]["base"] == str(checkpoint_folder)
