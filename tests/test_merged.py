"""Merging gives what PEFT's merge_and_unload gives: recorded cases always, PEFT itself where it is installed."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import peft_reference
from adapter_files import write_adapter, write_tensors
from edgedoc.errors import CheckpointError
from edgedoc_export.adapter import Adapter
from edgedoc_export.checkpoint import Checkpoint
from edgedoc_export.dtypes import Dtype, Values, narrow, widen
from edgedoc_export.merged import merge
from edgedoc_export.qwen2 import Qwen2Config, tensor_shapes
from edgedoc_export.tensors import TensorSource

Q = "model.layers.1.self_attn.q_proj"


@dataclass
class Tensors:
    """A source of tensors at hand, one row a slab; only an untied table has a configuration that matters."""

    tensors: Mapping[str, Values]
    config: Qwen2Config
    kind: Dtype = "F32"

    def names(self) -> Sequence[str]:
        return tuple(self.tensors)

    def shape(self, name: str) -> tuple[int, ...]:
        return self.tensors[name].shape

    def dtype(self, name: str) -> Dtype:
        return self.kind

    def slabs(self, name: str) -> Iterator[Values]:
        # A copy, as a reader gives one: what is added must not show in the source.
        yield from (self.tensors[name][row : row + 1].copy() for row in range(len(self.tensors[name])))


@pytest.fixture
def untied(tiny_config: Qwen2Config) -> Qwen2Config:
    return replace(tiny_config, tie_word_embeddings=False)


def read(source: TensorSource, name: str) -> NDArray[np.float32]:
    return np.concatenate([widen(slab, source.dtype(name)) for slab in source.slabs(name)])


def agrees(folder: Path, expected: Mapping[str, NDArray[np.float32]], config: Qwen2Config) -> None:
    base = peft_reference.weights(0)
    merged = merge(Tensors(base, config), Adapter.open(folder), "base")
    assert set(merged.names()) == set(base)
    for name, values in base.items():
        np.testing.assert_allclose(read(merged, name), expected.get(name, values), rtol=2e-6, atol=2e-6, err_msg=name)


@pytest.mark.parametrize("case", peft_reference.CASES)
def test_recorded_merges_of_peft(case: str, tmp_path: Path, untied: Qwen2Config) -> None:
    recorded = json.loads(peft_reference.RECORDED.read_text())[case]
    kinds = {"F32": np.float32, "F16": np.float16}
    tensors = {name: np.array(values, kinds[kind]) for name, (kind, values) in recorded["tensors"].items()}
    write_adapter(tmp_path, recorded["config"], tensors)
    expected = {name: np.array(values, np.float32) for name, values in recorded["merged"].items()}
    assert expected
    agrees(tmp_path, expected, untied)


@pytest.mark.parametrize("case", peft_reference.CASES)
def test_peft_itself(case: str, tmp_path: Path, untied: Qwen2Config) -> None:
    pytest.importorskip("torch", reason="needs torch")
    pytest.importorskip("peft", reason="needs peft")
    agrees(tmp_path, peft_reference.make(case, tmp_path), untied)


@pytest.mark.parametrize("dtype", ["F32", "BF16"])
def test_peft_over_a_whole_model(checkpoint_folder: Path, tmp_path: Path, tiny_config: Qwen2Config, dtype: str) -> None:
    """Over bfloat16 PEFT rounds what it adds up; ours, rounded as late, is the same number in all but ties."""
    torch = pytest.importorskip("torch", reason="needs torch")
    peft = pytest.importorskip("peft", reason="needs peft")
    transformers = pytest.importorskip("transformers", reason="needs transformers")
    kind = torch.float32 if dtype == "F32" else torch.bfloat16
    model = transformers.AutoModelForCausalLM.from_pretrained(checkpoint_folder, dtype=kind)
    options = {"r": 8, "lora_alpha": 16, "use_rslora": True, "target_modules": "all-linear"}
    adapted = peft.get_peft_model(model, peft.LoraConfig(task_type="CAUSAL_LM", **options))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.02)
    adapted.save_pretrained(tmp_path / "adapter")
    expected = adapted.merge_and_unload().state_dict()
    merged = merge(Checkpoint.open(checkpoint_folder), Adapter.open(tmp_path / "adapter"), "base")
    for name in tensor_shapes(tiny_config):
        found = read(merged, name)
        if dtype == "F32":
            np.testing.assert_allclose(found, expected[name].numpy(), rtol=1e-5, atol=1e-6)
        else:
            theirs = expected[name].float().numpy()
            assert (widen(narrow(found, "BF16"), "BF16") == theirs).mean() > 0.99
            np.testing.assert_allclose(found, theirs, rtol=2**-8)


def test_small_updates_survive_a_bfloat16_base(tmp_path: Path, untied: Qwen2Config) -> None:
    """1 + 2**-10 is 1 in bfloat16, where PEFT puts it; ours is given in float32 and rounded by whoever writes it."""
    base = {f"{Q}.weight": narrow(np.ones((4, 4), np.float32), "BF16")}
    parts = {"lora_A": np.full((1, 4), 2.0**-10, np.float32), "lora_B": np.ones((4, 1), np.float32)}
    write_adapter(tmp_path, {"r": 1, "lora_alpha": 1, "target_modules": ["q_proj"]}, {Q: parts})
    merged = merge(Tensors(base, untied, "BF16"), Adapter.open(tmp_path), "base")
    assert merged.dtype(f"{Q}.weight") == "F32"
    assert (read(merged, f"{Q}.weight") == 1 + 2.0**-10).all()


def test_what_is_not_changed_keeps_its_type(checkpoint_folder: Path, tmp_path: Path) -> None:
    adapter = for_checkpoint(tmp_path, {Q: (256, 256)})
    base = Checkpoint.open(checkpoint_folder)
    merged = merge(base, adapter, "base")
    assert {merged.dtype(name) for name in merged.names() if name != f"{Q}.weight"} == {"BF16"}
    for name in merged.names():
        same = np.array_equal(read(merged, name), base.read(name))
        assert same == (name != f"{Q}.weight"), name


def for_checkpoint(folder: Path, shapes: Mapping[str, tuple[int, int]], **config: Any) -> Adapter:
    """A random adapter of rank 4 over modules with these (outputs, inputs)."""
    generator = np.random.default_rng(3)
    parts = {
        module: {
            "lora_A": generator.standard_normal((4, inputs)).astype(np.float32),
            "lora_B": generator.standard_normal((outputs, 4)).astype(np.float32),
        }
        for module, (outputs, inputs) in shapes.items()
    }
    write_adapter(folder, {"r": 4, "lora_alpha": 4, "target_modules": None, **config}, parts)
    return Adapter.open(folder)


@pytest.mark.parametrize(
    ("shapes", "config", "expected"),
    [
        ({Q: (896, 896)}, {}, r"q_proj.weight of shape \(896, 896\), BASE has \(256, 256\).*other-model"),
        ({"model.layers.7.self_attn.q_proj": (256, 256)}, {}, "layers.7.self_attn.q_proj.*2 layers does not have"),
        ({"model.layers.1.attn.c_attn": (256, 256)}, {}, "c_attn"),
        ({Q: (256, 256)}, {"target_modules": ["q_proj"]}, "lacks its tensors for model.layers.0.self_attn.q_proj"),
        ({Q: (256, 256)}, {"target_modules": "all-linear"}, "and 10 more"),
        ({"lm_head": (512, 256)}, {}, "tie_word_embeddings"),
        ({"model.embed_tokens": (512, 256)}, {}, "tie_word_embeddings"),
    ],
)
def test_adapters_of_another_model(
    checkpoint_folder: Path, tmp_path: Path, shapes: dict[str, tuple[int, int]], config: dict[str, Any], expected: str
) -> None:
    adapter = for_checkpoint(tmp_path, shapes, base_model_name_or_path="other-model", **config)
    with pytest.raises(CheckpointError, match=expected):
        merge(Checkpoint.open(checkpoint_folder), adapter, "BASE")


def test_an_adapter_of_the_bare_model_finds_its_modules(checkpoint_folder: Path, tmp_path: Path) -> None:
    adapter = for_checkpoint(tmp_path, {Q.removeprefix("model."): (256, 256)})
    assert set(merge(Checkpoint.open(checkpoint_folder), adapter, "base").updates) == {f"{Q}.weight"}


@pytest.mark.parametrize("part", ["lora_A", "lora_B"])
def test_numbers_that_are_none_are_refused(checkpoint_folder: Path, tmp_path: Path, part: str) -> None:
    parts = {"lora_A": np.ones((4, 256), np.float32), "lora_B": np.ones((256, 4), np.float32)}
    parts[part][1, 1] = np.nan
    write_adapter(tmp_path, {"r": 4, "lora_alpha": 4}, {Q: parts})
    merged = merge(Checkpoint.open(checkpoint_folder), Adapter.open(tmp_path), "base")
    with pytest.raises(CheckpointError, match=rf"{part}.* contains NaN"):
        read(merged, f"{Q}.weight")


def test_whole_tensors_are_checked_too(checkpoint_folder: Path, tmp_path: Path) -> None:
    write_adapter(tmp_path, {"r": 4, "lora_alpha": 4, "bias": "all"}, {f"{Q}.bias": np.full(256, np.inf, np.float32)})
    merged = merge(Checkpoint.open(checkpoint_folder), Adapter.open(tmp_path), "base")
    with pytest.raises(CheckpointError, match=r"q_proj.bias contains NaN or infinity"):
        read(merged, f"{Q}.bias")
    write_tensors(tmp_path, {f"base_model.model.{Q}.bias": np.zeros(3, np.float32)})
    with pytest.raises(CheckpointError, match=r"q_proj.bias of shape \(3,\), base has \(256,\)"):
        merge(Checkpoint.open(checkpoint_folder), Adapter.open(tmp_path), "base")
