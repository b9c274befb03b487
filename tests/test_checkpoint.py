"""Every way a checkpoint folder can be wrong, and that a right one is read exactly."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qwen2_reference
from edgedoc.errors import CheckpointError
from edgedoc_export.checkpoint import Checkpoint
from edgedoc_export.dtypes import Dtype, Values, narrow, widen
from edgedoc_export.qwen2 import parse_config, tensor_shapes
from edgedoc_export.safetensors_writer import write_safetensors

EMBEDDING = "model.embed_tokens.weight"


def rewrite(folder: Path, change: Callable[[dict[str, Values]], None]) -> None:
    """Load all tensors of a checkpoint, let `change` alter them, write them back."""
    checkpoint = Checkpoint.open(folder)
    tensors = {name: checkpoint.read_raw(name) for name in checkpoint.names()}
    change(tensors)
    write(folder / "model.safetensors", tensors)


def write(path: Path, tensors: dict[str, Values]) -> None:
    kinds: dict[Any, Dtype] = {np.dtype("u2"): "BF16", np.dtype("f2"): "F16", np.dtype("f4"): "F32"}
    layout = {name: (kinds[values.dtype], values.shape) for name, values in tensors.items()}
    write_safetensors(path, layout, tensors.values())


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def split_into_shards(folder: Path) -> dict[str, str]:
    """Turn the single file into two shards with an index; return the index's map."""
    checkpoint = Checkpoint.open(folder)
    names = list(checkpoint.names())
    halves = {"model-00001-of-00002.safetensors": names[:5], "model-00002-of-00002.safetensors": names[5:]}
    for shard, members in halves.items():
        write(folder / shard, {name: checkpoint.read_raw(name) for name in members})
    (folder / "model.safetensors").unlink()
    weight_map = {name: shard for shard, members in halves.items() for name in members}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    return weight_map


def refused(folder: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        checkpoint = Checkpoint.open(folder)
        for name in checkpoint.names():
            for _ in checkpoint.slabs(name):
                pass
    return str(caught.value)


def test_reads_what_an_independent_reader_reads(checkpoint_folder: Path) -> None:
    checkpoint = Checkpoint.open(checkpoint_folder)
    expected = qwen2_reference.load(checkpoint_folder / "model.safetensors")
    assert set(checkpoint.names()) == set(expected)
    for name in checkpoint.names():
        assert np.array_equal(checkpoint.read(name), expected[name])


def test_shards_read_like_one_file(checkpoint_folder: Path) -> None:
    before = Checkpoint.open(checkpoint_folder).read("model.layers.1.mlp.down_proj.weight")
    split_into_shards(checkpoint_folder)
    assert np.array_equal(Checkpoint.open(checkpoint_folder).read("model.layers.1.mlp.down_proj.weight"), before)


def test_rope_theta_is_found_in_both_places(checkpoint_folder: Path) -> None:
    edit_config(checkpoint_folder, rope_theta=None, rope_parameters={"rope_type": "default", "rope_theta": 1234.5})
    assert Checkpoint.open(checkpoint_folder).config.rope_theta == 1234.5


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"architectures": ["LlamaForCausalLM"]}, "LlamaForCausalLM"),
        ({"architectures": ["Qwen2MoeForCausalLM"]}, "Qwen2ForCausalLM only"),
        ({"architectures": None, "model_type": "bert"}, "'bert'"),
        ({"use_sliding_window": True}, "sliding-window"),
        ({"layer_types": ["full_attention", "sliding_attention"]}, "sliding-window"),
        ({"rope_scaling": {"type": "yarn", "factor": 4.0}}, "yarn"),
        ({"rope_parameters": {"rope_type": "linear", "rope_theta": 1e6}}, "linear"),
        ({"quantization_config": {"quant_method": "awq"}}, "awq"),
        ({"hidden_act": "gelu"}, "gelu"),
        ({"hidden_size": 250}, "do not fit"),
        ({"hidden_size": 1 << 40}, "hidden_size"),
        ({"num_hidden_layers": True}, "num_hidden_layers"),
        ({"num_key_value_heads": 3}, "do not fit"),
        ({"rope_theta": None}, "rope_theta"),
        ({"rms_norm_eps": float("nan")}, "rms_norm_eps"),
    ],
)
def test_configurations_that_are_not_qwen2(checkpoint_folder: Path, changes: dict[str, object], expected: str) -> None:
    edit_config(checkpoint_folder, **changes)
    assert expected in refused(checkpoint_folder)


def test_not_a_checkpoint(tmp_path: Path, checkpoint_folder: Path) -> None:
    assert "does not exist" in refused(tmp_path / "nowhere")
    assert "is a file" in refused(checkpoint_folder / "config.json")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "is not a checkpoint" in refused(empty)
    (checkpoint_folder / "config.json").write_text("[1]")
    assert "not a JSON object" in refused(checkpoint_folder)
    (checkpoint_folder / "config.json").write_text("{" * 10_000)
    assert "not valid JSON" in refused(checkpoint_folder)
    (checkpoint_folder / "config.json").unlink()
    assert "no config.json" in refused(checkpoint_folder)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.ckpt"])
def test_pickles_are_refused_and_never_opened(checkpoint_folder: Path, name: str) -> None:
    (checkpoint_folder / "model.safetensors").unlink()
    (checkpoint_folder / name).symlink_to("/dev/full")
    assert "pickle" in refused(checkpoint_folder)


def test_adapter_folder_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    assert "edgedoc export BASE --adapter" in refused(tmp_path)


def test_missing_and_surplus_tensors_are_named(checkpoint_folder: Path, tmp_path: Path) -> None:
    gone = "model.layers.1.self_attn.v_proj.bias"
    damaged = shutil.copytree(checkpoint_folder, tmp_path / "missing")
    rewrite(damaged, lambda tensors: tensors.__delitem__(gone))
    assert gone in refused(damaged)
    rewrite(checkpoint_folder, lambda tensors: tensors.update({"model.layers.9.extra": np.ones(3, np.float32)}))
    assert "model.layers.9.extra" in refused(checkpoint_folder)


def test_old_rotary_buffer_is_ignored(checkpoint_folder: Path) -> None:
    buffer = {"model.layers.0.self_attn.rotary_emb.inv_freq": np.ones(32, np.float32)}
    rewrite(checkpoint_folder, lambda tensors: tensors.update(buffer))
    assert len(Checkpoint.open(checkpoint_folder).names()) == 26


def test_wrong_shape_is_named(checkpoint_folder: Path) -> None:
    rewrite(checkpoint_folder, lambda tensors: tensors.update({"model.norm.weight": np.ones(255, np.float32)}))
    assert "model.norm.weight has shape (255,)" in refused(checkpoint_folder)


def test_shards_that_are_missing_or_elsewhere(checkpoint_folder: Path) -> None:
    weight_map = split_into_shards(checkpoint_folder)
    index = checkpoint_folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": weight_map | {"model.norm.weight": "../secret.safetensors"}}))
    assert "not a safetensors file beside it" in refused(checkpoint_folder)
    index.write_text(json.dumps({"weight_map": weight_map | {EMBEDDING: "model-00002-of-00002.safetensors"}}))
    assert "does not list tensor model.embed_tokens.weight" in refused(checkpoint_folder)
    index.write_text(json.dumps({"weight_map": weight_map}))
    (checkpoint_folder / "model-00002-of-00002.safetensors").unlink()
    assert "model-00002-of-00002.safetensors is missing" in refused(checkpoint_folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
def test_weights_that_are_not_finite(checkpoint_folder: Path, value: float, dtype: Dtype) -> None:
    name = "model.layers.1.mlp.up_proj.weight"

    def damage(tensors: dict[str, Values]) -> None:
        values = widen(tensors[name], "BF16")
        values[-1, -1] = value
        with np.errstate(invalid="ignore"):
            tensors[name] = (
                values.view(np.uint32).__rshift__(16).astype(np.uint16) if dtype == "BF16" else narrow(values, dtype)
            )

    rewrite(checkpoint_folder, damage)
    message = refused(checkpoint_folder)
    assert name in message
    assert "NaN or infinity" in message


def test_a_stored_tied_head_is_dropped_only_when_it_is_the_same(checkpoint_folder: Path) -> None:
    rewrite(checkpoint_folder, lambda tensors: tensors.update({"lm_head.weight": tensors[EMBEDDING].copy()}))
    assert "lm_head.weight" not in Checkpoint.open(checkpoint_folder).names()

    def different_head(tensors: dict[str, Values]) -> None:
        tensors["lm_head.weight"] = tensors[EMBEDDING][::-1].copy()

    rewrite(checkpoint_folder, different_head)
    assert "lm_head.weight differs" in refused(checkpoint_folder)
    edit_config(checkpoint_folder, tie_word_embeddings=False)
    assert Checkpoint.open(checkpoint_folder).names()[-1] == "lm_head.weight"


def test_an_untied_head_must_be_there(checkpoint_folder: Path) -> None:
    edit_config(checkpoint_folder, tie_word_embeddings=False)
    assert "lacks lm_head.weight" in refused(checkpoint_folder)


def test_reader_lm_sizes_give_its_parameter_count() -> None:
    config = parse_config(
        {
            "architectures": ["Qwen2ForCausalLM"],
            "hidden_size": 896,
            "num_hidden_layers": 24,
            "num_attention_heads": 14,
            "num_key_value_heads": 2,
            "intermediate_size": 4864,
            "vocab_size": 151936,
            "rope_theta": 2000000,
            "rms_norm_eps": 1e-06,
            "tie_word_embeddings": True,
            "max_position_embeddings": 256000,
        },
        "config.json",
    )
    assert config.parameters == 494_032_768
    assert len(tensor_shapes(config)) == 2 + 24 * 12
