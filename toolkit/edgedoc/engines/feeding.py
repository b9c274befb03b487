"""What every engine does with a request before its runtime sees it: judge the tokens, cut them. Knows no runtime."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgedoc.errors import EngineError, UsageError

OUTPUT_ROWS = 64
"""Rows of logits one native call may return; the buffer is rows x vocabulary x 4 bytes, 39 MB at Qwen2's size."""


class Piece(NamedTuple):
    """Tokens for one native call, and the rows of the caller's result that the last of them fill."""

    tokens: slice
    rows: slice


def checked(
    tokens: Sequence[int], logits: int, *, position: int, context_length: int, vocab_size: int
) -> NDArray[np.int64]:
    """The token ids as an array. Raises EngineError for a request that `Engine.extend` cannot serve."""
    count = len(tokens)
    if not 0 <= logits <= count:
        raise EngineError(f"{logits} rows of logits were asked for {count} tokens.")
    if position + count > context_length:
        raise EngineError(
            f"The context is full: {position} tokens are in it and {count} more do not fit into {context_length}."
        )
    try:
        ids = np.asarray(tokens, dtype=np.int64)
    except (OverflowError, ValueError, TypeError) as error:
        raise EngineError(f"The token ids are not integers: {error}.") from error
    if count and (ids.min() < 0 or ids.max() >= vocab_size):
        raise EngineError(f"A token id is outside the vocabulary of {vocab_size}.")
    return ids


def check_rewind(position: int, reached: int) -> None:
    """Raises EngineError when an engine at `reached` cannot go back to `position`."""
    if not 0 <= position <= reached:
        raise EngineError(f"Cannot rewind to {position}: the engine is at {reached}.")


def check_sizes(batch: int, threads: int | None) -> None:
    """Raises UsageError for sizes no engine can be loaded with; None leaves the number of threads to the engine."""
    if batch < 1 or (threads is not None and threads < 1):
        raise UsageError("batch and threads must be at least 1.")


def pieces(count: int, logits: int, batch: int) -> Iterator[Piece]:
    """Cut `count` tokens into native calls of at most `batch`, each with at most OUTPUT_ROWS rows of logits.

    Only the last `logits` tokens have rows, so that a long prompt never pays for the head.
    """
    first_row = count - logits
    start = 0
    while start < count:
        stop = min(start + batch, count)
        rows = max(0, stop - max(start, first_row))
        if rows > OUTPUT_ROWS:
            stop -= rows - OUTPUT_ROWS
            rows = OUTPUT_ROWS
        yield Piece(slice(start, stop), slice(stop - rows - first_row, stop - first_row) if rows else slice(0, 0))
        start = stop
