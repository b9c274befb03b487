"""The GGUF part of an export: write in floats, quantise, count. Knows nothing of folders, licences and manifests."""

import math
from pathlib import Path

from edgedoc.errors import UsageError
from edgedoc.manifest import TensorTotals
from edgedoc_export.dtypes import ITEM_BYTES
from edgedoc_export.gguf import DTYPES, write_gguf
from edgedoc_export.naming import file_name
from edgedoc_export.presets import Float, Quantisation, encoding, plan
from edgedoc_export.progress import Progress
from edgedoc_export.quantize import quantize
from edgedoc_export.room import require_room
from edgedoc_export.sources import ExportSource
from edgedoc_export.tensor_types import tensor_types
from edgedoc_export.tensors import TensorSource

INTERMEDIATE = "intermediate.gguf"


class GgufModel:
    """A checkpoint on its way to a GGUF file of a preset. Raises UsageError for a preset that is none."""

    tools = ("gguf", "llama-cpp-python", "numpy")

    def __init__(
        self, source: ExportSource, checkpoint: TensorSource, preset: str, *, graph: str | None, context: int | None
    ) -> None:
        if graph is not None or context is not None:
            raise UsageError("--graph and --context belong to --format onnx; a GGUF file has neither")
        self._source, self._checkpoint = source, checkpoint
        self._planned = plan(preset, checkpoint.config)
        self.model_file = file_name(source.recipe.identity, encoding(self._planned))
        self.store_name = preset

    def write(self, folder: Path, threads: int, progress: Progress) -> None:
        """Write the model into `folder`. Raises what `write_gguf` and `quantize` raise."""
        source, planned, out = self._source, self._planned, folder / self.model_file
        if not isinstance(planned, Quantisation):
            self._require_room(planned, folder)
            write_gguf(self._checkpoint, source.tokenizer, source.recipe, out, planned, progress)
            return
        # In the checkpoint's own types the intermediate is exact: bf16 through f16 would lose range, f32 throughout
        # would double the disk, and the memory that the quantiser needs for the embedding.
        self._require_room(None, folder)
        intermediate = folder / INTERMEDIATE
        write_gguf(self._checkpoint, source.tokenizer, source.recipe, intermediate, None, progress)
        quantize(intermediate, out, planned, threads=threads, progress=progress)
        intermediate.unlink()

    def tensor_types(self, folder: Path) -> dict[str, TensorTotals]:
        """What the written file holds."""
        return tensor_types(folder / self.model_file)

    def _require_room(self, dtype: Float | None, folder: Path) -> None:
        """`dtype` None: the exact intermediate and then a file of at most 8.5 bits a weight. Tokenizer left out."""
        weights, parameters = self._checkpoint, self._checkpoint.config.parameters
        if dtype is not None:
            require_room(folder, parameters * ITEM_BYTES[DTYPES[dtype]])
            return
        own = sum(math.prod(weights.shape(name)) * ITEM_BYTES[weights.dtype(name)] for name in weights.names())
        require_room(folder, own + parameters * 17 // 16)
