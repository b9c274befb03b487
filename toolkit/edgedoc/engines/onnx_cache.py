"""Two ways to keep the keys and values of a graph between its runs. Know no tokens and no logits."""

from typing import Any, Protocol

import numpy as np

from edgedoc.engines.onnx_header import OnnxHeader


class Cache(Protocol):
    """The KV cache of one sequence, bound to one onnxruntime IOBinding."""

    def bind(self, position: int, end: int) -> None:
        """Before a run: hand over what is known of the positions before `position`, and room for those before `end`."""

    def keep(self) -> None:
        """After a run: keep what the graph put out."""


def names(header: OnnxHeader) -> list[tuple[str, str]]:
    """Input and output name of every layer's keys and values."""
    return [
        (f"past_key_values.{layer}.{kind}", f"present.{layer}.{kind}")
        for layer in range(header.layers)
        for kind in ("key", "value")
    ]


class SharedCache:
    """One buffer of the whole context for each layer and kind, bound once as past and as present.

    GroupQueryAttention finds them to be the same memory and writes only the new positions; how many are valid it reads
    off the attention mask, so going back needs nothing (onnxruntime, docs/ContribOperators.md, GroupQueryAttention).
    """

    def __init__(self, runtime: Any, binding: Any, header: OnnxHeader, context_length: int, device: str) -> None:
        shape = (1, header.kv_heads, context_length, header.head_dim)
        # On the CPU an OrtValue borrows the array's memory, and a binding keeps neither of the two alive.
        self._values: list[tuple[Any, Any]] = []
        for past, present in names(header):
            # Zeroed pages take no memory before they are written, unlike those of ortvalue_from_shape_and_type.
            array = np.zeros(shape, np.float32)
            value = runtime.OrtValue.ortvalue_from_numpy(array, device)
            self._values.append((array if device == "cpu" else None, value))
            binding.bind_ortvalue_input(past, value)
            binding.bind_ortvalue_output(present, value)

    def bind(self, position: int, end: int) -> None:
        """Nothing: see the class."""

    def keep(self) -> None:
        """Nothing: see the class."""


class GrowingCache:
    """The outputs of the last run are the inputs of the next, as graphs need them that concatenate inside.

    Each run copies the whole cache; that is in the nature of such a graph. All of it is numpy's memory: what
    `get_outputs` returns is onnxruntime's, and up to 1.23 gone as soon as the output is bound again.
    """

    def __init__(self, binding: Any, header: OnnxHeader) -> None:
        self._binding = binding
        self._names = names(header)
        self._shape = (1, header.kv_heads, 0, header.head_dim)
        self._values = [np.empty(self._shape, np.float32) for _ in self._names]
        self._next = self._values

    def bind(self, position: int, end: int) -> None:
        """Hand over the first `position` positions: cut only now, so that going back costs nothing."""
        if position < self._values[0].shape[2]:
            self._values = [np.ascontiguousarray(value[:, :, :position]) for value in self._values]
        batch, heads, _, units = self._shape
        self._next = [np.empty((batch, heads, end, units), np.float32) for _ in self._names]
        for (past, present), value, following in zip(self._names, self._values, self._next, strict=True):
            self._binding.bind_input(past, "cpu", 0, np.float32, value.shape, value.ctypes.data)
            self._binding.bind_output(present, "cpu", 0, np.float32, following.shape, following.ctypes.data)

    def keep(self) -> None:
        """Take the outputs over."""
        self._values = self._next
