"""Quantises a float32 ONNX graph file with onnxruntime's own tools, as transformers.js' models are; no checkpoint.

int8: MatMul weights int8 with a scale an output channel (`quantize_dynamic`), the embedding int8 with a scale a row.
int4: MatMul and embedding in blocks of 32, symmetric (`MatMulNBitsQuantizer`; operators MatMulNBits and
GatherBlockQuantized of com.microsoft). Both store a tied head and its embedding separately, as optimum's graph does.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgedoc.errors import EngineError, MissingPackageError
from edgedoc_export.portable_file import read_model, save_model

BLOCK_SIZE = 32
ACCURACY_LEVEL = 4
"""Activations in int8: three times the speed of float32 on a CPU; runtimes that cannot take it as a hint."""

SLAB_ROWS = 4096


def quantize_int8(source: Path, out: Path) -> None:
    """Write `source`, which may be rewritten, to `out` at eight bits. Raises MissingPackageError and EngineError."""
    with _translated():
        from onnxruntime.quantization import QuantType, quantize_dynamic

        traced = read_model(source)
        if _untie(traced):
            save_model(traced, source)
        quantize_dynamic(
            source,
            out,
            # Not its default list: that would give the embedding one scale for all rows.
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            weight_type=QuantType.QInt8,
            use_external_data_format=True,
        )
        model = read_model(out)
        _embedding_to_int8(model)
        save_model(model, out)


def quantize_int4(source: Path, out: Path) -> None:
    """Write `source` to `out` at four bits. Raises MissingPackageError and EngineError."""
    with _translated():
        from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

        traced = read_model(source)
        _untie(traced)
        quantizer = MatMulNBitsQuantizer(
            traced,
            bits=4,
            block_size=BLOCK_SIZE,
            is_symmetric=True,
            accuracy_level=ACCURACY_LEVEL,
            op_types_to_quantize=("MatMul", "Gather"),
        )
        quantizer.process()
        save_model(quantizer.model.model, out)


def _untie(model: Any) -> bool:
    """Store apart what is a transposed table, and say whether there was one.

    Where accelerate is installed (peft brings it), optimum writes a tied head as a Transpose of the embedding
    (`remove_duplicate_weights_from_tied_info`). The quantisers see no constant in it: the head would stay float32.
    """
    graph = model.graph
    tables = {tensor.name: tensor for tensor in graph.initializer}
    transposed = [node for node in graph.node if node.op_type == "Transpose" and node.input[0] in tables]
    for node in transposed:
        order = next((list(item.ints) for item in node.attribute if item.name == "perm"), None)
        table = numpy_helper.to_array(tables[node.input[0]]).transpose(order)
        graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(table), node.output[0]))
        graph.node.remove(node)
    return bool(transposed)


def _embedding_to_int8(model: Any) -> None:
    """Replace the lookup in a float32 table by one in an int8 table and one in its row scales; plain operators."""
    graph = model.graph
    tables = {tensor.name: tensor for tensor in graph.initializer}
    at, lookup = next(
        (at, node) for at, node in enumerate(graph.node) if node.op_type == "Gather" and node.input[1] == "input_ids"
    )
    name, ids = lookup.input
    weights = numpy_helper.to_array(tables[name])
    codes, scales = np.empty(weights.shape, np.int8), np.empty((len(weights), 1), np.float32)
    for first in range(0, len(weights), SLAB_ROWS):
        rows = weights[first : first + SLAB_ROWS]
        scale = np.maximum(np.abs(rows).max(1, keepdims=True) / 127, np.finfo(np.float32).tiny)
        codes[first : first + SLAB_ROWS] = np.rint(rows / scale)
        scales[first : first + SLAB_ROWS] = scale
    graph.initializer.remove(tables[name])
    graph.initializer.append(numpy_helper.from_array(codes, f"{name}_quantized"))
    graph.initializer.append(numpy_helper.from_array(scales, f"{name}_scale"))
    graph.node.remove(lookup)
    replacement = (
        helper.make_node("Gather", [f"{name}_quantized", ids], [f"{name}_codes"], name=f"{name}_codes"),
        helper.make_node(
            "Cast", [f"{name}_codes"], [f"{name}_floats"], name=f"{name}_floats", to=onnx.TensorProto.FLOAT
        ),
        helper.make_node("Gather", [f"{name}_scale", ids], [f"{name}_scales"], name=f"{name}_scales"),
        helper.make_node("Mul", [f"{name}_floats", f"{name}_scales"], list(lookup.output), name=f"{name}_scaled"),
    )
    for offset, node in enumerate(replacement):
        graph.node.insert(at + offset, node)


@contextmanager
def _translated() -> Iterator[None]:
    """onnxruntime's quantisers speak through the root logger, and fail with Python's own exceptions."""
    root, level, silence = logging.getLogger(), logging.getLogger().level, logging.NullHandler()
    # Importing MatMulNBitsQuantizer calls basicConfig, which leaves a root logger alone that has a handler.
    root.addHandler(silence)
    root.setLevel(logging.CRITICAL)
    try:
        yield
    except ImportError as error:
        raise MissingPackageError(error.name or "onnxruntime", "optimum") from error
    except (RuntimeError, ValueError, TypeError, KeyError, AssertionError) as error:
        raise EngineError(
            f"onnxruntime could not quantise the graph: {error}. Try --quant f32, or --graph edge"
        ) from error
    finally:
        root.setLevel(level)
        root.removeHandler(silence)
