"""Conversions between the three float types of a checkpoint, on numpy arrays. Knows no files.

numpy has no bfloat16: BF16 values travel as uint16 arrays holding the upper half of the float32 bits.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Dtype = Literal["F32", "F16", "BF16"]
Values = NDArray[np.float32] | NDArray[np.float16] | NDArray[np.uint16]

ITEM_BYTES: dict[Dtype, int] = {"F32": 4, "F16": 2, "BF16": 2}
STORAGE: dict[Dtype, np.dtype[np.float32] | np.dtype[np.float16] | np.dtype[np.uint16]] = {
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
}
_BF16_EXPONENT = np.uint16(0x7F80)


def is_finite(values: Values, dtype: Dtype) -> bool:
    """Whether no value is NaN or infinite; BF16 is judged on its bits, without widening."""
    if dtype == "BF16":
        return not bool(((values.view(np.uint16) & _BF16_EXPONENT) == _BF16_EXPONENT).any())
    return bool(np.isfinite(values).all())


def widen(values: Values, dtype: Dtype) -> NDArray[np.float32]:
    """float32 with exactly the same values, same shape."""
    if dtype == "BF16":
        bits = values.astype(np.uint32)
        bits <<= np.uint32(16)
        return bits.view(np.float32)
    return values.astype(np.float32, copy=False)


def narrow(values: NDArray[np.float32], dtype: Dtype) -> Values:
    """The nearest value of `dtype`, ties to even. F16 overflows to infinity beyond 65504: the caller checks."""
    if dtype == "F32":
        return values
    if dtype == "F16":
        with np.errstate(over="ignore"):
            return values.astype(np.float16)
    bits = values.view(np.uint32)
    rounded = bits + (np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1)))
    return (rounded >> np.uint32(16)).astype(np.uint16)


def convert(values: Values, source: Dtype, target: Dtype) -> Values:
    """`values` of type `source` as `target`; nothing is copied when they are the same."""
    return values if source == target else narrow(widen(values, source), target)
