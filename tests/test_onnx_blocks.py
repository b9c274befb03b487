"""Quantisers: codes mean what onnxruntime takes them for, searches lower the error, degenerate weights survive."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edgedoc_export.onnx_blocks import WEIGHTS_AT_ONCE, Search, quantise_blocks
from edgedoc_export.onnx_presets import PRESETS
from edgedoc_export.onnx_rows import quantise_rows

Array = NDArray[np.float32]
BLOCK = 32
WAYS: list[tuple[int, int, Search, bool]] = [
    (4, 32, "nearest", True),
    (4, 32, "least_squares", True),
    (4, 32, "nearest", False),
    (4, 64, "least_squares", False),
    (4, 32, "k_quant", False),
    (8, 32, "nearest", True),
    (8, 64, "least_squares", False),
]
EVERY_WAY = pytest.mark.parametrize(("bits", "size", "search", "symmetric"), WAYS)


def normal(rows: int, columns: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal((rows, columns), dtype=np.float32)


def unpack(packed: NDArray[np.uint8], bits: int) -> Array:
    if bits == 8:
        return packed.astype(np.float32)
    return np.stack([packed & 15, packed >> 4], -1).reshape(*packed.shape[:-1], -1).astype(np.float32)


def restore(rows: Array, bits: int, size: int, search: Search, symmetric: bool) -> Array:
    """What `rows` became: quantised and read back."""
    codes, scales, zeros = quantise_blocks(rows, bits, size, search, symmetric=symmetric)
    blocks = scales.shape[1]
    zero = np.full_like(scales, 1 << (bits - 1)) if zeros is None else unpack(zeros, bits)[:, :blocks]
    return ((unpack(codes, bits) - zero[..., None]) * scales[..., None]).reshape(rows.shape)


def error(rows: Array, bits: int, size: int, search: Search, symmetric: bool) -> float:
    return float(np.sqrt(((restore(rows, bits, size, search, symmetric) - rows) ** 2).mean() / (rows**2).mean()))


@EVERY_WAY
def test_the_layout(bits: int, size: int, search: Search, symmetric: bool) -> None:
    codes, scales, zeros = quantise_blocks(normal(5, 192), bits, size, search, symmetric=symmetric)
    blocks = 192 // size
    assert (codes.shape, scales.shape) == ((5, blocks, size * bits // 8), (5, blocks))
    assert (codes.dtype, scales.dtype) == (np.dtype(np.uint8), np.dtype(np.float32))
    assert (zeros is None) == symmetric
    if zeros is not None:
        assert zeros.shape == (5, -(-blocks * bits // 8))
        assert zeros.dtype == np.dtype(np.uint8)


@EVERY_WAY
def test_weights_come_back_near(bits: int, size: int, search: Search, symmetric: bool) -> None:
    assert error(normal(64, 256), bits, size, search, symmetric) < (0.09 if bits == 4 else 0.006)


def test_smaller_blocks_come_nearer() -> None:
    rows = normal(64, 256)
    fine, coarse = (restore(rows, 4, size, "least_squares", False) for size in (32, 64))
    assert ((fine - rows) ** 2).sum() < 0.95 * ((coarse - rows) ** 2).sum()


@pytest.mark.parametrize("symmetric", [True, False])
def test_least_squares_is_never_worse_than_nearest(symmetric: bool) -> None:
    """Block by block, on weights with outliers too."""
    for rows in (normal(50, 320), normal(50, 320, 1) ** 5, np.abs(normal(50, 320, 2))):
        per_block = [
            ((restore(rows, 4, 32, search, symmetric) - rows) ** 2).reshape(-1, 32).sum(1)
            for search in ("least_squares", "nearest")
        ]
        assert (per_block[0] <= per_block[1] * (1 + 1e-4) + 1e-9).all()
        assert per_block[0].sum() < 0.97 * per_block[1].sum()


def test_k_quant_lowers_the_error_it_looks_at() -> None:
    """Weighed by the size of the weights, which its codes favour; the plain error need not fall."""
    rows = normal(50, 320) ** 3
    blocks = rows.reshape(-1, 32)
    importance = np.abs(blocks) + np.sqrt((blocks**2).mean(1, keepdims=True))
    weighed = {
        search: (importance * (restore(rows, 4, 32, search, False).reshape(-1, 32) - blocks) ** 2).sum()
        for search in ("nearest", "k_quant")
    }
    assert weighed["k_quant"] < weighed["nearest"]


@EVERY_WAY
def test_where_a_slab_is_cut_changes_nothing(bits: int, size: int, search: Search, symmetric: bool) -> None:
    rows = normal(WEIGHTS_AT_ONCE // 64, 128)
    whole = restore(rows, bits, size, search, symmetric)
    pieces = [restore(part, bits, size, search, symmetric) for part in np.array_split(rows, 7)]
    assert np.array_equal(whole, np.concatenate(pieces))


@pytest.mark.filterwarnings("error")
@EVERY_WAY
@pytest.mark.parametrize("value", [0.0, 1e-45, -1e-40, 1e-20, 3.0, -3.0, 1e37])
def test_degenerate_blocks(bits: int, size: int, search: Search, symmetric: bool, value: float) -> None:
    """Zero, denormal, equal and huge weights: finite, and no further off than rounding explains."""
    rows = np.full((2, 64), value, np.float32)
    rows[1, 1:] = 0
    restored = restore(rows, bits, size, search, symmetric)
    assert np.isfinite(restored).all()
    assert np.abs(restored - rows).max() <= abs(value) * 0.08 + 1e-37


def test_rows_of_int8() -> None:
    rows = normal(40, 96)
    rows[3] = 0
    rows[4] = 1e-44
    rows[5] *= 1e30
    codes, scales = quantise_rows(rows)
    assert codes.dtype == np.dtype(np.int8)
    assert scales.shape == (40,)
    assert np.abs(codes.astype(int)).max() == 127
    largest = np.abs(rows).max(1)
    assert (np.abs(codes * scales[:, None] - rows).max(1) <= largest / 127 * 0.5001 + 1e-37).all()


class OneMatrix:
    """Stands in for onnx_weights.Matrix."""

    def __init__(self, values: Array) -> None:
        self.values = values
        self.rows, self.columns = values.shape

    def slabs(self) -> Iterator[tuple[int, Array]]:
        for first in range(0, self.rows, 37):
            yield first, self.values[first : first + 37]


@pytest.mark.parametrize("preset", PRESETS)
def test_onnxruntime_reads_what_is_written_and_rows_do_not_depend_on_each_other(tmp_path: Path, preset: str) -> None:
    """A layer with bias and an embedding over the same matrix; one row gives what it gives among sixteen."""
    pytest.importorskip("onnx")
    ort = pytest.importorskip("onnxruntime")
    from edgedoc_export.onnx_data import DataFile
    from edgedoc_export.onnx_graph import Graph
    from edgedoc_export.onnx_linear import Layer, linear_of

    weight, bias, x = normal(192, 128), normal(1, 192, 1)[0], normal(16, 128, 2)[None]
    x[0, 3] *= 1000
    path, linear = tmp_path / "model.onnx", linear_of(PRESETS[preset])
    with DataFile(path) as data:
        graph = Graph(data)
        graph.input("x", np.float32, [1, "rows", 128])
        graph.input("ids", np.int64, [1, "rows"])
        for name, columns in (("y", 192), ("found", 128)):
            graph.output(name, np.float32, [1, "rows", columns])
        matrix = OneMatrix(weight)
        linear.embed(graph, "ids", Layer("table", matrix, "found"))  # type: ignore[arg-type]
        linear.project(graph, "x", Layer("table", matrix, "y", bias))  # type: ignore[arg-type]
        path.write_bytes(graph.model("test", {}).SerializeToString())
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    ids = np.array([[0, 127, 5, 5] * 4])
    y, found = session.run(["y", "found"], {"x": x, "ids": ids})
    expected = x @ weight.T + bias
    bound = {"f32": 1e-6, "f16": 1e-3, "int8": 0.02, "int8_block": 0.02}.get(preset, 0.15)
    assert (np.abs(y - expected).max(-1) / np.abs(expected).max(-1) < bound).all()
    assert np.abs(found - weight[ids]).max() < (bound or 1e-6) * 4
    if PRESETS[preset].accuracy_level == 4:
        alone = [session.run(["y"], {"x": x[:, row : row + 1], "ids": ids[:, row : row + 1]})[0] for row in range(16)]
        # Beyond blocks of 32 onnxruntime adds the blocks up in another order where a row has no neighbour.
        tolerance = 0 if PRESETS[preset].block == 32 else 1e-6
        assert np.abs(np.concatenate(alone, 1) - y).max() <= tolerance * np.abs(y).max()
