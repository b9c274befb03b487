"""Collects the nodes of an ONNX graph and the weights they refer to. Knows no model and no quantisation.

Weights live in a DataFile; only scalars and shape constants are stored in the graph itself.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import DTypeLike, NDArray

from edgedoc_export.onnx_data import DataFile, Region

MICROSOFT = "com.microsoft"
"""onnxruntime's own operators (onnxruntime, docs/ContribOperators.md)."""

OPSET = 21
IR_VERSION = 10
"""The pair of onnx 1.16 and onnxruntime 1.18; a newer one would lock older runtimes out and give nothing here."""

Shape = Sequence[int | str]


class Graph:
    """A graph under construction. A node bears the name of its first output, so a profile can be read."""

    def __init__(self, data: DataFile) -> None:
        self._data = data
        self._nodes: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._initializers: dict[str, Any] = {}
        self._regions: dict[str, Region] = {}

    def op(
        self,
        kind: str,
        outputs: str | Sequence[str],
        inputs: Sequence[str],
        attributes: Mapping[str, int | float | list[int]] | None = None,
        *,
        domain: str = "",
    ) -> str:
        """Add a node; the name of its first output. An optional input or output that is left out is an empty string."""
        names = [outputs] if isinstance(outputs, str) else list(outputs)
        self._nodes.append(
            onnx.helper.make_node(kind, list(inputs), names, name=names[0], domain=domain, **(attributes or {}))
        )
        return names[0]

    def input(self, name: str, dtype: DTypeLike, shape: Shape) -> None:
        """Declare an input; a string in `shape` names a size known only at run time."""
        self._inputs.append(_value(name, dtype, shape))

    def output(self, name: str, dtype: DTypeLike, shape: Shape) -> None:
        """Declare an output."""
        self._outputs.append(_value(name, dtype, shape))

    def constant(self, name: str, value: NDArray[Any]) -> str:
        """A small value kept in the graph; adding a name again changes nothing."""
        if name not in self._initializers:
            self._initializers[name] = onnx.numpy_helper.from_array(value, name)
        return name

    def integers(self, *values: int) -> str:
        """A constant vector of int64, shared by all who need the same."""
        return self.constant(f"int64_{'_'.join(map(str, values))}", np.array(values, np.int64))

    def has(self, name: str) -> bool:
        """Whether a weight or constant of this name was added."""
        return name in self._initializers

    def reserve(self, name: str, dtype: DTypeLike, shape: Sequence[int]) -> Region:
        """A weight whose values follow, through the region."""
        assert name not in self._initializers
        self._regions[name] = self._data.reserve(dtype, shape)
        self._initializers[name] = self._data.tensor(name, self._regions[name])
        return self._regions[name]

    def store(self, name: str, values: NDArray[Any]) -> str:
        """A weight that is there already."""
        self.reserve(name, values.dtype, values.shape).append(values)
        return name

    def alias(self, name: str, of: str, shape: Sequence[int]) -> str:
        """The bytes of the weight `of` under another name and shape."""
        self._initializers[name] = self._data.tensor(name, self._regions[of], shape)
        return name

    def model(self, name: str, metadata: Mapping[str, str]) -> Any:
        """The finished ModelProto, with `metadata` as its metadata_props."""
        graph = onnx.helper.make_graph(
            self._nodes, name, self._inputs, self._outputs, initializer=list(self._initializers.values())
        )
        opsets = [onnx.helper.make_opsetid("", OPSET), onnx.helper.make_opsetid(MICROSOFT, 1)]
        model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="edgedoc")
        onnx.helper.set_model_props(model, dict(metadata))
        return model


def _value(name: str, dtype: DTypeLike, shape: Shape) -> Any:
    element = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return onnx.helper.make_tensor_value_info(name, element, list(shape))
