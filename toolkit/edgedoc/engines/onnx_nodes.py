"""The messages inside an ONNX graph, each read as far as planning needs it. Knows no model.

Field numbers: onnx 1.23, `onnx/onnx.proto` (NodeProto, TensorProto, ValueInfoProto).
"""

import math
from typing import NamedTuple

from edgedoc.engines.protobuf import Span, Walker

MAX_SIZE = 1 << 31
"""No length of a weight or activation reaches it; beyond it onnxruntime's own arithmetic is not to be trusted."""

BITS = {1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 16: 16, 21: 4, 22: 4}
"""onnx.TensorProto.DataType -> bits a value; types that weights do not have are left out."""

EXTERNAL = 1
"""onnx.TensorProto.EXTERNAL"""


class OnnxError(Exception):
    """Why a file is refused; the reader adds the path and turns it into an ArtifactError."""


class Node(NamedTuple):
    """An operator; `rows` and `columns` are the matrix of a MatMulNBits, whose weights are packed (its N and K)."""

    kind: str
    inputs: tuple[str, ...]
    output: str
    """The first."""
    rows: int
    columns: int


class Tensor(NamedTuple):
    """A weight: its bytes are in the file `location` beside the model, or in the model where that is None."""

    name: str
    shape: tuple[int, ...]
    bytes: int
    location: str | None
    offset: int
    type: int
    """onnx.TensorProto.DataType"""


def read_node(walker: Walker, message: Span) -> Node:
    """A NodeProto. Raises WireError."""
    kind = output = ""
    inputs = []
    sizes = {"N": 0, "K": 0}
    for field in walker.fields(message):
        if field.number == 1:
            inputs.append(walker.text(field.span))
        elif field.number == 2:
            output = output or walker.text(field.span)
        elif field.number == 4:
            kind = walker.text(field.span)
        elif field.number == 5 and kind == "MatMulNBits":
            # Attributes come after the kind: serialisers write fields by number.
            name, value = _attribute(walker, field.span)
            if name in sizes:
                sizes[name] = value
    return Node(kind, tuple(inputs), output, sizes["N"], sizes["K"])


def read_tensor(walker: Walker, message: Span) -> Tensor:
    """A TensorProto. Raises WireError, and OnnxError for a shape or place that cannot be."""
    shape: list[int] = []
    kind = 0
    name = ""
    external: dict[str, str] = {}
    is_external = False
    for field in walker.fields(message):
        if field.number == 1:
            shape += walker.integers(field)
        elif field.number == 2:
            kind = field.value
        elif field.number == 8:
            name = walker.text(field.span)
        elif field.number == 13:
            entry = {part.number: walker.text(part.span) for part in walker.fields(field.span) if part.number in (1, 2)}
            external[entry.get(1, "")] = entry.get(2, "")
        elif field.number == 14:
            is_external = field.value == EXTERNAL
    if kind not in BITS or len(shape) > 8 or any(side >= MAX_SIZE for side in shape) or math.prod(shape) >= 1 << 40:
        raise OnnxError(f"weight {name!r} has type {kind} and shape {shape}")
    size = -(-math.prod(shape) * BITS[kind] // 8)
    if not is_external:
        return Tensor(name, tuple(shape), size, None, 0, kind)
    offset, length = external.get("offset", "0"), external.get("length", str(size))
    if not (offset.isascii() and offset.isdigit() and len(offset) < 16 and length == str(size)):
        raise OnnxError(f"weight {name!r} says {length} bytes from {offset} on, and its shape needs {size}")
    return Tensor(name, tuple(shape), size, external.get("location", ""), int(offset), kind)


def read_shape(walker: Walker, message: Span) -> tuple[str, int, list[int]]:
    """Name, element type and shape of an input or output (ValueInfoProto); a size left open is 0. Raises WireError."""
    name = ""
    kind = 0
    shape = []
    for field in walker.fields(message):
        if field.number == 1:
            name = walker.text(field.span)
        elif field.number == 2:
            for tensor in (part.span for part in walker.fields(field.span) if part.number == 1):
                for part in walker.fields(tensor):
                    if part.number == 1:
                        kind = part.value
                    elif part.number == 2:
                        shape = [
                            next((size.value for size in walker.fields(dimension.span) if size.number == 1), 0)
                            for dimension in walker.fields(part.span)
                            if dimension.number == 1
                        ]
    return name, kind, shape


def _attribute(walker: Walker, message: Span) -> tuple[str, int]:
    name = ""
    value = 0
    for field in walker.fields(message):
        if field.number == 1:
            name = walker.text(field.span)
        elif field.number == 3:
            value = field.value
    return name, value
