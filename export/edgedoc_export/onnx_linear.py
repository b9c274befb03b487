"""How a linear layer y = x W^T + b is written in ONNX: in floats, in int8 rows, in blocks. Knows no model.

Each way is one small class; replacing a kernel means replacing one of them. A matrix that is stored already under its
name is used again, which is how a tied head shares the bytes of its embedding.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgedoc.errors import CheckpointError
from edgedoc_export.dtypes import is_finite, narrow
from edgedoc_export.onnx_blocks import quantise_blocks
from edgedoc_export.onnx_graph import MICROSOFT, Graph
from edgedoc_export.onnx_presets import OnnxPreset
from edgedoc_export.onnx_rows import quantise_rows
from edgedoc_export.onnx_weights import Matrix

FLOAT = 1
"""onnx.TensorProto.FLOAT"""

ROW_ZEROS = "row_zero_points"
"""A value of the graph: uint8 128 for each row, (batch, rows, 1)."""


@dataclass(frozen=True)
class Layer:
    """A matrix (outputs, inputs) with the name to store it under, and the name of the value to compute."""

    name: str
    weight: Matrix
    output: str
    bias: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class GatedMlp:
    """The three matrices of an MLP with SiLU, and the name of its inner values."""

    name: str
    gate: Layer
    up: Layer
    down: Layer

    def activate(self, graph: Graph, gate: str, up: str) -> str:
        """silu(gate) * up."""
        # QuickGelu is x * sigmoid(alpha * x): with alpha 1 it is SiLU, in one pass instead of two.
        activated = graph.op("QuickGelu", f"{self.name}.activated", [gate], {"alpha": 1.0}, domain=MICROSOFT)
        return graph.op("Mul", f"{self.name}.gated", [activated, up])


@dataclass(frozen=True)
class LastRows:
    """The rows that the head is wanted for: values that hold the number of the first, and of one behind the last."""

    first: str
    end: str

    def of(self, graph: Graph, x: str) -> str:
        """Those rows of `x` (batch, rows, anything), which may be none."""
        return graph.op("Slice", f"{x}.last_rows", [x, self.first, self.end, graph.integers(1)])


class Linear(Protocol):
    """One way to store matrices and to multiply by them; `embed` comes first, once, and every `x` has as many rows."""

    def project(self, graph: Graph, x: str, layer: Layer) -> str:
        """`layer` applied to `x` (batch, rows, inputs): float32 (batch, rows, outputs)."""

    def project_last(self, graph: Graph, x: str, rows: LastRows, layer: Layer) -> str:
        """As `project`, of some of the rows of `x` only; of none of them it makes none."""

    def gated_mlp(self, graph: Graph, x: str, mlp: "GatedMlp") -> str:
        """down(silu(gate x) * up x) for `x` (batch, rows, inputs): float32 (batch, rows, inputs)."""

    def embed(self, graph: Graph, ids: str, table: Layer) -> str:
        """The rows of `table` that `ids` name, float32 (batch, ids, inputs)."""


class FloatLinear:
    """float32 matrices as the checkpoint has them; FusedMatMul takes the transpose, so a tied head is shared."""

    def project(self, graph: Graph, x: str, layer: Layer) -> str:
        inputs = [x, self._weight(graph, layer)]
        if layer.bias is None:
            return graph.op("FusedMatMul", layer.output, inputs, {"transB": 1}, domain=MICROSOFT)
        product = graph.op("FusedMatMul", f"{layer.output}.product", inputs, {"transB": 1}, domain=MICROSOFT)
        return graph.op("Add", layer.output, [product, graph.store(f"{layer.name}.bias", layer.bias)])

    def project_last(self, graph: Graph, x: str, rows: LastRows, layer: Layer) -> str:
        return self.project(graph, rows.of(graph, x), layer)

    def gated_mlp(self, graph: Graph, x: str, mlp: GatedMlp) -> str:
        gate, up = self.project(graph, x, mlp.gate), self.project(graph, x, mlp.up)
        return self.project(graph, mlp.activate(graph, gate, up), mlp.down)

    def embed(self, graph: Graph, ids: str, table: Layer) -> str:
        return graph.op("Gather", table.output, [self._weight(graph, table), ids])

    def _weight(self, graph: Graph, layer: Layer) -> str:
        name = f"{layer.name}.weight"
        if not graph.has(name):
            region = graph.reserve(name, np.float32, (layer.weight.rows, layer.weight.columns))
            for _, slab in layer.weight.slabs():
                region.append(slab)
        return name


class HalfLinear(FloatLinear):
    """float16 matrices, each cast to float32 in front of its product: a constant, which a session computes as it loads.

    Weights get the nearest float16, ties to even, as in GGUF: within 2**-11 of their size, below 2**-14 within 2**-25.
    Those of a bfloat16 checkpoint stay as they are down to 2**-17. Beyond 65504 they are refused with CheckpointError.
    """

    def embed(self, graph: Graph, ids: str, table: Layer) -> str:
        """Casts the rows it finds: a table cast as a whole would be in memory a second time."""
        rows = graph.op("Gather", f"{table.output}.half", [self._stored(graph, table), ids])
        return graph.op("Cast", table.output, [rows], {"to": FLOAT})

    def _weight(self, graph: Graph, layer: Layer) -> str:
        return graph.op("Cast", f"{layer.name}.float32", [self._stored(graph, layer)], {"to": FLOAT})

    def _stored(self, graph: Graph, layer: Layer) -> str:
        name = f"{layer.name}.weight"
        if not graph.has(name):
            region = graph.reserve(name, np.float16, (layer.weight.rows, layer.weight.columns))
            for _, slab in layer.weight.slabs():
                values = narrow(slab, "F16")
                if not is_finite(values, "F16"):
                    raise CheckpointError(
                        f"{layer.name} has values beyond 65504, the largest of f16; export f32, int8 or int4"
                    )
                region.append(values)
        return name


class RowLinear:
    """int8 by int8 with one scale for each row of x and each row of W.

    Why not DynamicQuantizeLinear: its one scale for the whole of x lets an outlier row (Qwen2's first token) blur all
    others, and makes the result for a row depend on which rows it is computed with.
    """

    def project(self, graph: Graph, x: str, layer: Layer) -> str:
        codes, scale = self._quantise(graph, x, layer.weight.columns)
        return self._scaled(graph, layer, self._product(graph, codes, layer), scale)

    def project_last(self, graph: Graph, x: str, rows: LastRows, layer: Layer) -> str:
        """Quantises all rows: the maximum over each of no rows has a wrong shape in onnxruntime (1.31)."""
        codes, scale = (rows.of(graph, part) for part in self._quantise(graph, x, layer.weight.columns))
        return self._scaled(graph, layer, self._product(graph, codes, layer), scale)

    def gated_mlp(self, graph: Graph, x: str, mlp: GatedMlp) -> str:
        """x is quantised once; `up` is left unscaled, for a row's factor does not change the codes of the product."""
        codes, scale = self._quantise(graph, x, mlp.gate.weight.columns)
        gate = self._scaled(graph, mlp.gate, self._product(graph, codes, mlp.gate), scale)
        gated = mlp.activate(graph, gate, self._product(graph, codes, mlp.up))
        inner_codes, inner = self._quantise(graph, gated, mlp.down.weight.columns)
        both = graph.op("Mul", f"{mlp.name}.scale", [inner, scale])
        return self._scaled(graph, mlp.down, self._product(graph, inner_codes, mlp.down), both)

    def embed(self, graph: Graph, ids: str, table: Layer) -> str:
        """Columns of the matrix as products want it, so that a tied head is stored once."""
        codes, scales = self._weight(graph, table)
        found = graph.op("Gather", f"{table.output}.columns", [codes, ids], {"axis": 1})
        rows = graph.op("Transpose", f"{table.output}.codes", [found], {"perm": [1, 2, 0]})
        unscaled = graph.op("Cast", f"{table.output}.unscaled", [rows], {"to": FLOAT})
        column = graph.alias(f"{table.name}.rows_scale", scales, (table.weight.rows, 1))
        scale = graph.op("Gather", f"{table.output}.scale", [column, ids])
        # QuantizeLinear wants a zero point for each block; these serve all layers.
        graph.op("Expand", ROW_ZEROS, [self._zero(graph), graph.op("Shape", "row_scales", [scale])])
        return graph.op("Mul", table.output, [unscaled, scale])

    def _quantise(self, graph: Graph, x: str, columns: int) -> tuple[str, str]:
        """Codes of the rows of x, uint8 around 128, and the scale of each row (batch, rows, 1).

        A row is one block of QuantizeLinear, which divides and rounds in one pass. A row of zeros has the scale 0 and
        codes that mean nothing: what is computed from them is multiplied by that scale.
        """
        largest = graph.op("ReduceMax", f"{x}.largest", [graph.op("Abs", f"{x}.abs", [x]), graph.integers(-1)])
        step = graph.constant("1/127", np.array(1 / 127, np.float32))
        scale = graph.op("Mul", f"{x}.scale", [largest, step])
        block = {"axis": 2, "block_size": columns}
        return graph.op("QuantizeLinear", f"{x}.codes", [x, scale, ROW_ZEROS], block), scale

    def _product(self, graph: Graph, codes: str, layer: Layer) -> str:
        weight, scale = self._weight(graph, layer)
        one = graph.constant("one", np.array(1, np.float32))
        inputs = [codes, weight, one, scale, self._zero(graph)]
        return graph.op("MatMulIntegerToFloat", f"{layer.output}.product", inputs, domain=MICROSOFT)

    def _scaled(self, graph: Graph, layer: Layer, product: str, scale: str) -> str:
        if layer.bias is None:
            return graph.op("Mul", layer.output, [product, scale])
        scaled = graph.op("Mul", f"{layer.output}.scaled", [product, scale])
        return graph.op("Add", layer.output, [scaled, graph.store(f"{layer.name}.bias", layer.bias)])

    def _weight(self, graph: Graph, layer: Layer) -> tuple[str, str]:
        """Stored as (inputs, outputs), which MatMulInteger wants."""
        codes, scales = f"{layer.name}.quantized", f"{layer.name}.scale"
        if not graph.has(codes):
            matrix = graph.reserve(codes, np.int8, (layer.weight.columns, layer.weight.rows))
            factors = graph.reserve(scales, np.float32, (layer.weight.rows,))
            for first, slab in layer.weight.slabs():
                values, scale = quantise_rows(slab)
                matrix.put_columns(first, values.T)
                factors.append(scale)
        return codes, scales

    def _zero(self, graph: Graph) -> str:
        return graph.constant("zero_point", np.array(128, np.uint8))


class BlockLinear:
    """MatMulNBits, and GatherBlockQuantized on the same bytes for the embedding."""

    def __init__(self, preset: OnnxPreset) -> None:
        self._preset = preset

    def project(self, graph: Graph, x: str, layer: Layer) -> str:
        bias = "" if layer.bias is None else graph.store(f"{layer.name}.bias", layer.bias)
        inputs = [x, *self._weight(graph, layer), "", bias]
        while not inputs[-1]:
            inputs.pop()
        attributes = {
            "K": layer.weight.columns,
            "N": layer.weight.rows,
            "bits": self._preset.bits,
            "block_size": self._preset.block,
            "accuracy_level": self._preset.accuracy_level,
        }
        return graph.op("MatMulNBits", layer.output, inputs, attributes, domain=MICROSOFT)

    def project_last(self, graph: Graph, x: str, rows: LastRows, layer: Layer) -> str:
        return self.project(graph, rows.of(graph, x), layer)

    def gated_mlp(self, graph: Graph, x: str, mlp: GatedMlp) -> str:
        """Gate and up in one product: fewer times that threads wait for each other, 3 % of a decoding step at 0.5B."""
        both = Layer(f"{mlp.name}.gate_up_proj", mlp.gate.weight.above(mlp.up.weight), f"{mlp.name}.gate_up")
        packed = self.project(graph, x, both)
        halves = [mlp.gate.output, mlp.up.output]
        graph.op("Split", halves, [packed], {"axis": -1, "num_outputs": 2})
        return self.project(graph, mlp.activate(graph, *halves), mlp.down)

    def embed(self, graph: Graph, ids: str, table: Layer) -> str:
        codes, scales, zeros = self._weight(graph, table)
        # The same bytes: MatMulNBits wants them by block, the gather by row.
        shape = (table.weight.rows, table.weight.columns * self._preset.bits // 8)
        rows = graph.alias(f"{table.name}.rows", codes, shape)
        attributes = {"gather_axis": 0, "quantize_axis": 1, "block_size": self._preset.block, "bits": self._preset.bits}
        inputs = [rows, ids, scales, *([zeros] if zeros else [])]
        return graph.op("GatherBlockQuantized", table.output, inputs, attributes, domain=MICROSOFT)

    def _weight(self, graph: Graph, layer: Layer) -> tuple[str, str, str]:
        names = f"{layer.name}.quantized", f"{layer.name}.scales", f"{layer.name}.zero_points"
        bits, size, symmetric, weight = self._preset.bits, self._preset.block, self._preset.symmetric, layer.weight
        if weight.columns % size:
            raise CheckpointError(
                f"{layer.name} has rows of {weight.columns} weights, which do not divide into blocks of {size}; "
                "export int4_b32, int8 or f32"
            )
        blocks = weight.columns // size
        if not graph.has(names[0]):
            shapes = (blocks, size * bits // 8), (blocks,), (-(-blocks * bits // 8),)
            types = np.uint8, np.float32, np.uint8
            regions = [
                graph.reserve(name, dtype, (weight.rows, *shape))
                for name, dtype, shape in list(zip(names, types, shapes, strict=True))[: 2 if symmetric else 3]
            ]
            for _, slab in weight.slabs():
                pieces = quantise_blocks(slab, bits, size, self._preset.search, symmetric=symmetric)
                for region, piece in zip(regions, pieces, strict=False):
                    assert piece is not None
                    region.append(piece)
        return names[0], names[1], "" if symmetric else names[2]


def linear_of(preset: OnnxPreset) -> Linear:
    """The way a preset stores its matrices."""
    if preset.kind == "float":
        return FloatLinear()
    if preset.kind == "half":
        return HalfLinear()
    return RowLinear() if preset.kind == "rows" else BlockLinear(preset)
