"""Counts what a finished ONNX model really holds: tensors, weights and bytes by storage type. Loads no external data.

Works on any graph: a weight's type follows from the node that reads it, and what bears the name of a weight's scale or
zero point counts towards that weight's bytes.
"""

import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from edgedoc.manifest import TensorTotals

COMPANION = re.compile(r"[._](scales?|zero_points?)$")
"""Suffixes of this exporter and of onnxruntime's quantisers; the factors of a matrix are not weights of the model."""

WIDENED = "float16, float32 in memory"
"""float16 weights that the graph casts: a session holds what comes out of that."""

BASE = re.compile(r"[._](quantized|rows|Q\d+(G\d+)?|weight)$")


def tensor_types(path: Path) -> dict[str, TensorTotals]:
    """Totals by type name, largest first; bytes that several tensors share count once.

    Rotary caches are listed with no weights: they follow from the configuration.
    """
    import onnx

    graph = onnx.load(str(path), load_external_data=False).graph
    kinds = _kinds(graph.node) | _widened(graph)
    tensors = _distinct(graph.initializer)
    families = {BASE.sub("", tensor.name): _kind(tensor, kinds) for tensor in tensors if not _is_companion(tensor)}
    totals: dict[str, TensorTotals] = {}
    for tensor in tensors:
        kind = _kind(tensor, kinds)
        bits = _item_bits(tensor)
        stored = math.prod(tensor.dims) * bits // 8
        weights = math.prod(tensor.dims) * bits // kinds.get(tensor.name, (kind, bits))[1]
        if _is_companion(tensor):
            kind, weights = families.get(BASE.sub("", COMPANION.sub("", tensor.name)), kind), 0
        elif kind == "rotary cache":
            weights = 0
        old = totals.get(kind, TensorTotals(tensors=0, weights=0, bytes=0))
        totals[kind] = TensorTotals(tensors=old.tensors + 1, weights=old.weights + weights, bytes=old.bytes + stored)
    return dict(sorted(totals.items(), key=lambda item: -item[1].bytes))


def _kinds(nodes: Iterable[Any]) -> dict[str, tuple[str, int]]:
    """Type and bits a weight of the tensors whose element type does not tell."""
    kinds: dict[str, tuple[str, int]] = {}
    for node in nodes:
        attributes = {attribute.name: attribute.i for attribute in node.attribute}
        if node.op_type in ("MatMulNBits", "GatherBlockQuantized"):
            bits = attributes.get("bits", 4)
            weight = node.input[1 if node.op_type == "MatMulNBits" else 0]
            kinds[weight] = (f"int{bits} block {attributes['block_size']}", bits)
        elif node.op_type == "GroupQueryAttention":
            kinds |= dict.fromkeys(node.input[7:9], ("rotary cache", 32))
    return kinds


def _widened(graph: Any) -> dict[str, tuple[str, int]]:
    import onnx

    cast = {node.input[0] for node in graph.node if node.op_type == "Cast"}
    half = {tensor.name for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT16}
    return dict.fromkeys(cast & half, (WIDENED, 16))


def _distinct(tensors: Iterable[Any]) -> list[Any]:
    """One tensor for each place in a file; without scalars and shapes, which are part of the graph."""
    import onnx

    integers = (onnx.TensorProto.INT64, onnx.TensorProto.INT32, onnx.TensorProto.BOOL)
    found: dict[tuple[str, str], Any] = {}
    for tensor in tensors:
        if tensor.data_type not in integers and math.prod(tensor.dims) > 1:
            place = {entry.key: entry.value for entry in tensor.external_data}
            found.setdefault((place.get("location", tensor.name), place.get("offset", "")), tensor)
    return list(found.values())


def _is_companion(tensor: Any) -> bool:
    return COMPANION.search(tensor.name) is not None


def _kind(tensor: Any, kinds: dict[str, tuple[str, int]]) -> str:
    import onnx

    names = {onnx.TensorProto.FLOAT: "float32", onnx.TensorProto.FLOAT16: "float16"}
    if tensor.name in kinds:
        return kinds[tensor.name][0]
    return names.get(tensor.data_type) or str(onnx.TensorProto.DataType.Name(tensor.data_type)).lower()


def _item_bits(tensor: Any) -> int:
    import onnx

    packed = {onnx.TensorProto.INT4: 4, onnx.TensorProto.UINT4: 4}
    return packed.get(tensor.data_type) or 8 * int(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)
