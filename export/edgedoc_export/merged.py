"""A checkpoint with a LoRA adapter merged in: a tensor source like the checkpoint, one slab in memory at a time.

What a merge changes is given in float32, whatever the base is stored in: the exporter then rounds once, to what it
writes. PEFT's merge_and_unload rounds to the base's type first, and in bfloat16 that loses every change below 1/256 of
the weight it is added to; on a float32 base, and in an export to bf16 from a bf16 base, the two agree. `fan_in_fan_out`
has no part in it: Qwen2's matrices are nn.Linear, for which PEFT itself switches it off (tuners/lora/layer.py).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgedoc.errors import CheckpointError
from edgedoc_export.adapter import Adapter, LowRank, read_whole
from edgedoc_export.dtypes import Dtype, Values, is_finite, widen
from edgedoc_export.qwen2 import Qwen2Config
from edgedoc_export.safetensors import Entry, read_slabs
from edgedoc_export.tensors import TensorSource

PRODUCT_VALUES = 1 << 20
"""Values of scale * b @ a alive at a time: 4 MB."""

EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"


@dataclass(frozen=True)
class Merged:
    """`base` with the adapter added where it has something to add. Make one with `merge`."""

    base: TensorSource
    updates: dict[str, LowRank]
    """By tensor name."""
    replacements: dict[str, Entry]

    @property
    def config(self) -> Qwen2Config:
        """The base's sizes: a merge changes none."""
        return self.base.config

    def names(self) -> Sequence[str]:
        """As the base has them."""
        return self.base.names()

    def shape(self, name: str) -> tuple[int, ...]:
        """As the base has it."""
        return self.base.shape(name)

    def dtype(self, name: str) -> Dtype:
        """F32 for what the adapter changes, else as stored."""
        if name in self.updates:
            return "F32"
        return self.replacements[name].dtype if name in self.replacements else self.base.dtype(name)

    def slabs(self, name: str) -> Iterator[Values]:
        """Runs of rows. Raises CheckpointError when base or adapter cannot be read or are not finite."""
        update = self.updates.get(name)
        slabs = self._stored(name)
        return slabs if update is None else _updated(slabs, self._stored_dtype(name), update)

    def _stored_dtype(self, name: str) -> Dtype:
        return self.replacements[name].dtype if name in self.replacements else self.base.dtype(name)

    def _stored(self, name: str) -> Iterator[Values]:
        return _checked(self.replacements[name]) if name in self.replacements else self.base.slabs(name)


def merge(base: TensorSource, adapter: Adapter, origin: str) -> Merged:
    """`adapter` over `base`, which messages call `origin`.

    Raises CheckpointError when a tensor of the adapter fits nothing in the base, the configuration promises one that
    the file lacks, or it trains one end of a tied embedding table.
    """
    names = set(base.names())
    updates = {_tensor(f"{module}.weight", base, names, adapter): update for module, update in adapter.updates.items()}
    replacements = {_tensor(name, base, names, adapter): entry for name, entry in adapter.replacements.items()}
    shapes = {name: part.shape for name, part in updates.items()} | {n: part.shape for n, part in replacements.items()}
    for name, shape in shapes.items():
        if shape != base.shape(name):
            raise CheckpointError(
                f"The adapter {adapter.folder} is for a {name} of shape {shape}, {origin} has {base.shape(name)}: it "
                f"was made for another model{_trained_over(adapter)}"
            )
    matrices = (name.removesuffix(".weight") for name in base.names() if len(base.shape(name)) == 2)
    missing = [module for module in matrices if adapter.config.expects(module) and f"{module}.weight" not in updates]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise CheckpointError(
            f"The adapter {adapter.folder} lacks its tensors for {', '.join(missing[:3])}{more}, which "
            f"target_modules in its configuration names; save or download it again"
        )
    return Merged(base, updates, replacements)


def _tensor(name: str, base: TensorSource, names: set[str], adapter: Adapter) -> str:
    """The base's name for a tensor of the adapter; one trained over the bare Qwen2Model has none of `model.`."""
    found = name if name in names else f"model.{name}"
    if base.config.tie_word_embeddings and (found == EMBEDDING or name == HEAD):
        raise CheckpointError(
            f"The adapter {adapter.folder} trains {name.removesuffix('.weight')}, but in the base embedding and head "
            "are one table (tie_word_embeddings), so changing one would change both. Save the base with "
            "tie_word_embeddings false, the head a copy of the embedding, and use that as the base."
        )
    if found not in names:
        raise CheckpointError(
            f"The adapter {adapter.folder} changes {name.removesuffix('.weight')}, which the base with its "
            f"{base.config.layers} layers does not have: it was made for another model{_trained_over(adapter)}"
        )
    return found


def _trained_over(adapter: Adapter) -> str:
    return f", {adapter.config.base}" if adapter.config.base else ""


def _checked(entry: Entry) -> Iterator[Values]:
    for slab in read_slabs(entry):
        if not is_finite(slab, entry.dtype):
            raise CheckpointError(f"{entry.path}: tensor {entry.name} contains NaN or infinity; train or copy it again")
        yield slab


def _updated(slabs: Iterator[Values], dtype: Dtype, update: LowRank) -> Iterator[Values]:
    left, right = update.factors()
    magnitude = read_whole(update.magnitude) if update.magnitude is not None else None
    step = max(1, PRODUCT_VALUES // right.shape[1])
    first = 0
    for slab in slabs:
        # A fresh array, or the reader's own buffer, which is ours alone.
        values: NDArray[np.float32] = widen(slab, dtype)
        for start in range(0, len(values), step):
            rows = slice(first + start, first + min(start + step, len(values)))
            part = values[start : start + step]
            product = left[rows] @ right
            product *= np.float32(update.scale)
            part += product
            if magnitude is not None:
                part *= (magnitude[rows] / np.linalg.norm(part, axis=1))[:, None]
        first += len(values)
        yield values
