"""Lends onnxruntime weights whose pages can be given back while a session lives. Knows no engine and no graph.

What onnxruntime maps itself stays resident once it was touched: scales and zero points that its kernels copied while
loading (35 MB of reader-lm-0.5b in int4), and a table of embeddings around every row ever looked up. Of files mapped
here the pages can go at any time; one that is needed after all is read from the file again.
"""

import mmap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgedoc.engines.onnx_nodes import Tensor

TYPES = {1: np.float32, 2: np.uint8, 10: np.float16}
"""By onnx.TensorProto.DataType; tensors of others are left to onnxruntime."""

ALIGNMENT = 64
"""Bytes; a tensor that starts elsewhere in its file is left to onnxruntime, which aligns what it copies."""


class MappedWeights:
    """Tensors of one model in their mapped files. Must live as long as the session they are lent to."""

    def __init__(self, runtime: Any, model: Path, tensors: Sequence[Tensor]) -> None:
        """Map what `tensors` need of the data files beside `model`; those in the model itself are left to onnxruntime.

        Raises OSError.
        """
        self._maps: dict[str, mmap.mmap] = {}
        # Up to onnxruntime 1.23 an OrtValue borrows an array's memory without keeping it alive.
        self._lent: dict[str, tuple[Any, Any]] = {}
        for tensor in tensors:
            if tensor.location is None or tensor.type not in TYPES or tensor.offset % ALIGNMENT:
                continue
            if tensor.location not in self._maps:
                with model.with_name(tensor.location).open("rb") as file:
                    # Private, for onnxruntime wants memory it could write to; it does not write to weights.
                    self._maps[tensor.location] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
            count = int(np.prod(tensor.shape))
            flat = np.frombuffer(self._maps[tensor.location], TYPES[tensor.type], count, tensor.offset)
            array = flat.reshape(tensor.shape)
            self._lent[tensor.name] = array, runtime.OrtValue.ortvalue_from_numpy(array)

    def lend(self, options: Any) -> None:
        """Let the session made with these SessionOptions use the tensors instead of reading them itself.

        Not add_external_initializers, which copies.
        """
        for name, (_, value) in self._lent.items():
            options.add_initializer(name, value)

    def release(self) -> None:
        """Give back the pages touched so far; nothing happens where the system cannot be told (Windows)."""
        if hasattr(mmap, "MADV_DONTNEED"):
            for mapped in self._maps.values():
                mapped.madvise(mmap.MADV_DONTNEED)
