"""The Qwen2 configuration: what `config.json` may say, and the tensors that follow from it. Reads no weights.

Field meanings: transformers, `models/qwen2/configuration_qwen2.py` (4.43 and 5.x spellings).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from edgedoc.errors import CheckpointError

ARCHITECTURE = "Qwen2ForCausalLM"
LARGEST_SIZE = 1 << 24
"""No dimension of a small language model comes near this; it stops absurd allocations early."""


@dataclass(frozen=True, kw_only=True)
class Qwen2Config:
    """Sizes of a Qwen2 decoder. Counts are plain numbers, `rms_norm_eps` and `rope_theta` are positive floats."""

    hidden_size: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate_size: int
    vocab_size: int
    rope_theta: float
    rms_norm_eps: float
    tie_word_embeddings: bool
    max_position_embeddings: int

    @property
    def parameters(self) -> int:
        """Weights and biases, a tied head counted once."""
        return sum(math.prod(shape) for shape in tensor_shapes(self).values())


def parse_config(data: Mapping[str, object], origin: str) -> Qwen2Config:
    """Check `data` (the content of `config.json`) and keep what the weights need.

    Raises CheckpointError when the architecture is another one, a value is missing or absurd, or the model uses a
    variant the exporters do not write: sliding-window attention, rope scaling, pre-quantised weights.
    """
    _refuse_other_architectures(data, origin)
    _refuse_variants(data, origin)
    hidden_size = _size(data, "hidden_size", origin)
    heads = _size(data, "num_attention_heads", origin)
    head_dim = _size(data, "head_dim", origin) if data.get("head_dim") is not None else hidden_size // heads
    config = Qwen2Config(
        hidden_size=hidden_size,
        layers=_size(data, "num_hidden_layers", origin),
        heads=heads,
        kv_heads=_size(data, "num_key_value_heads", origin) if data.get("num_key_value_heads") is not None else heads,
        head_dim=head_dim,
        intermediate_size=_size(data, "intermediate_size", origin),
        vocab_size=_size(data, "vocab_size", origin),
        rope_theta=_rope_theta(data, origin),
        rms_norm_eps=_positive(data, "rms_norm_eps", origin),
        tie_word_embeddings=bool(data.get("tie_word_embeddings", False)),
        max_position_embeddings=_size(data, "max_position_embeddings", origin),
    )
    if config.heads * config.head_dim != config.hidden_size or config.heads % config.kv_heads:
        raise CheckpointError(
            f"{origin}: {heads} heads of {head_dim}, {config.kv_heads} of them for keys, do not fit a hidden_size of "
            f"{hidden_size}"
        )
    return config


def tensor_shapes(config: Qwen2Config) -> dict[str, tuple[int, ...]]:
    """Every tensor of the checkpoint by its transformers name, with its shape, in the order of the forward pass."""
    hidden, inner = config.hidden_size, config.intermediate_size
    queries, keys = config.heads * config.head_dim, config.kv_heads * config.head_dim
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (config.vocab_size, hidden)}
    for layer in range(config.layers):
        block = f"model.layers.{layer}"
        shapes |= {
            f"{block}.input_layernorm.weight": (hidden,),
            f"{block}.self_attn.q_proj.weight": (queries, hidden),
            f"{block}.self_attn.q_proj.bias": (queries,),
            f"{block}.self_attn.k_proj.weight": (keys, hidden),
            f"{block}.self_attn.k_proj.bias": (keys,),
            f"{block}.self_attn.v_proj.weight": (keys, hidden),
            f"{block}.self_attn.v_proj.bias": (keys,),
            f"{block}.self_attn.o_proj.weight": (hidden, queries),
            f"{block}.post_attention_layernorm.weight": (hidden,),
            f"{block}.mlp.gate_proj.weight": (inner, hidden),
            f"{block}.mlp.up_proj.weight": (inner, hidden),
            f"{block}.mlp.down_proj.weight": (hidden, inner),
        }
    shapes["model.norm.weight"] = (hidden,)
    if not config.tie_word_embeddings:
        shapes["lm_head.weight"] = (config.vocab_size, hidden)
    return shapes


def config_json(config: Qwen2Config) -> dict[str, object]:
    """The `config.json` content that `parse_config` reads back and transformers loads."""
    return {
        "architectures": [ARCHITECTURE],
        "model_type": "qwen2",
        "hidden_act": "silu",
        "hidden_size": config.hidden_size,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "intermediate_size": config.intermediate_size,
        "vocab_size": config.vocab_size,
        "rope_theta": config.rope_theta,
        "rms_norm_eps": config.rms_norm_eps,
        "tie_word_embeddings": config.tie_word_embeddings,
        "max_position_embeddings": config.max_position_embeddings,
        "use_sliding_window": False,
    }


def _refuse_other_architectures(data: Mapping[str, object], origin: str) -> None:
    declared = data.get("architectures")
    found = declared[0] if isinstance(declared, list) and len(declared) == 1 else declared or data.get("model_type")
    if found != ARCHITECTURE:
        raise CheckpointError(f"{origin} declares the architecture {found!r}; edgedoc exports {ARCHITECTURE} only")


def _refuse_variants(data: Mapping[str, object], origin: str) -> None:
    layer_types = data.get("layer_types")
    sliding = isinstance(layer_types, list) and any(kind != "full_attention" for kind in layer_types)
    if data.get("use_sliding_window") or sliding:
        raise CheckpointError(f"{origin} uses sliding-window attention, which edgedoc does not export")
    rope = data.get("rope_parameters") if isinstance(data.get("rope_parameters"), dict) else data.get("rope_scaling")
    kind = (rope.get("rope_type") or rope.get("type") or "default") if isinstance(rope, dict) else "default"
    if kind != "default":
        raise CheckpointError(f"{origin} uses rope scaling ({kind}), which edgedoc does not export")
    quantised = data.get("quantization_config")
    if quantised:
        method = quantised.get("quant_method", "unknown") if isinstance(quantised, dict) else quantised
        raise CheckpointError(
            f"{origin} is already quantised ({method}); export the full-precision checkpoint it was made from"
        )
    if data.get("hidden_act", "silu") != "silu":
        raise CheckpointError(f"{origin} uses the activation {data['hidden_act']!r}; Qwen2 has silu")


def _rope_theta(data: Mapping[str, object], origin: str) -> float:
    # transformers 5 moved the value into `rope_parameters`; a file may carry both, and then the new place counts.
    rope = data.get("rope_parameters")
    if isinstance(rope, dict) and "rope_theta" in rope:
        return _positive(rope, "rope_theta", origin)
    return _positive(data, "rope_theta", origin)


def _size(data: Mapping[str, object], key: str, origin: str) -> int:
    value = data.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= LARGEST_SIZE:
        raise CheckpointError(f"{origin}: {key} must be a whole number from 1 to {LARGEST_SIZE}, found {value!r}")
    return value


def _positive(data: Mapping[str, object], key: str, origin: str) -> float:
    value = data.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value) or value <= 0:
        raise CheckpointError(f"{origin}: {key} must be a positive number, found {value!r}")
    return float(value)
