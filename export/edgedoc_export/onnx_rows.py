"""Quantises rows of weights to int8, one scale a row. Knows no graph and no file."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
LARGEST = 127
"""Symmetric: -128 is not used, so that a code and its negative both exist."""


def quantise_rows(rows: Array) -> tuple[NDArray[np.int8], Array]:
    """Codes int8 (n, columns) and scales float32 (n,) of `rows` (n, columns): w = scale * code, round to nearest."""
    largest = np.maximum(rows.max(1), -rows.min(1))
    scale = largest / np.float32(LARGEST)
    # Rows of zeros (a widened checkpoint has them), and of denormals too small to divide.
    scale[scale < np.finfo(np.float32).tiny] = 1
    codes = rows / scale[:, None]
    np.rint(codes, out=codes)
    return codes.astype(np.int8), scale
