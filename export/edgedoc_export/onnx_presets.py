"""Presets of the ONNX format: what `--format onnx --quant NAME` means. A table; runs nothing.

`int4` and `int8` are edgedoc's choices, measured; the others are there to measure against and for other machines.

`f16` halves the file and not the memory. A graph in float16 throughout would gain nothing on x86: even with AVX512-FP16
onnxruntime 1.31.1 has no float16 product and puts casts around each, 57 in nano-reader. So the weights alone are
float16, and a session casts them once, as it loads; it computes what `f32` computes, as fast, in float32 with the same
KV cache. At reader-lm-0.5b's shapes: file 0.99 GB for 1.98, at most 2.58 GB while it loads for 2.53, 2.04 from then on.
A GPU would rather have activations and cache in float16 too, which edgedoc's engine does not know.
"""

import difflib
from dataclasses import dataclass
from typing import Literal

from edgedoc.errors import UsageError
from edgedoc_export.onnx_blocks import Search

Kind = Literal["float", "half", "rows", "blocks"]

FLOAT_FILE, HALF_FILE = "onnx/model.onnx", "onnx/model_fp16.onnx"
INT8_FILE, INT4_FILE = "onnx/model_quantized.onnx", "onnx/model_q4.onnx"
DTYPE_NAMES = {FLOAT_FILE: "fp32", HALF_FILE: "fp16", INT8_FILE: "q8", INT4_FILE: "q4"}
"""transformers.js' names of the precisions it looks for under these names (src/utils/dtypes.js)."""

DATA_SUFFIX = "_data"
"""External data is `<model file>_data` to transformers.js (src/utils/model-loader.js)."""


@dataclass(frozen=True, kw_only=True)
class OnnxPreset:
    """How the matrices of a model are stored; vectors are float32 always.

    `float`: float32. `half`: float16, from which a session makes float32 as it loads. `rows`: int8 with a scale a row,
    activations int8 with a scale a row. `blocks`: codes of `bits` with a scale a block.
    """

    name: str
    kind: Kind
    file: str
    """Relative to the artifact."""
    bits: int = 32
    block: int = 32
    """Weights that share a scale: 16, 32, 64 or 128."""
    symmetric: bool = True
    search: Search = "nearest"
    accuracy_level: int = 4
    """MatMulNBits: 4 multiplies int8 by int8, 0 leaves the choice to onnxruntime, which takes float32."""


_PRESETS = (
    OnnxPreset(name="f32", kind="float", file=FLOAT_FILE),
    OnnxPreset(name="f16", kind="half", file=HALF_FILE, bits=16),
    OnnxPreset(name="int8", kind="rows", file=INT8_FILE, bits=8),
    OnnxPreset(name="int4", kind="blocks", file=INT4_FILE, bits=4, block=64, symmetric=False, search="least_squares"),
    OnnxPreset(name="int4_b32", kind="blocks", file=INT4_FILE, bits=4, search="least_squares"),
    OnnxPreset(name="int4_rtn", kind="blocks", file=INT4_FILE, bits=4),
    OnnxPreset(name="int4_asym", kind="blocks", file=INT4_FILE, bits=4, symmetric=False, search="least_squares"),
    OnnxPreset(name="int4_k", kind="blocks", file=INT4_FILE, bits=4, symmetric=False, search="k_quant"),
    OnnxPreset(name="int4_acc0", kind="blocks", file=INT4_FILE, bits=4, search="least_squares", accuracy_level=0),
    OnnxPreset(name="int8_block", kind="blocks", file=INT8_FILE, bits=8),
)
PRESETS = {preset.name: preset for preset in _PRESETS}


def find_preset(name: str) -> OnnxPreset:
    """The preset of this name. Raises UsageError, with the nearest name, when there is none."""
    if name in PRESETS:
        return PRESETS[name]
    near = difflib.get_close_matches(name, PRESETS, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"Known presets: {', '.join(PRESETS)}."
    raise UsageError(f"The ONNX format has no preset named {name!r}. {hint}")
