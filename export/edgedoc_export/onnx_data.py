"""The weights of an ONNX model in one file beside it: tensors at page boundaries, written in pieces. Knows no graph.

Layout: onnx, docs/ExternalData.md. A tensor is reserved first and filled afterwards, so that one pass over a matrix can
fill its codes and its scales, and nothing larger than a piece is ever held.
"""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
import onnx
from numpy.typing import DTypeLike, NDArray

from edgedoc_export.onnx_presets import DATA_SUFFIX

ALIGNMENT = 4096
"""Bytes; a runtime can map a tensor that starts on a page instead of copying it."""


class Region:
    """A tensor's place in the file. Pieces go to it in order, or as runs of columns; each byte once."""

    def __init__(self, file: BinaryIO, start: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        self.start, self.dtype, self.shape = start, dtype, shape
        self.nbytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        self.filled = 0
        self._file = file

    def append(self, values: NDArray[Any]) -> None:
        """The next piece: whole rows of the tensor. Raises OSError."""
        assert values.dtype == self.dtype and self.filled + values.nbytes <= self.nbytes
        self._file.seek(self.start + self.filled)
        self._file.write(np.ascontiguousarray(values).data.cast("B"))
        self.filled += values.nbytes

    def put_columns(self, first: int, values: NDArray[Any]) -> None:
        """Columns `first` and following, shape (rows of the tensor, columns of this piece). Raises OSError."""
        rows, width = self.shape
        if values.shape == self.shape:
            return self.append(values)
        assert values.dtype == self.dtype and len(values) == rows and first + values.shape[1] <= width
        item = self.dtype.itemsize
        for number, row in enumerate(np.ascontiguousarray(values)):
            self._file.seek(self.start + (number * width + first) * item)
            self._file.write(row.data.cast("B"))
        self.filled += values.nbytes
        return None


class DataFile:
    """`<model file>_data`, open for writing, as a context manager."""

    def __init__(self, model: Path) -> None:
        self._path = model.with_name(model.name + DATA_SUFFIX)
        self._regions: list[Region] = []
        self._end = 0

    def __enter__(self) -> Self:
        self._file = self._path.open("wb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        assert error is not None or all(region.filled == region.nbytes for region in self._regions)

    def reserve(self, dtype: DTypeLike, shape: Sequence[int]) -> Region:
        """Room for a tensor behind all others."""
        start = -(-self._end // ALIGNMENT) * ALIGNMENT
        region = Region(self._file, start, np.dtype(dtype), tuple(shape))
        self._end = start + region.nbytes
        self._regions.append(region)
        return region

    def tensor(self, name: str, region: Region, shape: Sequence[int] | None = None) -> Any:
        """The TensorProto that refers to `region`; `shape` for the same bytes seen as a tensor of another shape."""
        tensor = onnx.TensorProto(name=name, data_type=onnx.helper.np_dtype_to_tensor_dtype(region.dtype))
        tensor.dims.extend(region.shape if shape is None else shape)
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (("location", self._path.name), ("offset", region.start), ("length", region.nbytes)):
            tensor.external_data.add(key=key, value=str(value))
        return tensor
