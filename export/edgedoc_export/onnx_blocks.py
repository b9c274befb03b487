"""Quantises rows of weights in blocks, in the layout of onnxruntime's MatMulNBits. Knows no graph and no file.

A block is a run of weights of a row (32, 64, ...) with one float32 scale: w = scale * (code - zero point). Layout:
onnxruntime, docs/ContribOperators.md, com.microsoft.MatMulNBits.

Ways to choose scale and zero point:

- `nearest`: the outermost weights decide (round to nearest, RTN). Symmetric: the largest becomes the code with the
  longer reach, -2**(bits-1), as in ggml's Q4_0. Asymmetric: smallest and largest become the outermost codes.
- `least_squares`: several stretches of that range are tried; of each the codes are kept and the scale that fits them
  best is computed; the least squared error wins (after make_qx_quants, llama.cpp, ggml/src/ggml-quants.c).
- `k_quant`, asymmetric: a free minimum too, large weights counting for more, the minimum rounded to a zero point at the
  end (after make_qkx2_quants there, and quant_tensor_k_quant_cpu in onnxruntime, quantization/neural_compressor/
  weight_only.py, which cannot be imported without another package and takes five times as long).

KL divergence from float32 over nano-reader's prompts, nats a token, four bits, blocks of 32: nearest 0.65 symmetric and
0.63 asymmetric, least squares 0.54 and 0.52, k_quant 0.63. Blocks of 64: least squares 0.59 asymmetric.
"""

from itertools import product
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Codes = NDArray[np.uint8]
Choice = tuple[Array, Array, Array]
"""Codes (block, n) before packing, scales (n,) and zero points (n,) of n blocks, all float32."""

Search = Literal["nearest", "least_squares", "k_quant"]

WEIGHTS_AT_ONCE = 1 << 16
"""256 KB of float32: with its temporaries it stays in a core's cache, which makes the search three times as fast."""

SHRINKS = (1.0, 0.93)
"""Parts of the range on either side of zero that the outermost codes stand for: each end is cut or not."""

STRETCHES = tuple(step / 4 for step in range(-4, 5))
"""Codes by which the reach of the largest weight is moved. Five steps instead of nine take half the time and leave the
error 0.4 % larger, three 1.1 % (normal weights at four bits: 8.59 % for RTN; 8.09, 8.12 and 8.18 %)."""

K_STRETCHES = tuple(step / 10 for step in range(-10, 10))
"""onnxruntime's twenty."""


def quantise_blocks(
    rows: Array, bits: int, size: int, search: Search, *, symmetric: bool
) -> tuple[Codes, Array, Codes | None]:
    """Codes, scales and zero points of `rows` (n, columns), columns a multiple of `size`, bits 4 or 8.

    Codes: uint8 (n, blocks, size * bits / 8), at four bits the first of a pair in the lower half. Scales: float32
    (n, blocks). Zero points: uint8 (n, bytes), packed as the codes; None when symmetric, which means 2**(bits-1).
    """
    n, columns = rows.shape
    flat = rows.reshape(-1, size)
    codes = np.empty((len(flat), size * bits // 8), np.uint8)
    scales = np.empty(len(flat), np.float32)
    zeros = np.empty(len(flat), np.uint8)
    choose = _CHOICES[search, symmetric]
    for first in range(0, len(flat), WEIGHTS_AT_ONCE // size):
        part = slice(first, first + WEIGHTS_AT_ONCE // size)
        # Blocks side by side: numpy's inner loops run along them instead of along a few values.
        block = np.ascontiguousarray(flat[part].T)
        # Blocks of zeros divide by zero on the way to scales that are then replaced.
        with np.errstate(all="ignore"):
            chosen, scales[part], zeros[part] = choose(block, bits)
        # Exact: the scale that stood in for the division would leave rounding errors of its own size.
        scales[part][(chosen == zeros[part]).all(0)] = 0
        codes[part] = _pack(chosen.astype(np.uint8), bits).T
    packed = None if symmetric else _pack_zeros(zeros.reshape(n, -1), bits)
    return codes.reshape(n, columns // size, -1), scales.reshape(n, -1), packed


def _nearest_symmetric(block: Array, bits: int) -> Choice:
    half = np.float32(1 << (bits - 1))
    return _round(block, _usable(_extreme(block) / -half), half, bits)


def _nearest_asymmetric(block: Array, bits: int) -> Choice:
    # Zero lies within, so that it is a code: the zero point.
    low, high = np.minimum(block.min(0), 0), np.maximum(block.max(0), 0)
    scale = _usable((high - low) / np.float32((1 << bits) - 1))
    return _round(block, scale, np.rint(-low / scale), bits)


def _least_squares_symmetric(block: Array, bits: int) -> Choice:
    half = np.float32(1 << (bits - 1))
    extreme = _extreme(block)
    codes, scale, _ = _nearest_symmetric(block, bits)
    codes -= half
    best = np.full_like(scale, -np.inf)
    for stretch in STRETCHES:
        tried = block * ((-half - np.float32(stretch)) / extreme)
        np.clip(np.rint(tried, out=tried), -half, half - 1, out=tried)
        # With the best scale for these codes, the squared error is sum(w^2) - gain.
        dot = np.einsum("ij,ij->j", block, tried)
        fitted = dot / np.einsum("ij,ij->j", tried, tried)
        gain = dot * fitted
        better = (gain > best) & _is_usable(fitted)
        np.copyto(codes, tried, where=better)
        np.copyto(scale, fitted, where=better)
        np.copyto(best, gain, where=better)
    return codes + half, scale, np.full_like(scale, half)


def _least_squares_asymmetric(block: Array, bits: int) -> Choice:
    top = np.float32((1 << bits) - 1)
    low, high = np.minimum(block.min(0), 0), np.maximum(block.max(0), 0)
    codes, scale, zero = _nearest_asymmetric(block, bits)
    best = np.full_like(scale, -np.inf)
    for below, above in product(SHRINKS, SHRINKS):
        step = _usable((high * np.float32(above) - low * np.float32(below)) / top)
        middle = np.rint(low * np.float32(-below) / step)
        tried = block / step
        np.clip(np.rint(tried, out=tried), -middle, top - middle, out=tried)
        dot = np.einsum("ij,ij->j", block, tried)
        fitted = dot / np.einsum("ij,ij->j", tried, tried)
        gain = dot * fitted
        better = (gain > best) & _is_usable(fitted)
        np.copyto(codes, tried + middle, where=better)
        np.copyto(scale, fitted, where=better)
        np.copyto(zero, middle, where=better)
        np.copyto(best, gain, where=better)
    return codes, scale, zero


def _k_quant(block: Array, bits: int) -> Choice:
    top = (1 << bits) - 1
    # Unlike there, zero lies within: the minimum becomes a zero point, which cannot express another sign.
    low, high = np.minimum(block.min(0), 0), np.maximum(block.max(0), 0)
    importance = np.abs(block) + np.sqrt(np.einsum("ij,ij->j", block, block) / len(block))
    sum_w, sum_wx = importance.sum(0), np.einsum("ij,ij->j", importance, block)
    scale, offset = _usable((high - low) / np.float32(top)), low.copy()
    best = _weighed_error(block, np.rint((block - low) / scale), scale, offset, importance)
    for stretch in K_STRETCHES:
        tried = np.rint((block - low) * (np.float32(top + stretch) / (high - low)))
        np.clip(tried, 0, top, out=tried)
        weighed = importance * tried
        sum_l, sum_l2 = weighed.sum(0), np.einsum("ij,ij->j", weighed, tried)
        sum_lx = np.einsum("ij,ij->j", weighed, block)
        determinant = sum_w * sum_l2 - sum_l**2
        fitted = (sum_w * sum_lx - sum_wx * sum_l) / determinant
        minimum = (sum_l2 * sum_wx - sum_l * sum_lx) / determinant
        error = _weighed_error(block, tried, fitted, minimum, importance)
        better = (error < best) & _is_usable(fitted)
        np.copyto(scale, fitted, where=better)
        np.copyto(offset, minimum, where=better)
        np.copyto(best, error, where=better)
    return _round(block, scale, np.clip(np.rint(-offset / scale), 0, top), bits)


_CHOICES = {
    ("nearest", True): _nearest_symmetric,
    ("nearest", False): _nearest_asymmetric,
    ("least_squares", True): _least_squares_symmetric,
    ("least_squares", False): _least_squares_asymmetric,
    ("k_quant", False): _k_quant,
}


def _weighed_error(block: Array, codes: Array, scale: Array, offset: Array, importance: Array) -> Array:
    difference = codes * scale + offset - block
    error: Array = np.einsum("ij,ij,ij->j", importance, difference, difference)
    return error


def _extreme(block: Array) -> Array:
    """The weight of largest magnitude, with its sign."""
    low, high = block.min(0), block.max(0)
    extreme: Array = np.where(high >= -low, high, low)
    return extreme


def _round(block: Array, scale: Array, zero: Any, bits: int) -> Choice:
    codes = block / scale
    codes += zero
    np.clip(np.rint(codes, out=codes), 0, (1 << bits) - 1, out=codes)
    return codes, scale, np.broadcast_to(np.asarray(zero, np.float32), scale.shape).copy()


def _is_usable(scale: Array) -> NDArray[np.bool_]:
    usable: NDArray[np.bool_] = np.isfinite(scale) & (scale != 0)
    return usable


def _usable(scale: Array) -> Array:
    """A block of zeros, or of denormals too small to divide, gets the scale 1 to divide by: all its codes mean zero."""
    return np.where(_is_usable(scale), scale, np.float32(1))


def _pack(codes: Codes, bits: int) -> Codes:
    return codes if bits == 8 else codes[0::2] | (codes[1::2] << np.uint8(4))


def _pack_zeros(zeros: Codes, bits: int) -> Codes:
    if bits == 4 and zeros.shape[1] % 2:
        zeros = np.pad(zeros, ((0, 0), (0, 1)))
    return _pack(zeros.T, bits).T
