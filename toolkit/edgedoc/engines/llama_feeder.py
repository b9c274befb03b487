"""Feeds a llama.cpp context: writes its batch, takes its logits, keeps count of what each sequence holds.

Judges no request: positions, ids and sequences are the caller's to check.
"""

import ctypes
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from edgedoc.engines.feeding import Piece
from edgedoc.engines.llama_batch import NativeBatch, view
from edgedoc.engines.llama_native import Native
from edgedoc.engines.native import recent_trouble
from edgedoc.errors import EngineError


class Feeder:
    """One context with `sequences` sequences; `lengths` are their tokens. A native call takes up to `batch_size`."""

    def __init__(self, native: Native, sequences: int, batch_size: int) -> None:
        library, model, context, _ = native
        self._library = library
        self._context = context
        self._memory = library.llama_get_memory(context)
        self.vocab_size: int = library.llama_vocab_n_tokens(library.llama_model_get_vocab(model))
        self.context_length: int = library.llama_n_ctx(context) // sequences
        self.lengths = [0] * sequences
        self._batch = NativeBatch(library, batch_size)
        self._logits: NDArray[np.float32] = np.empty((0, self.vocab_size), np.float32)
        self._logits_address = 0
        self._count = np.arange(self.context_length, dtype=np.int32)

    def place(self, ids: NDArray[np.int64], piece: Piece, begin: int, at: int = 0) -> int:
        """Write a piece of what begins at position `begin` into the batch from `at` on; returns where it ends."""
        batch, tokens = self._batch, piece.tokens
        end: int = at + tokens.stop - tokens.start
        unwanted = end - (piece.rows.stop - piece.rows.start)
        batch.tokens[at:end] = ids[tokens]
        batch.positions[at:end] = self._count[begin + tokens.start : begin + tokens.stop]
        batch.wants_logits[at:unwanted] = 0
        batch.wants_logits[unwanted:end] = 1
        return end

    def compute(self, size: int) -> None:
        """Compute what was placed, all of it sequence 0's. The caller counts it. Raises EngineError."""
        self._batch.struct.n_tokens = size
        status = self._library.llama_decode(self._context, self._batch.struct)
        if status != 0:
            raise EngineError(f"llama.cpp failed to evaluate {size} tokens (code {status}). {recent_trouble()}")

    def compute_shared(self, ends: Mapping[int, int]) -> None:
        """`compute` for the sequences of `ends` in its order, each up to its end in the batch."""
        owners, begin, end = self._batch.owners, 0, 0
        for sequence, end in ends.items():
            owners[begin:end] = sequence
            begin = end
        try:
            self.compute(end)
        finally:
            owners[:end] = 0

    def logits(self, rows: int) -> NDArray[np.float32]:
        """The `rows` rows of the last call, in the library's own buffer: valid until the next call.

        The buffer stays where it is until more rows are asked for, and a new view costs more than the copy out of it.
        """
        pointer = self._library.llama_get_logits(self._context)
        if not pointer:
            raise EngineError(f"llama.cpp returned no logits. {recent_trouble()}")
        address = ctypes.addressof(pointer.contents)
        if address != self._logits_address or rows > len(self._logits):
            self._logits = view(pointer, rows * self.vocab_size).reshape(rows, self.vocab_size)
            self._logits_address = address
        return self._logits[:rows]

    def forget(self, sequence: int, position: int) -> None:
        """Drop what a sequence holds from `position` on. Raises EngineError.

        Even when nothing seems to be there: an interrupted call may have left tokens that were never counted.
        """
        if not self._library.llama_memory_seq_rm(self._memory, sequence, position, -1):
            raise EngineError(f"llama.cpp could not forget the tokens after {position}. {recent_trouble()}")
        self.lengths[sequence] = position

    def copy(self, source: int, target: int) -> None:
        """Give `target`, which must be empty, all that `source` holds: parts cannot go from cells to others' cells."""
        self._library.llama_memory_seq_cp(self._memory, source, target, -1, -1)
        self.lengths[target] = self.lengths[source]
