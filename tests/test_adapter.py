"""Every way an adapter folder can be wrong, and every spelling of a right one."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapter_files import write_adapter, write_tensors
from edgedoc.errors import CheckpointError
from edgedoc_export.adapter import Adapter, is_adapter
from edgedoc_export.adapter_config import LoraConfig, parse_adapter_config
from edgedoc_export.checkpoint import Checkpoint

Q = "model.layers.0.self_attn.q_proj"
PLAIN: dict[str, Any] = {"r": 2, "lora_alpha": 4, "target_modules": ["q_proj"]}
A, B = np.ones((2, 8), np.float32), np.ones((6, 2), np.float32)


def parsed(**changes: object) -> LoraConfig:
    return parse_adapter_config({"peft_type": "LORA", **PLAIN, **changes}, "adapter_config.json")


def refused(folder: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        Adapter.open(folder)
    return str(caught.value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_adapter(tmp_path / "adapter", PLAIN, {Q: {"lora_A": A, "lora_B": B}})


@pytest.mark.parametrize(
    "spelling",
    [
        "base_model.model.{module}.lora_{side}.weight",
        "base_model.model.{module}.lora_{side}.default.weight",
        "base_model.model.{module}.lora_{side}.my-adapter.weight",
        "{module}.lora_{side}.weight",
        "base_model.model.{module}.lora_{side}",
    ],
)
def test_spellings_of_a_key(folder: Path, spelling: str) -> None:
    write_tensors(folder, {spelling.format(module=Q, side=side): values for side, values in (("A", A), ("B", B))})
    [(module, update)] = Adapter.open(folder).updates.items()
    assert (module, update.shape, update.rank, update.scale) == (Q, (6, 8), 2, 2.0)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (f"base_model.model.{Q}.bias", f"{Q}.bias"),
        (f"base_model.model.{Q}.base_layer.bias", f"{Q}.bias"),
        ("base_model.model.lm_head.modules_to_save.default.weight", "lm_head.weight"),
        ("base_model.model.lm_head.modules_to_save.weight", "lm_head.weight"),
        ("base_model.model.lm_head.weight", "lm_head.weight"),
    ],
)
def test_whole_tensors_of_the_model(folder: Path, key: str, name: str) -> None:
    write_tensors(folder, {key: np.ones(6, np.float32)})
    assert list(Adapter.open(folder).replacements) == [name]


def test_embeddings(folder: Path) -> None:
    keys = {f"base_model.model.model.embed_tokens.lora_embedding_{side}": side for side in "AB"}
    write_tensors(folder, {key: {"A": A, "B": B}[side] for key, side in keys.items()})
    update = Adapter.open(folder).updates["model.embed_tokens"]
    assert (update.embedding, update.shape) == (True, (8, 6))


def test_scales() -> None:
    assert parsed().scale_of(Q) == 2.0
    assert parsed(r=16, lora_alpha=32, use_rslora=True).scale_of(Q) == 8.0
    patterns = parsed(rank_pattern={"q_proj": 8, "up": 3}, alpha_pattern={r"layers\.0\..*_proj": 2, "q_proj": 99})
    assert (patterns.rank_of(Q), patterns.scale_of(Q)) == (8, 0.25)
    # A pattern is the end of a name, from a dot on.
    assert patterns.rank_of("model.layers.0.mlp.up_proj") == 2
    assert parsed(rank_pattern={"proj": 8}).rank_of(Q) == 2


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"target_modules": ["q_proj"]}, {0, 1, 2}),
        ({"target_modules": r".*\.[01]\.self_attn\.q_proj"}, {0, 1}),
        ({"target_modules": "all-linear"}, {0, 1, 2}),
        ({"target_modules": ["proj"]}, set()),
        ({"target_modules": None}, set()),
        ({"layers_to_transform": [0, 2]}, {0, 2}),
        ({"layers_to_transform": 1}, {1}),
        ({"layers_to_transform": [1], "layers_pattern": "layers"}, {1}),
        ({"layers_to_transform": [1], "layers_pattern": ["h"]}, set()),
        ({"exclude_modules": ["layers.1.self_attn.q_proj"]}, {0, 2}),
        ({"exclude_modules": r".*\.2\..*"}, {0, 1}),
        ({"modules_to_save": ["self_attn"]}, set()),
    ],
)
def test_which_modules_are_meant(changes: dict[str, object], expected: set[int]) -> None:
    found = {layer for layer in range(3) if parsed(**changes).expects(f"model.layers.{layer}.self_attn.q_proj")}
    assert found == expected
    assert not parsed(**changes).expects("lm_head")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"peft_type": "IA3"}, "'IA3'.*LORA only"),
        ({"peft_type": None}, "None"),
        ({"trainable_token_indices": [1]}, "trainable_token_indices.*merge_and_unload"),
        ({"layer_replication": [[0, 4]], "lora_bias": True}, "layer_replication, lora_bias"),
        ({"alora_invocation_tokens": [1, 2]}, "alora"),
        ({"init_lora_weights": "pissa_niter_4"}, "'pissa_niter_4', which alters the base"),
        ({"init_lora_weights": "olora"}, "path_initial_model"),
        ({"r": 0}, "rank r"),
        ({"r": True}, "rank r"),
        ({"r": 1 << 40}, "rank r"),
        ({"rank_pattern": {"q_proj": "2"}}, "rank q_proj"),
        ({"lora_alpha": float("nan")}, "lora_alpha"),
        ({"lora_alpha": None}, "lora_alpha"),
        ({"alpha_pattern": ["q_proj"]}, "alpha_pattern"),
        ({"rank_pattern": {"q_proj(": 2}}, "no regular expression"),
        ({"target_modules": "("}, "no regular expression"),
        ({"target_modules": "a" * 3000}, "3000 characters"),
        ({"target_modules": [1]}, "target_modules"),
        ({"layers_to_transform": ["1"]}, "layers_to_transform"),
    ],
)
def test_configurations_that_are_refused(changes: dict[str, object], expected: str) -> None:
    with pytest.raises(CheckpointError, match=expected):
        parsed(**changes)


@pytest.mark.parametrize(
    "changes", [{"init_lora_weights": "gaussian"}, {"loftq_config": {}}, {"qalora_group_size": 16}]
)
def test_options_that_do_not_bear_on_a_merge(changes: dict[str, object]) -> None:
    assert parsed(**changes).rank == 2


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({Q: {"lora_A": A}}, "no lora_B for model.layers.0"),
        ({Q: {"lora_B": B}}, "no lora_A"),
        ({Q: {"lora_A": A[:1], "lora_B": B}}, r"\(1, 8\) and \(6, 2\): no product"),
        ({Q: {"lora_A": A[:1], "lora_B": B[:, :1].copy()}}, "has rank 1, adapter_config.json says 2"),
        ({Q: {"lora_A": A, "lora_B": B, "lora_A.default": A}}, "should hold one adapter"),
        ({Q: {"lora_A": A, "lora_B": B}, f"{Q}.lora_magnitude_vector": np.ones(6, np.float32)}, "use_dora is False"),
    ],
)
def test_tensors_that_make_no_adapter(tmp_path: Path, parts: dict[str, Any], expected: str) -> None:
    write_adapter(tmp_path, PLAIN, parts)
    with pytest.raises(CheckpointError, match=expected):
        Adapter.open(tmp_path)


def test_dora_wants_a_magnitude_an_output(tmp_path: Path) -> None:
    parts: dict[str, Any] = {Q: {"lora_A": A, "lora_B": B}}
    write_adapter(tmp_path, {**PLAIN, "use_dora": True}, parts)
    assert "use_dora is True" in refused(tmp_path)
    write_adapter(tmp_path, {**PLAIN, "use_dora": True}, {**parts, f"{Q}.lora_magnitude_vector": A[0]})
    assert "not one value an output" in refused(tmp_path)


def test_a_pickle_is_refused_with_what_to_do(folder: Path) -> None:
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    assert "weights_only=True" in refused(folder)
    (folder / "adapter_model.bin").unlink()
    assert "download the whole repository" in refused(folder)


def test_folders_that_are_none(tmp_path: Path, folder: Path, checkpoint_folder: Path) -> None:
    assert "does not exist" in refused(tmp_path / "nowhere")
    assert "no PEFT adapter" in refused(checkpoint_folder)
    (checkpoint_folder / "adapter_config.json").write_bytes((folder / "adapter_config.json").read_bytes())
    assert not is_adapter(checkpoint_folder)  # merged already
    (folder / "adapter_config.json").write_text("[]")
    assert "not a JSON object" in refused(folder)
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA"}))
    assert "rank r" in refused(folder)
    with pytest.raises(CheckpointError, match="--adapter"):
        Checkpoint.open(folder)
