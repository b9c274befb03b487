"""Qwen2's forward pass in numpy, float32, without a cache: the independent opinion that exporters are compared with.

Written from the model's description (transformers, models/qwen2/modeling_qwen2.py), sharing no code with the exporters.
"""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def forward(folder: Path, tokens: list[int]) -> Array:
    """float32 logits, shape (tokens, vocabulary), of the safetensors checkpoint in `folder`."""
    config = json.loads((folder / "config.json").read_text())
    weights = load(folder / "model.safetensors")
    eps, heads, groups = config["rms_norm_eps"], config["num_attention_heads"], config["num_key_value_heads"]
    size = config["hidden_size"] // heads
    angles = rotary_angles(len(tokens), size, config["rope_theta"])
    future = np.triu(np.full((len(tokens), len(tokens)), -np.inf, np.float32), 1)
    stream: Array = weights["model.embed_tokens.weight"][tokens]
    for layer in range(config["num_hidden_layers"]):
        part = {
            name.split(".", 3)[3]: value for name, value in weights.items() if name.startswith(f"model.layers.{layer}.")
        }
        hidden = rms_norm(stream, part["input_layernorm.weight"], eps)
        q, k, v = (hidden @ part[f"self_attn.{p}_proj.weight"].T + part[f"self_attn.{p}_proj.bias"] for p in "qkv")
        mixed: list[Array] = []
        for head in range(heads):
            group = head // (heads // groups)
            query = rotate(q[:, head * size : (head + 1) * size], angles)
            key = rotate(k[:, group * size : (group + 1) * size], angles)
            scores = query @ key.T / np.float32(np.sqrt(size)) + future
            mixed.append(softmax(scores) @ v[:, group * size : (group + 1) * size])
        stream = np.add(stream, np.concatenate(mixed, 1) @ part["self_attn.o_proj.weight"].T)
        hidden = rms_norm(stream, part["post_attention_layernorm.weight"], eps)
        gate = hidden @ part["mlp.gate_proj.weight"].T
        gated = gate / (1 + np.exp(-gate)) * (hidden @ part["mlp.up_proj.weight"].T)
        stream = stream + gated @ part["mlp.down_proj.weight"].T
    hidden = rms_norm(stream, weights["model.norm.weight"], eps)
    logits: Array = hidden @ weights.get("lm_head.weight", weights["model.embed_tokens.weight"]).T
    return logits


def load(path: Path) -> dict[str, Array]:
    """Every tensor of a safetensors file as float32."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    tensors = {}
    for name, entry in json.loads(data[8:start]).items():
        if name == "__metadata__":
            continue
        raw = data[start + entry["data_offsets"][0] : start + entry["data_offsets"][1]]
        if entry["dtype"] == "BF16":
            values = (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
        else:
            values = np.frombuffer(raw, {"F32": "<f4", "F16": "<f2"}[entry["dtype"]]).astype(np.float32)
        tensors[name] = values.reshape(entry["shape"])
    return tensors


def rms_norm(values: Array, weight: Array, eps: float) -> Array:
    """Each row divided by the root of its mean square, times `weight`."""
    normed: Array = values / np.sqrt((values**2).mean(-1, keepdims=True) + np.float32(eps)) * weight
    return normed


def rotary_angles(positions: int, size: int, theta: float) -> Array:
    """Angle of each position and pair of dimensions, shape (positions, size / 2)."""
    frequencies = theta ** (-np.arange(0, size, 2) / size)
    return np.outer(np.arange(positions), frequencies).astype(np.float32)


def rotate(values: Array, angles: Array) -> Array:
    """Rotate the pairs (i, i + size / 2): Qwen2 pairs halves, not neighbours."""
    first, second = np.split(values, 2, axis=-1)
    cos, sin = np.cos(angles), np.sin(angles)
    return np.concatenate([first * cos - second * sin, second * cos + first * sin], -1)


def softmax(scores: Array) -> Array:
    """Rows to probabilities."""
    shifted = np.exp(scores - scores.max(-1, keepdims=True))
    shares: Array = shifted / shifted.sum(-1, keepdims=True)
    return shares
