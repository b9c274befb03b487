"""PEFT's own merge of tiny adapters: made here where torch and peft are, and recorded for where they are not.

`python tests/peft_reference.py` in an environment with both writes tests/peft_recorded.json anew.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

RECORDED = Path(__file__).with_suffix("").with_name("peft_recorded.json")
Q0, Q1 = "model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.q_proj"
DOWN, EMBEDDING = "model.layers.0.mlp.down_proj", "model.embed_tokens"
LISTED = {"r": 2, "lora_alpha": 3, "target_modules": ["q_proj", "down_proj"]}
CASES: dict[str, dict[str, Any]] = {
    "plain": LISTED,
    "rslora": {**LISTED, "r": 3, "use_rslora": True},
    "patterns": {
        **LISTED,
        "rank_pattern": {"q_proj": 1, "layers.0.mlp.down_proj": 3},
        "alpha_pattern": {r"layers\.1\.self_attn\.q_proj": 7, "proj": 0.5},
    },
    "fan_in_fan_out": {**LISTED, "fan_in_fan_out": True},
    "one_layer": {"r": 2, "lora_alpha": 2, "target_modules": ["q_proj"], "layers_to_transform": [1]},
    "expression": {"r": 2, "lora_alpha": 2, "target_modules": r".*\.layers\.0\..*_proj"},
    "all_linear": {"r": 2, "lora_alpha": 2, "target_modules": "all-linear"},
    "embedding": {"r": 2, "lora_alpha": 4, "target_modules": ["embed_tokens", "q_proj"]},
    "dora": {**LISTED, "use_dora": True},
    "bias": {**LISTED, "bias": "all"},
    "modules_to_save": {**LISTED, "target_modules": ["q_proj"], "modules_to_save": ["down_proj"]},
    "half": {**LISTED, "lora_alpha": 2},
}


def weights(seed: int) -> dict[str, NDArray[np.float32]]:
    """The base: sixteenths, so that they are the same in every type."""
    generator = np.random.default_rng(seed)
    shapes = {
        f"{EMBEDDING}.weight": (5, 4),
        f"{Q0}.weight": (6, 4),
        f"{Q0}.bias": (6,),
        f"{DOWN}.weight": (4, 6),
        f"{Q1}.weight": (6, 4),
        f"{Q1}.bias": (6,),
    }
    return {name: sixteenths(generator, shape) for name, shape in shapes.items()}


def sixteenths(generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Random multiples of 1/16 between -2 and 2."""
    return (generator.integers(-32, 33, shape) / 16).astype(np.float32)


def make(case: str, folder: Path) -> dict[str, NDArray[np.float32]]:
    """Let peft write the adapter of a case into `folder`, and return what its merge_and_unload makes of the base."""
    import torch
    from peft import LoraConfig, get_peft_model
    from torch import nn

    def block() -> nn.Module:
        return nn.ModuleDict(
            {
                "self_attn": nn.ModuleDict({"q_proj": nn.Linear(4, 6)}),
                "mlp": nn.ModuleDict({"down_proj": nn.Linear(6, 4, bias=False)}),
            }
        )

    layers = nn.ModuleList([block(), block()])
    del layers[1]["mlp"]
    network = nn.ModuleDict({"model": nn.ModuleDict({"embed_tokens": nn.Embedding(5, 4), "layers": layers})})
    network.load_state_dict({name: torch.from_numpy(values) for name, values in weights(0).items()})
    # all-linear wants a transformers model; what it comes to is every linear layer.
    options = dict(CASES[case])
    if options["target_modules"] == "all-linear":
        options["target_modules"] = ["q_proj", "down_proj"]
    adapted = get_peft_model(network, LoraConfig(**options))
    generator = np.random.default_rng(1)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_" in name or "modules_to_save" in name or (case == "bias" and name.endswith("bias")):
                values = torch.from_numpy(sixteenths(generator, tuple(parameter.shape)))
                parameter.copy_(values.abs() + 1 if "magnitude" in name else values)
                if case == "half":
                    parameter.data = parameter.data.half()
    adapted.save_pretrained(folder)
    if CASES[case]["target_modules"] == "all-linear":
        _edit(folder / "adapter_config.json", target_modules="all-linear")
    merged = adapted.merge_and_unload().state_dict()
    return {name: merged[name].float().numpy() for name in weights(0)}


def _edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def record() -> None:
    """Write every case: the configuration peft saved, its tensors as (type, values), and the merged weights."""
    from tempfile import TemporaryDirectory

    from safetensors.numpy import load_file

    recorded = {}
    for case in CASES:
        with TemporaryDirectory() as scratch:
            merged = make(case, Path(scratch))
            tensors = load_file(Path(scratch) / "adapter_model.safetensors")
            config = json.loads((Path(scratch) / "adapter_config.json").read_text())
        used = {key: value for key, value in sorted(config.items()) if value not in (None, False, {}, [])}
        kinds = {np.dtype("f4"): "F32", np.dtype("f2"): "F16"}
        changed = {name: values for name, values in merged.items() if not np.array_equal(values, weights(0)[name])}
        recorded[case] = {
            "config": used,
            "tensors": {name: [kinds[values.dtype], values.tolist()] for name, values in sorted(tensors.items())},
            "merged": {name: values.tolist() for name, values in changed.items()},
        }
    lines = (f"{json.dumps(case)}: {json.dumps(content)}" for case, content in recorded.items())
    RECORDED.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    record()
