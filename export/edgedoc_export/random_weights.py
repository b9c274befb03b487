"""Checkpoints of a given shape with random weights: full cost, no meaning. For measuring and for tests.

The tokenizer is made up too, but has Qwen2's rules, as many tokens and merges as fit the vocabulary, and ChatML's
tokens.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edgedoc_export.dtypes import Dtype, Values, narrow
from edgedoc_export.pretokenizer import QWEN2_SPLIT
from edgedoc_export.qwen2 import Qwen2Config, config_json, tensor_shapes
from edgedoc_export.safetensors_writer import write_safetensors
from edgedoc_export.vocabulary import byte_symbols

CONTROL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")

READER_LM_05B = Qwen2Config(
    hidden_size=896,
    layers=24,
    heads=14,
    kv_heads=2,
    head_dim=64,
    intermediate_size=4864,
    vocab_size=151936,
    rope_theta=2e6,
    rms_norm_eps=1e-6,
    tie_word_embeddings=True,
    max_position_embeddings=256000,
)
"""https://huggingface.co/jinaai/reader-lm-0.5b/blob/main/config.json"""

_SLAB_VALUES = 4 << 20


def random_checkpoint(
    config: Qwen2Config, folder: Path, *, seed: int, dtype: Dtype = "BF16", spread: float = 0.02, tokenizer: bool = True
) -> Path:
    """Write a complete checkpoint into `folder`, matrices and biases normal with deviation `spread`, norms near one."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config_json(config)))
    layout = {name: (dtype, shape) for name, shape in tensor_shapes(config).items()}
    write_safetensors(folder / "model.safetensors", layout, _random_slabs(config, seed, dtype, spread))
    if tokenizer:
        (folder / "tokenizer.json").write_text(json.dumps(made_up_tokenizer(config.vocab_size)))
    return folder


def random_adapter(config: Qwen2Config, folder: Path, *, base: Path, rank: int, seed: int) -> Path:
    """Write a LoRA over every matrix of every layer, in BF16, as PEFT lays it out."""
    folder.mkdir(parents=True, exist_ok=True)
    description = {"peft_type": "LORA", "r": rank, "lora_alpha": rank, "target_modules": "all-linear"}
    (folder / "adapter_config.json").write_text(json.dumps({**description, "base_model_name_or_path": str(base)}))
    matrices = {
        name.removesuffix(".weight"): shape
        for name, shape in tensor_shapes(config).items()
        if len(shape) == 2 and name.startswith("model.layers.")
    }
    layout: dict[str, tuple[Dtype, tuple[int, ...]]] = {}
    for module, (outputs, inputs) in matrices.items():
        layout[f"base_model.model.{module}.lora_A.weight"] = ("BF16", (rank, inputs))
        layout[f"base_model.model.{module}.lora_B.weight"] = ("BF16", (outputs, rank))
    generator = np.random.default_rng(seed)
    slabs = (
        narrow(generator.standard_normal(shape, np.float32) * np.float32(0.02), kind) for kind, shape in layout.values()
    )
    write_safetensors(folder / "adapter_model.safetensors", layout, slabs)
    return folder


def made_up_tokenizer(vocab_size: int) -> dict[str, object]:
    """A `tokenizer.json` with Qwen2's rules: 256 bytes, pairs, then triples of them, last ChatML's control tokens."""
    symbols = byte_symbols()
    words: list[str] = []
    merges: list[str] = []
    wanted = vocab_size - len(symbols) - len(CONTROL_TOKENS)
    for left in _prefixes(symbols, words):
        for right in symbols[: wanted - len(words)]:
            words.append(left + right)
            merges.append(f"{left} {right}")
        if len(words) >= wanted:
            break
    vocab = {token: number for number, token in enumerate((*symbols, *words))}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": len(vocab) + number,
                "content": token,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for number, token in enumerate(CONTROL_TOKENS)
        ],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": QWEN2_SPLIT}, "behavior": "Isolated", "invert": False},
                {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
            ],
        },
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": vocab,
            "merges": merges,
        },
    }


def _prefixes(symbols: list[str], words: list[str]) -> Iterator[str]:
    yield from symbols
    # Grows while it is read: pairs become the left halves of triples.
    yield from iter(words)


def _random_slabs(config: Qwen2Config, seed: int, dtype: Dtype, spread: float) -> Iterator[Values]:
    generator = np.random.default_rng(seed)
    for name, shape in tensor_shapes(config).items():
        rows, columns = shape[0], (shape[1] if len(shape) > 1 else 1)
        step = max(1, _SLAB_VALUES // columns)
        for first in range(0, rows, step):
            values = generator.standard_normal((min(step, rows - first), columns), dtype=np.float32)
            values *= np.float32(spread)
            if name.endswith("norm.weight"):
                values += np.float32(1)
            yield narrow(values, dtype)
