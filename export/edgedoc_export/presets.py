"""Presets: what `--quant NAME` means for a model of given shapes. Pure tables and arithmetic; runs nothing.

`int4` is edgedoc's own, because llama.cpp's four-bit mixtures are not four bits where rows do not divide by 256: at
hidden size 896 its Q4_K_M falls back to Q5_0 and Q8_0 and becomes 6.4 bits a weight (llama.cpp, src/llama-quant.cpp,
tensor_type_fallback). The rules here:

- A matrix is Q4_K where its rows divide by 256, else Q4_0. Both take 4.5 bits. On nano-reader Q4_K diverges least from
  f32 (0.015 nats a token, Q4_0 0.023). IQ4_NL has the size of Q4_0 and comes to 0.022, but takes llama.cpp forty
  times as long to make (105 s of CPU time at 0.5B), which is no fair price for an export.
- The embedding table is the output head too (it is tied) and sits directly before the softmax, so it gets the most
  precise type that keeps the whole model within FOUR_BITS. At 0.5B it is 28 % of all weights and Q5_0 is what fits.

`int8` is llama.cpp's Q8_0 throughout: 8.5 bits, blocks of 32, so it fits every shape.
"""

import difflib
import math
from dataclasses import dataclass
from typing import Literal

from edgedoc.errors import UsageError
from edgedoc_export.qwen2 import Qwen2Config, tensor_shapes

FOUR_BITS = 4.9
"""Bits a weight `int4` may take: Q4_K_M where nothing falls back has 4.89 (llama.cpp, tools/quantize/README.md, 8B)."""

BITS: dict[str, float] = {"Q4_K": 4.5, "Q4_0": 4.5, "Q5_K": 5.5, "Q5_0": 5.5, "Q6_K": 6.5625, "Q8_0": 8.5}
"""Bits a weight, scales included (ggml-common.h, block_*)."""

Float = Literal["f32", "f16", "bf16"]
FLOATS: dict[str, Float] = {"f32": "f32", "f16": "f16", "bf16": "bf16"}

MIXTURES: dict[str, int] = {
    "q4_0": 2,
    "q4_1": 3,
    "q8_0": 7,
    "q5_0": 8,
    "q5_1": 9,
    "q2_k": 10,
    "q3_k_s": 11,
    "q3_k_m": 12,
    "q3_k_l": 13,
    "q4_k_s": 14,
    "q4_k_m": 15,
    "q5_k_s": 16,
    "q5_k_m": 17,
    "q6_k": 18,
    "iq4_nl": 25,
    "iq3_s": 26,
    "iq3_m": 27,
    "iq4_xs": 30,
}
"""llama.cpp's own presets by their `llama_ftype` number (include/llama.h)."""

CALIBRATED = ("iq1_s", "iq1_m", "iq2_xxs", "iq2_xs", "iq2_s", "iq2_m", "iq3_xxs", "iq3_xs", "q2_k_s")
"""llama.cpp refuses these without an importance matrix."""


@dataclass(frozen=True, kw_only=True)
class Quantisation:
    """What to ask of `llama_model_quantize`, in ggml's type names; `embedding` None leaves that one to llama.cpp."""

    encoding: str
    """Name of the file type, for the file name."""
    ftype: int
    uniform: bool
    """Every matrix the default type of `ftype`, instead of llama.cpp's mixture."""
    embedding: str | None = None
    overrides: tuple[tuple[str, str], ...] = ()
    """Pairs of tensor-name pattern and type, for matrices that differ from the default."""


def preset_names() -> tuple[str, ...]:
    """Every preset of the GGUF format, edgedoc's own first."""
    return (*FLOATS, "int8", "int4", *MIXTURES)


def plan(preset: str, config: Qwen2Config) -> Float | Quantisation:
    """A float type to write as it is, or what to quantise to. Raises UsageError for a name that is none."""
    if preset in FLOATS:
        return FLOATS[preset]
    if preset == "int8":
        return Quantisation(encoding="Q8_0", ftype=MIXTURES["q8_0"], uniform=True, embedding="Q8_0")
    if preset == "int4":
        return _four_bits(config)
    if preset in MIXTURES:
        return Quantisation(encoding=preset.upper(), ftype=MIXTURES[preset], uniform=False)
    if preset in CALIBRATED:
        raise UsageError(f"{preset} needs an importance matrix, which this version cannot compute; try int4 or q2_k")
    near = difflib.get_close_matches(preset, preset_names(), n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"Known presets: {', '.join(preset_names())}."
    raise UsageError(f"There is no preset named {preset!r}. {hint}")


def encoding(planned: Float | Quantisation) -> str:
    """The name of a plan in ggml's file naming scheme."""
    return planned.encoding if isinstance(planned, Quantisation) else planned.upper()


def _four_bits(config: Qwen2Config) -> Quantisation:
    body, down = _four_bit_type(config.hidden_size), _four_bit_type(config.intermediate_size)
    return Quantisation(
        encoding="Q4_K_S" if body == "Q4_K" else "Q4_0",
        ftype=MIXTURES["q4_k_s" if body == "Q4_K" else "q4_0"],
        uniform=True,
        embedding=_head_type(config),
        overrides=() if down == body else ((r"\.ffn_down\.weight$", down),),
    )


def _four_bit_type(columns: int) -> str:
    return "Q4_K" if columns % 256 == 0 else "Q4_0"


def _head_type(config: Qwen2Config) -> str:
    by_256 = config.hidden_size % 256 == 0
    candidates = ("Q8_0", "Q6_K", "Q5_K", "Q4_K") if by_256 else ("Q8_0", "Q5_0", "Q4_0")
    fitting = (name for name in candidates if _bits_with_head(config, BITS[name]) <= FOUR_BITS)
    return next(fitting, candidates[-1])


def _bits_with_head(config: Qwen2Config, head_bits: float) -> float:
    """Bits a weight over the whole model with a body of 4.5 bits, f32 vectors and this embedding table (and head)."""
    bits = 0.0
    for name, shape in tensor_shapes(config).items():
        vocabulary = name in ("model.embed_tokens.weight", "lm_head.weight")
        bits += math.prod(shape) * (32 if len(shape) == 1 else head_bits if vocabulary else 4.5)
    return bits / config.parameters
