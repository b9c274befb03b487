"""Writes a safetensors file tensor by tensor, in slabs. Knows no model.

Format: github.com/huggingface/safetensors, README "Format".
"""

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

from edgedoc_export.dtypes import ITEM_BYTES, Dtype, Values


def write_safetensors(
    path: Path,
    layout: Mapping[str, tuple[Dtype, tuple[int, ...]]],
    slabs: Iterable[Values],
) -> None:
    """Write tensors with the types and shapes of `layout`; `slabs` yields their values in that order, in any cut.

    Raises ValueError when the slabs do not add up to the layout, OSError when the disk fails.
    """
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    position = 0
    for name, (dtype, shape) in layout.items():
        nbytes = math.prod(shape) * ITEM_BYTES[dtype]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [position, position + nbytes]}
        position += nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    # Data aligned to 8 bytes, as the reference writer has it: readers may map the file and view it as numbers.
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        start = file.tell()
        for slab in slabs:
            file.write(slab.data)
        if file.tell() - start != position:
            raise ValueError(f"{file.tell() - start} bytes of tensors written, the layout has {position}")
