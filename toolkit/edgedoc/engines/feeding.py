"""What every engine does with a request before its runtime sees it: judge the tokens, cut them. Knows no runtime."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgedoc.errors import EngineError, UsageError

OUTPUT_ROWS = 64
"""Rows of logits one native call may return; the buffer is rows x vocabulary x 4 bytes, 39 MB at Qwen2's size."""


PASS_TOKENS = 128
"""Tokens llama.cpp computes at a time on a CPU, and drivers feed of a prompt between the steps of other documents: cut
alike, a prompt gets the same bits alone and in company. At 0.5B's sizes, passes of 64 to 512 tokens take the same time
for each token; what attention needs to hold grows with them."""


class Piece(NamedTuple):
    """Tokens for one native call, and the rows of the caller's result that the last of them fill."""

    tokens: slice
    rows: slice


class Portion(NamedTuple):
    """A piece of the feed number `feed` of a step."""

    feed: int
    piece: Piece


def checked(
    tokens: Sequence[int], logits: int, *, position: int, context_length: int, vocab_size: int
) -> NDArray[np.int64]:
    """The token ids as an array. Raises EngineError for a request that `Engine.extend` cannot serve."""
    count = len(tokens)
    if not 0 <= logits <= count:
        raise EngineError(f"{logits} rows of logits were asked for {count} tokens.")
    check_room(count, position, context_length)
    try:
        ids = np.asarray(tokens, dtype=np.int64)
    except (OverflowError, ValueError, TypeError) as error:
        raise EngineError(f"The token ids are not integers: {error}.") from error
    if count and (ids.min() < 0 or ids.max() >= vocab_size):
        raise EngineError(f"A token id is outside the vocabulary of {vocab_size}.")
    return ids


def check_room(count: int, position: int, context_length: int) -> None:
    """Raises EngineError when `count` tokens more do not fit behind the `position` that are in the context."""
    if position + count > context_length:
        raise EngineError(
            f"The context is full: {position} tokens are in it and {count} more do not fit into {context_length}."
        )


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


def native_calls(sizes: Sequence[tuple[int, int]], batch: int) -> Iterator[list[Portion]]:
    """Pack feeds of (tokens, rows of logits) into native calls of at most `batch` tokens.

    Feeds of one length share a call that is one pass over the weights; a longer feed goes alone, cut by `pieces`.
    llama.cpp cuts a call into passes in which every sequence has the same number of tokens: feeds of different lengths
    would need as many passes as there are lengths anyhow, and a feed of 5 would be computed as 1 + 4 instead of whole,
    by other kernels and to other bits than alone.
    """
    together = min(batch, PASS_TOKENS)
    by_length: dict[int, list[int]] = {}
    for feed, (count, _) in enumerate(sizes):
        by_length.setdefault(count, []).append(feed)
    for count, feeds in by_length.items():
        call: list[Portion] = []
        rows = 0
        for feed in feeds:
            wanted = sizes[feed][1]
            if count > together or wanted > OUTPUT_ROWS:
                yield from ([Portion(feed, piece)] for piece in pieces(count, wanted, batch))
                continue
            if call and ((len(call) + 1) * count > together or rows + wanted > OUTPUT_ROWS):
                yield call
                call, rows = [], 0
            call.append(Portion(feed, Piece(slice(0, count), slice(0, wanted))))
            rows += wanted
        if call and count:
            yield call
