"""A checkpoint's weights as the ONNX graph wants them: matrices in slabs of float32 rows, several stacked into one.

Knows no ONNX and no quantisation.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgedoc_export.dtypes import widen
from edgedoc_export.progress import Progress
from edgedoc_export.tensors import TensorSource

Array = NDArray[np.float32]


class Weights:
    """Reads a source and tells `progress` how many of the `total` weights that will be asked for have been."""

    def __init__(self, source: TensorSource, progress: Progress, total: int) -> None:
        self._source, self._progress, self._total = source, progress, total
        self._done = 0

    def matrix(self, *names: str) -> "Matrix":
        """The rows of the named tensors, one below the other; nothing is read yet."""
        shapes = [self._source.shape(name) for name in names]
        assert len({columns for _, columns in shapes}) == 1
        return Matrix(self, names, sum(rows for rows, _ in shapes), shapes[0][1])

    def vector(self, *names: str) -> Array:
        """The named vectors, one behind the other."""
        return np.concatenate([slab for name in names for slab in self.read(name)])

    def read(self, name: str) -> Iterator[Array]:
        """Runs of rows of one tensor, float32. Raises CheckpointError for what cannot be read or is not finite."""
        for slab in self._source.slabs(name):
            yield widen(slab, self._source.dtype(name))
            self._done += slab.size
            self._progress("write", self._done, self._total)


@dataclass(frozen=True)
class Matrix:
    """A matrix (rows, columns) = (outputs, inputs) that is read anew each time it is needed."""

    weights: Weights
    names: tuple[str, ...]
    rows: int
    columns: int

    def above(self, other: "Matrix") -> "Matrix":
        """The rows of this one and below them those of `other`."""
        assert self.columns == other.columns
        return Matrix(self.weights, self.names + other.names, self.rows + other.rows, self.columns)

    def slabs(self) -> Iterator[tuple[int, Array]]:
        """Each run of rows with the number of its first."""
        first = 0
        for name in self.names:
            for slab in self.weights.read(name):
                yield first, slab
                first += len(slab)
