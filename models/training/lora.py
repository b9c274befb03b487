"""LoRA over the plain network, saved in PEFT's layout. Knows no text.

Source: Hu et al., LoRA (arXiv 2106.09685); file layout of the package peft, adapter_config.json and
adapter_model.safetensors.
"""

import json
from pathlib import Path

import torch
from network import Qwen2
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
PREFIX = "base_model.model."


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
        y: Tensor = self.base(x) + self.lora_B(self.lora_A(x)) * self.scale
        return y


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
        if parameter.requires_grad
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
    if surplus or len(weights) != sum(parameter.requires_grad for parameter in model.parameters()):
        raise RuntimeError(f"{folder} does not fit: {surplus[:3]}")
