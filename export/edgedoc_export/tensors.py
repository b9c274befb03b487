"""What an exporter reads weights from: tensors by transformers name, in slabs. Knows neither files nor formats."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from edgedoc_export.dtypes import Dtype, Values
from edgedoc_export.qwen2 import Qwen2Config


class TensorSource(Protocol):
    """A Qwen2 model whose tensors can be streamed: a checkpoint is one, with adapters merged it is another."""

    @property
    def config(self) -> Qwen2Config:
        """Sizes of the model."""

    def names(self) -> Sequence[str]:
        """Every tensor to export, in the order of the forward pass; a tied head is not among them."""

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor."""

    def dtype(self, name: str) -> Dtype:
        """Type in which `slabs` yields it."""

    def slabs(self, name: str) -> Iterator[Values]:
        """The tensor as consecutive runs of rows. Raises CheckpointError when it cannot be read or is not finite."""


def matrix_dtype(source: TensorSource) -> Dtype:
    """The narrowest type that holds every matrix of `source` exactly."""
    found = {source.dtype(name) for name in source.names() if len(source.shape(name)) > 1}
    return found.pop() if len(found) == 1 else "F32"
