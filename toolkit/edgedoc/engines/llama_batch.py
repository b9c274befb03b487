"""The arrays of one native batch, in numpy's memory. Knows what llama.cpp reads from them, not what is computed.

`llama_batch_init` would allocate one array a token for the sequences it belongs to, each to be written through ctypes;
here every token belongs to one sequence and all their numbers lie in one array.
"""

import ctypes
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray


class NativeBatch:
    """Room for `size` tokens. All belong to sequence 0 unless `owners` says otherwise, which its writer puts back."""

    def __init__(self, library: ModuleType, size: int) -> None:
        self.size = size
        self.tokens = np.zeros(size, np.int32)
        self.positions = np.zeros(size, np.int32)
        self.wants_logits = np.zeros(size, np.int8)
        self.owners = np.zeros(size, np.int32)
        # One sequence a token; `_lists` has the address of each token's list of sequences.
        self._counts = np.ones(size, np.int32)
        self._lists = self.owners.ctypes.data + self.owners.itemsize * np.arange(size, dtype=np.uintp)
        self.struct = library.llama_batch(0)
        for name, array in (
            ("token", self.tokens),
            ("pos", self.positions),
            ("n_seq_id", self._counts),
            ("seq_id", self._lists),
            ("logits", self.wants_logits),
        ):
            setattr(self.struct, name, _pointer(self.struct, name, array))


def view(pointer: Any, count: int) -> NDArray[Any]:
    """A numpy array over `count` items of C memory; np.ctypeslib.as_array takes ten times as long for a new pointer."""
    item = pointer._type_
    return np.frombuffer((item * count).from_address(ctypes.addressof(pointer.contents)), dtype=item)


def _pointer(struct: Any, field: str, array: NDArray[Any]) -> Any:
    return ctypes.cast(array.ctypes.data, dict(struct._fields_)[field])
