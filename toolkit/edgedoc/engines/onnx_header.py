"""Reads and judges an ONNX model before any native code sees it. Knows no onnxruntime, needs no onnx, loads no weights.

What planning needs is in the model file itself: names and shapes of inputs and outputs, edgedoc's metadata, and for
each weight its shape and the place of its bytes. Message layout: onnx 1.23, `onnx/onnx.proto`.
"""

import mmap
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgedoc.engines.onnx_nodes import MAX_SIZE, Node, OnnxError, Tensor, read_node, read_shape, read_tensor
from edgedoc.engines.protobuf import Span, Walker, WireError
from edgedoc.errors import ArtifactError

MAX_LAYERS = 512
MAX_CONTEXT = 1 << 20
FLOAT = 1
"""onnx.TensorProto.FLOAT"""
FLOAT16 = 10
"""onnx.TensorProto.FLOAT16"""

REQUIRED = frozenset({"input_ids", "attention_mask"})
OPTIONAL = frozenset({"position_ids", "num_logits"})
PAST = re.compile(r"past_key_values\.(\d{1,3})\.(key|value)")
PRODUCTS = ("MatMul", "Gemm", "DequantizeLinear")
"""What the names of operators contain that read a matrix of weights for a product."""
LOOKUPS = frozenset({"Gather", "GatherBlockQuantized"})


@dataclass(frozen=True, kw_only=True)
class OnnxHeader:
    """What memory planning and the engine need. Sizes in bytes, lengths in tokens or units."""

    in_place: bool
    """The graph is edgedoc's own: one buffer is past and present of a layer, and `num_logits` says how many rows."""
    position_ids: bool
    """The graph wants to be told the positions."""
    layers: int
    kv_heads: int
    head_dim: int
    vocab_size: int
    hidden_size: int
    width: int
    """The widest activation between matrices, the logits apart."""
    context_length: int | None
    """What the rotary caches and the metadata allow; None where neither says."""
    file_size: int
    """The model file alone; weights stored in it are part of it."""
    data_bytes: int
    """The data files beside it."""
    lookup_bytes: int
    """Of `data_bytes`, what is only looked up in: it stays in the file, and only the rows used are read."""
    tied_bytes: int
    """Of `data_bytes`, what products read as well, under one name: it stays, beside the copy made for the product."""
    scale_bytes: int
    """Scales of MatMulNBits: its kernels hold them twice."""
    widened_bytes: int
    """float16 weights that the graph casts to float32: a session does so once and holds the result, twice the bytes."""
    widest_bytes: int
    """The largest of them."""
    mapped: tuple[Tensor, ...]
    """Weights no product reads: scales and zero points of MatMulNBits, which its kernels copy, and the tables that
    GatherBlockQuantized looks rows up in."""


def read_header(path: Path) -> OnnxHeader:
    """The header of the model at `path`. Raises ArtifactError for anything else, or when weights are missing."""
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            if size < 16:
                raise OnnxError("it is too short")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _parse(Walker(data), size, path)
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (OnnxError, WireError) as error:
        raise ArtifactError(f"{path} is not a usable ONNX model: {error}. Export or copy it again.") from error


def _parse(walker: Walker, size: int, path: Path) -> OnnxHeader:
    graph: Span | None = None
    metadata: dict[str, str] = {}
    for field in walker.fields(Span(0, size)):
        if field.number == 7 and graph is not None:
            raise OnnxError("it has two graphs")
        elif field.number == 7:
            graph = field.span
        elif field.number == 14:
            key, value = _pair(walker, field.span)
            metadata[key] = value
    if graph is None:
        raise OnnxError("it has no graph")
    nodes: list[Node] = []
    tensors: dict[str, Tensor] = {}
    inputs: dict[str, tuple[int, list[int]]] = {}
    outputs: dict[str, tuple[int, list[int]]] = {}
    for field in walker.fields(graph):
        if field.number == 1:
            nodes.append(read_node(walker, field.span))
        elif field.number == 5:
            tensor = read_tensor(walker, field.span)
            tensors[tensor.name] = tensor
        elif field.number in (11, 12):
            name, kind, shape = read_shape(walker, field.span)
            (inputs if field.number == 11 else outputs)[name] = kind, shape
    casts = _casts(nodes, tensors)
    widened = set(casts.values())
    layers, kv_heads, head_dim = _caches(inputs, outputs)
    vocab_size = _vocabulary(outputs, metadata)
    hidden_size, width = _widths(nodes, tensors, casts, vocab_size)
    lookup_bytes, tied_bytes = _tables(nodes, tensors, widened)
    return OnnxHeader(
        in_place="num_logits" in inputs,
        position_ids="position_ids" in inputs,
        layers=layers,
        kv_heads=kv_heads,
        head_dim=head_dim,
        vocab_size=vocab_size,
        hidden_size=hidden_size,
        width=width,
        context_length=_context(nodes, tensors, metadata),
        file_size=size,
        data_bytes=_data_files(tensors, path),
        lookup_bytes=lookup_bytes,
        tied_bytes=tied_bytes,
        scale_bytes=sum(tensor.bytes for tensor in _inputs("MatMulNBits", 2, nodes, tensors)),
        widened_bytes=sum(tensors[name].bytes for name in widened),
        widest_bytes=max((tensors[name].bytes for name in widened), default=0),
        mapped=_unmultiplied(nodes, tensors),
    )


def _pair(walker: Walker, message: Span) -> tuple[str, str]:
    found = {1: "", 2: ""}
    for field in walker.fields(message):
        # Foreign exporters put whole configurations into a value; only short ones matter here.
        if field.number in found and field.span.size <= 4096:
            found[field.number] = walker.text(field.span)
    return found[1], found[2]


def _caches(
    inputs: Mapping[str, tuple[int, list[int]]], outputs: Mapping[str, tuple[int, list[int]]]
) -> tuple[int, int, int]:
    """Layers, key heads and units a head, from the cache inputs, which must be float32 and all alike."""
    past = {name: found for name, found in inputs.items() if PAST.fullmatch(name)}
    unknown = sorted(inputs.keys() - past.keys() - REQUIRED - OPTIONAL)
    missing = sorted(REQUIRED - inputs.keys())
    if unknown or missing or not past or "logits" not in outputs:
        odd = f"unknown inputs {', '.join(unknown[:5])}" if unknown else "no input_ids, attention_mask, cache or logits"
        raise OnnxError(f"its graph is not a text generator with a KV cache as edgedoc knows them ({odd})")
    layers = len(past) // 2
    expected = {f"{layer}.{kind}" for layer in range(layers) for kind in ("key", "value")}
    if {name.removeprefix("past_key_values.") for name in past} != expected or layers > MAX_LAYERS:
        raise OnnxError("its cache inputs are not numbered from 0 without a gap")
    if not {f"present.{name}" for name in expected} <= outputs.keys():
        raise OnnxError("not every cache input has its output")
    if any(kind != FLOAT for kind, _ in (*past.values(), outputs["logits"])):
        raise OnnxError("its cache or logits are not float32; export it with float32 activations")
    shapes = {(shape[1], shape[3]) if len(shape) == 4 else (0, 0) for _, shape in past.values()}
    kv_heads, head_dim = shapes.pop()
    if shapes or not (0 < kv_heads < MAX_SIZE and 0 < head_dim < MAX_SIZE):
        raise OnnxError("its cache inputs differ in shape or leave it open")
    return layers, kv_heads, head_dim


def _vocabulary(outputs: Mapping[str, tuple[int, list[int]]], metadata: Mapping[str, str]) -> int:
    shape = outputs["logits"][1]
    size = shape[2] if len(shape) == 3 and shape[2] else _number(metadata, "edgedoc.vocab_size") or 0
    if not 0 < size < MAX_SIZE:
        raise OnnxError("the size of its vocabulary is not stated")
    return size


def _context(nodes: list[Node], tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> int | None:
    """The shortest of what is stated and what the rotary caches hold: attention past their end is an error."""
    lengths = [
        tensors[node.inputs[7]].shape[0]
        for node in nodes
        if node.kind == "GroupQueryAttention" and len(node.inputs) > 7 and node.inputs[7] in tensors
    ]
    stated = _number(metadata, "edgedoc.context")
    lengths += [stated] if stated is not None else []
    if lengths and not 0 < min(lengths) <= MAX_CONTEXT:
        raise OnnxError(f"its context is {min(lengths)} tokens")
    return min(lengths, default=None)


def _number(metadata: Mapping[str, str], key: str) -> int | None:
    text = metadata.get(key, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _widths(
    nodes: list[Node], tensors: Mapping[str, Tensor], casts: Mapping[str, str], vocab_size: int
) -> tuple[int, int]:
    """Units of the residual stream, and of the widest activation, from the matrices that are multiplied with."""
    shapes: list[tuple[int, ...]] = []
    for node in nodes:
        if node.kind == "MatMulNBits":
            shapes.append((node.rows, node.columns))
        elif _multiplies(node):
            names = (casts.get(name, name) for name in node.inputs)
            shapes += [tensors[name].shape for name in names if name in tensors and len(tensors[name].shape) == 2]
    # The head comes last; in a toy another matrix may have the vocabulary's size as well.
    heads = [index for index, shape in enumerate(shapes) if vocab_size in shape]
    hidden_size = min(shapes.pop(heads[-1])) if heads else 0
    if not shapes:
        raise OnnxError("it has no matrices of weights")
    return hidden_size or min(map(min, shapes)), max(map(max, shapes))


def _multiplies(node: Node) -> bool:
    return any(part in node.kind for part in PRODUCTS)


def _inputs(kind: str, number: int, nodes: list[Node], tensors: Mapping[str, Tensor]) -> list[Tensor]:
    """The weights that are input `number` of an operator of this kind, each once."""
    names = [node.inputs[number] for node in nodes if node.kind == kind and len(node.inputs) > number]
    return [tensors[name] for name in dict.fromkeys(names) if name in tensors]


def _unmultiplied(nodes: list[Node], tensors: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    factors = [*_inputs("MatMulNBits", 2, nodes, tensors), *_inputs("MatMulNBits", 3, nodes, tensors)]
    multiplied = {tensor.name for tensor in _inputs("MatMulNBits", 1, nodes, tensors)}
    tables = [table for table in _inputs("GatherBlockQuantized", 0, nodes, tensors) if table.name not in multiplied]
    return (*factors, *tables)


def _casts(nodes: list[Node], tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """The float16 weights that are cast, by the names of what comes out."""
    half = {name for name, tensor in tensors.items() if tensor.type == FLOAT16}
    return {node.output: name for node in nodes if node.kind == "Cast" for name in node.inputs if name in half}


def _tables(nodes: list[Node], tensors: Mapping[str, Tensor], widened: set[str]) -> tuple[int, int]:
    """Bytes of external weights that only lookups read, and of those that products read under the same name as well.

    Two names may share bytes: a tied head is read by products, whatever its name there. Of a weight that is `widened`
    products read the copy, and lookups find their rows in the file.
    """
    places: dict[tuple[str, int], set[bool]] = {}
    names: dict[str, set[bool]] = {}
    for node in nodes:
        for name in node.inputs:
            tensor = tensors.get(name)
            if tensor is not None and tensor.location is not None:
                places.setdefault((tensor.location, tensor.offset), set()).add(node.kind in LOOKUPS)
                names.setdefault(name, set()).add(node.kind in LOOKUPS)
    looked_up = {
        place: tensor.bytes
        for tensor in tensors.values()
        if tensor.location is not None and places.get(place := (tensor.location, tensor.offset)) == {True}
    }
    return sum(looked_up.values()), sum(
        tensors[name].bytes for name, kinds in names.items() if len(kinds) == 2 and name not in widened
    )


def _data_files(tensors: Mapping[str, Tensor], path: Path) -> int:
    """Bytes of all data files; each must lie beside the model and reach as far as its tensors do."""
    needed: dict[str, int] = {}
    for tensor in tensors.values():
        if tensor.location is not None:
            needed[tensor.location] = max(needed.get(tensor.location, 0), tensor.offset + tensor.bytes)
    total = 0
    for name, end in needed.items():
        # Separators of every platform: the folder may have been written anywhere.
        if name in ("", ".", "..") or set(name) & set("/\\:\0"):
            raise OnnxError(f"it keeps weights in {name!r}, which is not a file beside it")
        file = path.with_name(name)
        if not file.is_file():
            raise ArtifactError(
                f"{file} is missing: the weights of {path.name} are in it. Copy the whole folder, or export again."
            )
        size = file.stat().st_size
        if size < end:
            raise ArtifactError(
                f"{file} has {size} bytes instead of {end}: the copy was cut short. Copy the whole folder again."
            )
        total += size
    return total
