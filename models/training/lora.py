"""LoRA over the plain network, saved in PEFT's layout. Knows no text.

Source: Hu et al., LoRA (arXiv 2106.09685); file layout of the package peft, adapter_config.json and
adapter_model.safetensors.
"""

import importlib.resources
import json
from pathlib import Path

import torch
from network import Qwen2, Shape
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
PREFIX, ADAPTED = "base_model.model.", "lora_"


class LoraLinear(nn.Module):
    """A frozen linear layer and a trained product of two thin matrices beside it; the scale is alpha / rank."""

    def __init__(self, base: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__()
        self.base, self.scale = base, alpha / rank
        self.lora_A = nn.Linear(base.in_features, rank, bias=False)
        self.lora_B = nn.Linear(rank, base.out_features, bias=False)
        nn.init.kaiming_uniform_(self.lora_A.weight, a=5**0.5)
        nn.init.zeros_(self.lora_B.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(..., inputs) to (..., outputs)."""
        # One product per token instead of three: the sum of the weights costs the same for any number of tokens.
        return nn.functional.linear(x, self.weight(), self.base.bias)

    def weight(self) -> Tensor:
        """The base's matrix and the adapter's, together."""
        total: Tensor = self.base.weight + self.lora_B.weight @ self.lora_A.weight * self.scale
        return total

    @torch.no_grad()
    def write(self, target: Tensor) -> None:
        """Make the whole `target`, as nearly as the rank allows, by singular values; what was there is gone."""
        left, values, right = torch.linalg.svd((target - self.base.weight) / self.scale, full_matrices=False)
        used = len(self.lora_A.weight)
        self.lora_B.weight.copy_(left[:, :used] * values[:used].sqrt())
        self.lora_A.weight.copy_(values[:used].sqrt()[:, None] * right[:used])


def over_nano_reader(rank: int) -> tuple[Qwen2, Path]:
    """The bundled nano-reader, frozen, with an adapter of `rank` on every matrix; and its folder."""
    base = Path(str(importlib.resources.files("edgedoc_models"))) / "checkpoints" / "nano-reader"
    model = Qwen2(Shape())
    model.load_state_dict({name: w.float() for name, w in load_file(base / "model.safetensors").items()})
    attach(model, rank, rank)
    return model, base


def attach(model: Qwen2, rank: int, alpha: float) -> None:
    """Freeze every weight of `model` and put an adapter on every matrix of its layers."""
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if name in TARGETS and isinstance(child, nn.Linear):
                setattr(module, name, LoraLinear(child, rank, alpha))


def save(model: Qwen2, folder: Path, *, base: str, rank: int, alpha: float) -> None:
    """Write adapter_config.json and adapter_model.safetensors (bfloat16)."""
    weights = {
        f"{PREFIX}{name}": parameter.detach().to(torch.bfloat16).contiguous()
        for name, parameter in model.named_parameters()
        if ADAPTED in name
    }
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": rank,
        "lora_alpha": alpha,
        "target_modules": list(TARGETS),
        "bias": "none",
        "fan_in_fan_out": False,
        "use_dora": False,
        "use_rslora": False,
        "rank_pattern": {},
        "alpha_pattern": {},
        "modules_to_save": None,
        "lora_dropout": 0.0,
        "inference_mode": True,
    }
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")


def load(model: Qwen2, folder: Path) -> None:
    """Take over the adapter of `folder`; raises RuntimeError when it does not fit."""
    weights = {
        name.removeprefix(PREFIX): w.float() for name, w in load_file(folder / "adapter_model.safetensors").items()
    }
    _, surplus = model.load_state_dict(weights, strict=False)
    if surplus or len(weights) != sum(ADAPTED in name for name, _ in model.named_parameters()):
        raise RuntimeError(f"{folder} does not fit: {surplus[:3]}")
