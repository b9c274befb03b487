"""llama.cpp with nothing around it: the yardstick for edgedoc's own engine and loop. Chooses no tokens.

It runs on the native context of a loaded engine, so both sides have the same weights in the same memory, the same
threads and the same cache; it never looks at a logit, which makes it the fastest loop that C functions allow.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from edgedoc.engines.llama import LlamaEngine


@dataclass(frozen=True)
class Timing:
    """Wall seconds for the prompt, and for all steps after it."""

    prefill_seconds: float
    decode_seconds: float


def run_bare(engine: LlamaEngine, prompt: Sequence[int], steps: int) -> Timing:
    """Feed `prompt` in native batches, then the same token `steps` times, asking for one row of logits each time."""
    library, context = engine._library, engine._context
    size = engine._batch_size
    batches = [
        _batch(library, prompt[at : at + size], at, at + size >= len(prompt)) for at in range(0, len(prompt), size)
    ]
    step = _batch(library, prompt[-1:], 0, True)
    engine.rewind(0)
    library.llama_memory_clear(library.llama_get_memory(context), False)
    begin = perf_counter()
    for batch in batches:
        _decode(library, context, batch)
    library.llama_synchronize(context)
    prefilled = perf_counter()
    for position in range(len(prompt), len(prompt) + steps):
        step.pos[0] = position
        _decode(library, context, step)
        library.llama_get_logits(context)
    end = perf_counter()
    library.llama_memory_clear(library.llama_get_memory(context), False)
    for batch in (*batches, step):
        library.llama_batch_free(batch)
    return Timing(prefilled - begin, end - prefilled)


def _batch(library: object, tokens: Sequence[int], position: int, last: bool) -> ctypes.Structure:
    batch: ctypes.Structure = library.llama_batch_init(len(tokens), 0, 1)  # type: ignore[attr-defined]
    batch.n_tokens = len(tokens)
    for index, token in enumerate(tokens):
        batch.token[index], batch.pos[index], batch.n_seq_id[index] = token, position + index, 1
        batch.seq_id[index][0], batch.logits[index] = 0, last and index == len(tokens) - 1
    return batch


def _decode(library: object, context: object, batch: ctypes.Structure) -> None:
    status = library.llama_decode(context, batch)  # type: ignore[attr-defined]
    if status != 0:
        raise RuntimeError(f"llama_decode returned {status}")
