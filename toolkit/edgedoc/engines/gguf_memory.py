"""How much memory llama.cpp needs for a model, from its header alone, and the largest context a budget allows.

The parts were fitted to the buffer sizes llama.cpp 0c1e57098 logs for three qwen2 shapes (4 layers x 256, 24 x 896,
28 x 1536) at contexts of 512 to 32,768 and match them within 2 MB; tests/test_memory.py compares them with the resident
memory of a real load.
"""

from dataclasses import replace
from typing import Literal

from edgedoc.engines.feeding import OUTPUT_ROWS, PASS_TOKENS
from edgedoc.engines.gguf_header import GgufHeader
from edgedoc.engines.memory import DEFAULT_CONTEXT, MemoryPlan, first_fitting
from edgedoc.errors import UsageError

KvType = Literal["f16", "q8_0"]

KV_BYTES: dict[KvType, tuple[int, int]] = {"f16": (1, 2), "q8_0": (32, 34)}
"""KV cache type -> weights a block, bytes a block."""

CONTEXT_STEP = 256
"""llama.cpp rounds the cache up to whole multiples of this (`GGML_PAD(n_ctx, 256)`)."""

REPACKED = frozenset({"Q4_0", "Q4_K", "Q2_K", "IQ4_NL"})
"""Types that llama.cpp rearranges for the CPU while loading; such weights are copied, never used from the file."""

TOKEN_BYTES = 160
MERGE_BYTES = 140
"""llama.cpp's hash tables, measured: resident bytes a vocabulary entry and a merge rule."""

FIXED_BYTES = 8 << 20


def is_repacked(header: GgufHeader) -> bool:
    """Whether most weights get copied into another layout, so that mapping the file would keep two copies resident."""
    return 2 * sum(header.tensor_types.get(name, 0) for name in REPACKED) > header.tensor_bytes


def plan_memory(
    header: GgufHeader,
    *,
    context_length: int | None = None,
    minimum_context: int | None = None,
    kv_type: KvType | None = None,
    sequences: int = 1,
    batch: int = 512,
    limit: int | None = None,
    adapters: int = 0,
) -> MemoryPlan:
    """Choose sequences, context length and KV type: f16 at the wanted length, else q8_0, else q8_0 and shorter.

    Of `sequences`, each with a context of that length, as many as fit: they only save time, so all but one are given
    up before the first one's cache gets worse.

    `context_length` defaults to the trained one, at most 8,192; `minimum_context` is how far it may shrink and
    defaults to no shrinking when a length was asked for. `limit` (bytes) replaces the memory found on this machine.
    `adapters`: bytes of the LoRAs that are loaded beside the model.
    Raises NotEnoughMemoryError with the figures when nothing fits, UsageError for lengths the model cannot have.
    """
    if sequences < 1:
        raise UsageError("There must be at least 1 sequence.")
    wanted = min(header.context_length, DEFAULT_CONTEXT) if context_length is None else context_length
    shortest = wanted if context_length is not None else min(wanted, 2 * CONTEXT_STEP)
    if minimum_context is not None:
        shortest = min(minimum_context, wanted)
    if not 1 <= shortest <= wanted <= header.context_length:
        raise UsageError(
            f"A context of {wanted} tokens is not possible: the model was trained with {header.context_length}."
        )
    if kv_type == "q8_0" and header.head_dim % 32:
        raise UsageError(
            f"An 8-bit KV cache needs heads of a multiple of 32 units, this model's have {header.head_dim}."
        )
    plans = _candidates(header, wanted, shortest, kv_type, sequences, batch)
    return first_fitting([replace(plan, weights=plan.weights + adapters) for plan in plans], limit)


def _candidates(
    header: GgufHeader, wanted: int, shortest: int, kv_type: KvType | None, sequences: int, batch: int
) -> list[MemoryPlan]:
    """Plans from best to worst."""
    types: list[KvType] = [kv_type] if kv_type else ["f16", "q8_0"]
    if kv_type is None and header.head_dim % 32:
        types = ["f16"]
    plans = [_plan(header, wanted, types[0], batch, count) for count in range(sequences, 1, -1)]
    plans += [_plan(header, wanted, candidate, batch) for candidate in types]
    length = _padded(wanted) - CONTEXT_STEP
    while length >= _padded(shortest):
        plans.append(_plan(header, length, types[-1], batch))
        length -= CONTEXT_STEP
    return plans


def _padded(length: int) -> int:
    return -(-length // CONTEXT_STEP) * CONTEXT_STEP


def _plan(header: GgufHeader, context_length: int, kv_type: KvType, batch: int, sequences: int = 1) -> MemoryPlan:
    context = _padded(context_length)
    block_weights, block_bytes = KV_BYTES[kv_type]
    kv_cache = 2 * header.layers * header.kv_heads * header.head_dim * context * block_bytes // block_weights
    weights = header.tensor_bytes + (header.embedding_bytes if header.tied and is_repacked(header) else 0)
    at_once = min(batch, PASS_TOKENS)
    activations = 4 * at_once * (3 * header.feed_forward_length + 4 * header.embedding_length)
    # Only f16 goes without flash attention: all heads' scores of a pass are in memory, and the mask is in f32.
    plain = kv_type == "f16"
    attention = 4 * at_once * (header.heads * context + 5 * header.embedding_length) if plain else 0
    attention_mask = (4 if plain else 2) * at_once * context
    logits = 4 * min(batch, OUTPUT_ROWS) * (header.vocab_size + header.embedding_length)
    vocabulary = TOKEN_BYTES * header.vocab_size + MERGE_BYTES * header.merges
    buffers = max(activations, attention, logits) + attention_mask + logits + vocabulary + FIXED_BYTES
    return MemoryPlan(
        weights=weights,
        kv_cache=kv_cache * sequences,
        buffers=buffers,
        context_length=context,
        kv_type=kv_type,
        sequences=sequences,
    )
