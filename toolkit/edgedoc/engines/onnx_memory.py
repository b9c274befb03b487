"""How much memory onnxruntime needs for a model, from its header alone, and the largest context a budget allows.

The parts were fitted to the resident memory of onnxruntime 1.31.1 with reader-lm-0.5b's shapes in int4 and int8,
contexts of 2,048 and 4,096, chunks of 64 to 512; tests/test_onnx_memory.py compares them with real loads. Of float16
weights onnxruntime 1.23 needs up to a third more than planned, while it loads.
"""

from collections.abc import Iterator

from edgedoc.engines.feeding import OUTPUT_ROWS
from edgedoc.engines.memory import DEFAULT_CONTEXT, MemoryPlan, first_fitting
from edgedoc.engines.onnx_header import OnnxHeader
from edgedoc.errors import UsageError

CONTEXT_STEP = 256
SHORTEST_CONTEXT = 512
FLOAT_BYTES = 4

STANDARD_SCORES = 6
"""The standard graph spells attention out: scaled, masked, exponentiated and divided scores are arrays of their own."""

FIXED_BYTES = 24 << 20
"""Session, graph and the pages of the library itself."""


def plan_memory(
    header: OnnxHeader,
    *,
    context_length: int | None = None,
    minimum_context: int | None = None,
    batch: int,
    limit: int | None = None,
) -> MemoryPlan:
    """The wanted context length, or a shorter one that fits.

    `context_length` defaults to what the model was exported with, at most 8,192; `minimum_context` is how far it may
    shrink, to fit the model or the memory, and defaults to no shrinking when a length was asked for. `limit` (bytes)
    replaces the memory found on this machine.
    Raises NotEnoughMemoryError with the figures when nothing fits, UsageError for lengths the model cannot have.
    """
    longest = header.context_length
    wanted = min(longest or DEFAULT_CONTEXT, DEFAULT_CONTEXT) if context_length is None else context_length
    shortest = wanted if context_length is not None else min(wanted, SHORTEST_CONTEXT)
    if minimum_context is not None:
        shortest = min(minimum_context, wanted)
    if longest is not None and shortest <= longest:
        wanted = min(wanted, longest)
    if shortest < 1:
        raise UsageError(f"A context of {shortest} tokens is not possible.")
    if longest is not None and wanted > longest:
        raise UsageError(
            f"A context of {wanted} tokens is not possible: the model was exported for {longest}. Ask for less, or "
            f"export it again with: edgedoc export MODEL --format onnx --context {wanted}"
        )
    between = range((wanted - 1) // CONTEXT_STEP * CONTEXT_STEP, shortest, -CONTEXT_STEP)
    return first_fitting(_plans(header, [wanted, *between, shortest], batch), limit)


def _plans(header: OnnxHeader, lengths: list[int], batch: int) -> Iterator[MemoryPlan]:
    # Weights in the model file are parsed first and copied then; those beside it are mapped and rearranged once.
    beside = header.data_bytes - header.lookup_bytes + header.tied_bytes + header.scale_bytes + header.widened_bytes
    weights = 2 * header.file_size + beside
    # A graph that concatenates its cache holds the old and the new one at once, and computes every row of logits.
    copies, rows = (1, OUTPUT_ROWS) if header.in_place else (2, batch)
    activations = FLOAT_BYTES * batch * (4 * header.width + 8 * header.hidden_size)
    logits = 2 * FLOAT_BYTES * rows * header.vocab_size
    # All weights are widened before the first is rearranged, which needs it twice; the others are then given back.
    loading = 2 * header.widest_bytes
    for length in lengths:
        cache = FLOAT_BYTES * 2 * header.layers * header.kv_heads * header.head_dim * length
        scores = FLOAT_BYTES * header.hidden_size // header.head_dim * batch * length
        yield MemoryPlan(
            weights=weights,
            kv_cache=copies * cache,
            buffers=max(activations + (scores if header.in_place else STANDARD_SCORES * scores), logits, loading)
            + FIXED_BYTES,
            context_length=length,
            kv_type="f32",
        )
