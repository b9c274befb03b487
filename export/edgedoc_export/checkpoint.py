"""A Hugging Face checkpoint folder as a source of tensors, without torch. Knows nothing of GGUF, ONNX or tokenizers.

One tensor is read at a time, in slabs: a checkpoint of any size costs a few tens of MB to read.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgedoc.errors import CheckpointError
from edgedoc_export.dtypes import Dtype, Values, is_finite, widen
from edgedoc_export.qwen2 import Qwen2Config, parse_config, tensor_shapes
from edgedoc_export.safetensors import Entry, read_header, read_slabs

SINGLE_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
LARGEST_JSON = 16 << 20
"""Bytes; the index of a model with ten thousand tensors takes one."""

PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")


class Checkpoint:
    """Tensors of a folder with `config.json` and safetensors, checked for completeness when it is opened."""

    def __init__(self, folder: Path, config: Qwen2Config, entries: dict[str, Entry]) -> None:
        self.folder = folder
        self.config = config
        self._entries = entries

    @classmethod
    def open(cls, folder: Path) -> "Checkpoint":
        """Read the configuration and the headers; no weights yet, except to compare a stored head with its tied twin.

        Raises CheckpointError when the folder is no checkpoint, is not Qwen2, or its tensors are not exactly those
        its configuration calls for.
        """
        _refuse_other_things(folder)
        config = parse_config(read_json(folder / "config.json"), str(folder / "config.json"))
        checkpoint = cls(folder, config, _entries(folder))
        if config.tie_word_embeddings:
            checkpoint._drop_tied_head()
        checkpoint._entries = _complete(folder, config, checkpoint._entries)
        return checkpoint

    def names(self) -> Sequence[str]:
        """Transformers names in the order of the forward pass; `lm_head.weight` only when it is not tied."""
        return tuple(self._entries)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape as stored: matrices are (outputs, inputs)."""
        return self._entries[name].shape

    def dtype(self, name: str) -> Dtype:
        """Type as stored."""
        return self._entries[name].dtype

    def slabs(self, name: str) -> Iterator[Values]:
        """Runs of rows in the stored type. Raises CheckpointError at the first slab with NaN or infinity in it."""
        entry = self._entries[name]
        for slab in read_slabs(entry):
            if not is_finite(slab, entry.dtype):
                raise CheckpointError(
                    f"{entry.path}: tensor {name} contains NaN or infinity; the checkpoint is damaged"
                )
            yield slab

    def read(self, name: str) -> NDArray[np.float32]:
        """The whole tensor as float32."""
        return np.concatenate([widen(slab, self.dtype(name)) for slab in self.slabs(name)])

    def read_raw(self, name: str) -> Values:
        """The whole tensor in its stored type; BF16 as uint16."""
        return np.concatenate(list(self.slabs(name)))

    def _drop_tied_head(self) -> None:
        """Some writers store the head although it is tied. Equal values are redundant; others must not be lost."""
        head, embedding = self._entries.get("lm_head.weight"), self._entries.get("model.embed_tokens.weight")
        if head is None or embedding is None:
            return
        pairs = zip(read_slabs(head), read_slabs(embedding), strict=False)
        same = (head.dtype, head.shape) == (embedding.dtype, embedding.shape) and all(
            np.array_equal(left, right) for left, right in pairs
        )
        if not same:
            raise CheckpointError(
                f"{head.path}: lm_head.weight differs from model.embed_tokens.weight, but config.json says they are "
                "tied; set tie_word_embeddings to false there if the head is meant"
            )
        del self._entries["lm_head.weight"]


def read_json(path: Path) -> dict[str, object]:
    """A JSON object from a file of bounded size. Raises CheckpointError."""
    try:
        if path.stat().st_size > LARGEST_JSON:
            raise CheckpointError(f"{path} is larger than {LARGEST_JSON} bytes")
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(data, dict):
        raise CheckpointError(f"{path} is not a JSON object")
    return data


def _refuse_other_things(folder: Path) -> None:
    if not folder.is_dir():
        kind = "is a file" if folder.exists() else "does not exist"
        raise CheckpointError(f"{folder} {kind}; a checkpoint is a folder with config.json and *.safetensors")
    if (folder / SINGLE_FILE).exists() or (folder / INDEX_FILE).exists():
        if (folder / "config.json").exists():
            return
        raise CheckpointError(f"{folder} has weights but no config.json; download the whole repository")
    if (folder / "adapter_config.json").exists():
        raise CheckpointError(
            f"{folder} holds a PEFT adapter, not a model; put it over its base: edgedoc export BASE --adapter {folder}"
        )
    pickles = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
    if pickles:
        raise CheckpointError(
            f"{folder} has its weights in {pickles[0]}, a pickle, which can run code when it is loaded; "
            "edgedoc reads safetensors only: save it again with safe_serialization=True"
        )
    raise CheckpointError(f"{folder} is not a checkpoint: no {SINGLE_FILE} and no {INDEX_FILE} in it")


def _entries(folder: Path) -> dict[str, Entry]:
    if (folder / SINGLE_FILE).exists():
        return read_header(folder / SINGLE_FILE)
    index = folder / INDEX_FILE
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not all(isinstance(shard, str) for shard in weight_map.values()):
        raise CheckpointError(f"{index} has no weight_map of tensor names to file names")
    entries: dict[str, Entry] = {}
    for shard in sorted(set(weight_map.values())):
        if Path(shard).name != shard or not shard.endswith(".safetensors"):
            raise CheckpointError(f"{index} points to {shard!r}, which is not a safetensors file beside it")
        if not (folder / shard).exists():
            raise CheckpointError(f"{folder / shard} is missing, though {INDEX_FILE} lists it; download it again")
        found = read_header(folder / shard)
        wrong = next((name for name in found if weight_map.get(name) != shard), None)
        if wrong is not None:
            raise CheckpointError(f"{folder / shard}: {INDEX_FILE} does not list tensor {wrong} for this file")
        entries |= found
    return entries


def _complete(folder: Path, config: Qwen2Config, found: dict[str, Entry]) -> dict[str, Entry]:
    """`found` in canonical order, once it is exactly what `config` calls for."""
    expected = tensor_shapes(config)
    missing = [name for name in expected if name not in found]
    if missing:
        raise CheckpointError(f"{folder} lacks {_some(missing)}, which its config.json calls for")
    # Old transformers stored this buffer; it follows from rope_theta.
    surplus = [name for name in found if name not in expected and not name.endswith("rotary_emb.inv_freq")]
    if surplus:
        raise CheckpointError(f"{found[surplus[0]].path} has {_some(surplus)}, which Qwen2 does not have")
    for name, shape in expected.items():
        if found[name].shape != shape:
            raise CheckpointError(
                f"{found[name].path}: tensor {name} has shape {found[name].shape}, config.json calls for {shape}"
            )
    return {name: found[name] for name in expected}


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more tensors" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
