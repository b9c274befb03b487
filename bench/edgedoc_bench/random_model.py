"""GGUF files of a given shape with random weights: full cost, no meaning. Knows no checkpoint and no recipe.

Speed and memory of a transformer depend on its shapes and types, not on its values, so these stand in for real
weights wherever only cost is measured. Key and tensor names are those of llama.cpp's qwen2 architecture
(gguf 0.19.0, `constants.py`).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgedoc_export.qwen2 import Qwen2Config

TensorType = Literal["f32", "f16", "q8_0", "q4_0"]

SPREAD = 0.02
"""Standard deviation of the weights: Qwen2's `initializer_range`."""


READER_LM_MERGES = 151387
"""Merge rules of reader-lm's tokenizer; they cost load time and memory, so a stand-in needs as many."""


def write_random_gguf(
    path: Path, shape: Qwen2Config, tensor_type: TensorType, *, merges: int = 1, seed: int = 0
) -> Path:
    """Write a complete qwen2 GGUF with tied embeddings and return `path`. Needs the `gguf` package.

    Matrices are `tensor_type`, vectors f32; the vocabulary is byte-level with made-up words and `merges` rules.
    """
    import gguf

    writer = gguf.GGUFWriter(path, "qwen2")
    writer.add_name("random")
    writer.add_block_count(shape.layers)
    writer.add_context_length(shape.max_position_embeddings)
    writer.add_embedding_length(shape.hidden_size)
    writer.add_feed_forward_length(shape.intermediate_size)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_rope_freq_base(shape.rope_theta)
    writer.add_layer_norm_rms_eps(shape.rms_norm_eps)
    tokens = _vocabulary(shape.vocab_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.NORMAL] * (shape.vocab_size - 1) + [gguf.TokenType.CONTROL])
    writer.add_token_merges([f"a {tokens[index % shape.vocab_size]}" for index in range(merges)])
    writer.add_eos_token_id(shape.vocab_size - 1)
    writer.add_add_bos_token(False)

    rng = np.random.default_rng(seed)
    raw_type = {"q8_0": gguf.GGMLQuantizationType.Q8_0, "q4_0": gguf.GGMLQuantizationType.Q4_0}.get(tensor_type)
    for name, size in _tensors(shape):
        if len(size) == 1:
            vector = np.ones(size, np.float32) if "norm" in name else _normal(rng, size)
            writer.add_tensor(name, vector)
        else:
            writer.add_tensor(name, _matrix(rng, size, tensor_type), raw_dtype=raw_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _tensors(shape: Qwen2Config) -> Iterator[tuple[str, tuple[int, ...]]]:
    hidden, intermediate, kv_size = shape.hidden_size, shape.intermediate_size, shape.kv_heads * shape.head_dim
    yield "token_embd.weight", (shape.vocab_size, hidden)
    for layer in range(shape.layers):
        sizes: dict[str, tuple[int, ...]] = {
            "attn_norm.weight": (hidden,),
            "attn_q.weight": (hidden, hidden),
            "attn_q.bias": (hidden,),
            "attn_k.weight": (kv_size, hidden),
            "attn_k.bias": (kv_size,),
            "attn_v.weight": (kv_size, hidden),
            "attn_v.bias": (kv_size,),
            "attn_output.weight": (hidden, hidden),
            "ffn_norm.weight": (hidden,),
            "ffn_gate.weight": (intermediate, hidden),
            "ffn_up.weight": (intermediate, hidden),
            "ffn_down.weight": (hidden, intermediate),
        }
        for name, size in sizes.items():
            yield f"blk.{layer}.{name}", size
    yield "output_norm.weight", (hidden,)


def _normal(rng: np.random.Generator, size: tuple[int, ...]) -> NDArray[np.float32]:
    values: NDArray[np.float32] = rng.standard_normal(size, dtype=np.float32)
    return values * np.float32(SPREAD)


def _matrix(
    rng: np.random.Generator, size: tuple[int, ...], tensor_type: TensorType
) -> NDArray[np.float32] | NDArray[np.float16] | NDArray[np.uint8]:
    """Blocks are drawn as blocks (f16 scale, then uniform codes): quantising half a billion floats takes minutes."""
    if tensor_type == "f32":
        return _normal(rng, size)
    if tensor_type == "f16":
        return _normal(rng, size).astype(np.float16)
    rows, columns = size
    code_bytes, code_spread = (16, 4.6) if tensor_type == "q4_0" else (32, 74.0)
    blocks = np.empty((rows, columns // 32, 2 + code_bytes), np.uint8)
    blocks[..., :2] = np.frombuffer(np.float16(SPREAD / code_spread).tobytes(), np.uint8)
    blocks[..., 2:] = rng.integers(0, 256, (rows, columns // 32, code_bytes), np.uint8)
    return blocks.reshape(rows, -1)


def _vocabulary(size: int) -> list[str]:
    """GPT-2's 256 printable byte symbols first, made-up words after; the last token ends a text."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    symbols = [chr(byte) for byte in printable] + [chr(256 + index) for index in range(256 - len(printable))]
    words = [f"w{index}" for index in range(size - len(symbols) - 1)]
    return [*symbols, *words, "<|im_end|>"]
