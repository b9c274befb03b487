"""A PEFT LoRA folder as low-rank updates of named tensors, without torch. Knows no base model and merges nothing.

Layout: huggingface/peft, src/peft/utils/save_and_load.py (get_peft_model_state_dict): adapter_config.json beside
adapter_model.safetensors, whose keys are the module's name behind `base_model.model.` and the part's behind that:
`lora_A.weight` (rank, inputs), `lora_B.weight` (outputs, rank), for embeddings `lora_embedding_A` (rank, tokens) and
`lora_embedding_B` (units, rank), for DoRA `lora_magnitude_vector` (outputs). Any other tensor is a trained copy of one
of the model's own: a bias (`bias` other than none), a module of `modules_to_save`.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgedoc.errors import CheckpointError
from edgedoc_export.adapter_config import LoraConfig, parse_adapter_config
from edgedoc_export.checkpoint import INDEX_FILE, SINGLE_FILE, read_json
from edgedoc_export.dtypes import is_finite, widen
from edgedoc_export.safetensors import Entry, read_header, read_slabs

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"
PICKLE_FILE = "adapter_model.bin"

PARTS = {
    "lora_A": "a",
    "lora_B": "b",
    "lora_embedding_A": "a",
    "lora_embedding_B": "b",
    "lora_magnitude_vector": "magnitude",
}
# Between the part and `.weight` training frameworks that save a raw state dict leave the adapter's name.
_PART = re.compile(rf"(?P<module>.+)\.(?P<part>{'|'.join(PARTS)})(?:\.(?!weight$)[^.]+)?(?:\.weight)?")
# Wrappers that PEFT puts around a module of the model, with the adapter's name behind the first.
_WRAPPER = re.compile(r"\.modules_to_save(?:\.(?!weight$|bias$)[^.]+)?(?=\.)|\.base_layer(?=\.)")


@dataclass(frozen=True, kw_only=True)
class LowRank:
    """An update of one matrix: scale * b @ a, transposed for an embedding, whose matrix has a row for each token."""

    a: Entry
    b: Entry
    scale: float
    embedding: bool = False
    magnitude: Entry | None = None
    """DoRA: the norm that each row of the result gets (Liu et al., arXiv 2402.09353)."""

    @property
    def rank(self) -> int:
        """Columns of b."""
        return self.b.shape[1]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the matrix it belongs to."""
        shape = (self.b.shape[0], self.a.shape[1])
        return shape[::-1] if self.embedding else shape

    def factors(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """float32 (rows, rank) and (rank, columns), whose product times `scale` is the update."""
        a, b = read_whole(self.a), read_whole(self.b)
        return (a.T, b.T) if self.embedding else (b, a)


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """`updates` by module, `replacements` by tensor, both under the model's own names."""

    folder: Path
    config: LoraConfig
    updates: dict[str, LowRank]
    replacements: dict[str, Entry] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path) -> "Adapter":
        """Read configuration and header; no weights yet.

        Raises CheckpointError when the folder is no LoRA edgedoc can merge, or its two files contradict each other.
        """
        if not is_adapter(folder):
            what = "does not exist" if not folder.exists() else f"is no PEFT adapter: it has no {CONFIG_FILE}"
            raise CheckpointError(f"{folder} {what}; an adapter is a folder with {CONFIG_FILE} and {WEIGHTS_FILE}")
        config = parse_adapter_config(read_json(folder / CONFIG_FILE), str(folder / CONFIG_FILE))
        path = folder / WEIGHTS_FILE
        if not path.exists():
            raise _no_weights(folder)
        parts, replacements = _sort(read_header(path))
        updates = {module: _update(module, found, config) for module, found in parts.items()}
        if not updates and not replacements:
            raise CheckpointError(f"{path} holds no tensor; save the adapter again")
        return cls(folder=folder, config=config, updates=updates, replacements=replacements)

    @property
    def parameters(self) -> int:
        """Weights of the thin matrices."""
        return sum(update.rank * sum(update.shape) for update in self.updates.values())

    def describe(self) -> str:
        """What it is, for a manifest."""
        ranks = sorted({update.rank for update in self.updates.values()})
        kind = ("DoRA" if self.config.dora else "LoRA") + f" of rank {' and '.join(map(str, ranks))}" if ranks else ""
        whole = f"{len(self.replacements)} whole tensors" if self.replacements else ""
        return ", ".join(part for part in (kind, whole) if part)


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter and no whole model; some repositories keep both, merged."""
    whole = (folder / SINGLE_FILE).exists() or (folder / INDEX_FILE).exists()
    return (folder / CONFIG_FILE).exists() and not whole


def read_whole(entry: Entry) -> NDArray[np.float32]:
    """A tensor of an adapter as float32. Raises CheckpointError for NaN and infinity."""
    slabs = []
    for slab in read_slabs(entry):
        if not is_finite(slab, entry.dtype):
            raise CheckpointError(f"{entry.path}: tensor {entry.name} contains NaN or infinity; train or copy it again")
        slabs.append(widen(slab, entry.dtype))
    return slabs[0] if len(slabs) == 1 else np.concatenate(slabs)


def _no_weights(folder: Path) -> CheckpointError:
    if not (folder / PICKLE_FILE).exists():
        return CheckpointError(f"{folder} has {CONFIG_FILE} but no {WEIGHTS_FILE}; download the whole repository")
    return CheckpointError(
        f"{folder} has its weights in {PICKLE_FILE}, a pickle, which can run code when it is loaded. Convert it where "
        f"torch is installed: python -c \"import torch, safetensors.torch as s; s.save_file(torch.load('{PICKLE_FILE}',"
        f" map_location='cpu', weights_only=True), '{WEIGHTS_FILE}')\""
    )


def _sort(entries: dict[str, Entry]) -> tuple[dict[str, dict[str, Entry]], dict[str, Entry]]:
    """Parts of updates by module (`embedding` marks an embedding's), and whole tensors by name."""
    parts: dict[str, dict[str, Entry]] = {}
    whole: dict[str, Entry] = {}
    for key, entry in entries.items():
        name = key.removeprefix("base_model.model.")
        found = _PART.fullmatch(name)
        if found is None:
            place, slot = whole, _WRAPPER.sub("", name)
        else:
            place, slot = parts.setdefault(found["module"], {}), PARTS[found["part"]]
            if found["part"].startswith("lora_embedding"):
                place["embedding"] = entry
        if slot in place:
            raise CheckpointError(f"{entry.path} has both {place[slot].name} and {key}; it should hold one adapter")
        place[slot] = entry
    return parts, whole


def _update(module: str, found: dict[str, Entry], config: LoraConfig) -> LowRank:
    if "a" not in found or "b" not in found:
        present = next(iter(found.values()))
        half = "lora_B" if "a" in found else "lora_A"
        raise CheckpointError(f"{present.path} has {present.name} but no {half} for {module}; save the adapter again")
    a, b, magnitude = found["a"], found["b"], found.get("magnitude")
    if len(a.shape) != 2 or len(b.shape) != 2 or a.shape[0] != b.shape[1]:
        raise CheckpointError(f"{a.path}: the two parts of {module} have shapes {a.shape} and {b.shape}: no product")
    rank = config.rank_of(module)
    if a.shape[0] != rank:
        raise CheckpointError(f"{a.path}: {a.name} has rank {a.shape[0]}, {CONFIG_FILE} says {rank}")
    if (magnitude is not None) != config.dora:
        raise CheckpointError(f"{a.path}: use_dora is {config.dora} in {CONFIG_FILE}, the tensors of {module} differ")
    if magnitude is not None and (magnitude.shape != (b.shape[0],) or "embedding" in found):
        raise CheckpointError(f"{a.path}: {magnitude.name} has shape {magnitude.shape}, not one value an output")
    return LowRank(a=a, b=b, scale=config.scale_of(module), embedding="embedding" in found, magnitude=magnitude)
