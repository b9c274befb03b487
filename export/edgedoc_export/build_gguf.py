"""The GGUF part of an export: write in floats, quantise, count. Knows nothing of folders, licences and manifests."""

from pathlib import Path

from edgedoc.errors import UsageError
from edgedoc.manifest import TensorTotals
from edgedoc_export.checkpoint import Checkpoint
from edgedoc_export.dtypes import ITEM_BYTES
from edgedoc_export.gguf import DTYPES, write_gguf
from edgedoc_export.naming import file_name
from edgedoc_export.presets import Float, Quantisation, encoding, plan
from edgedoc_export.progress import Progress
from edgedoc_export.quantize import quantize
from edgedoc_export.room import require_room
from edgedoc_export.sources import ExportSource
from edgedoc_export.tensor_types import tensor_types
from edgedoc_export.tensors import matrix_dtype

INTERMEDIATE = "intermediate.gguf"
LOSSLESS: dict[str, Float] = {"F32": "f32", "F16": "f16", "BF16": "bf16"}


class GgufModel:
    """A checkpoint on its way to a GGUF file of a preset. Raises UsageError for a preset that is none."""

    tools = ("gguf", "llama-cpp-python", "numpy")

    def __init__(
        self, source: ExportSource, checkpoint: Checkpoint, preset: str, *, graph: str | None, context: int | None
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
            self._require_room(planned, folder, quantised=False)
            write_gguf(self._checkpoint, source.folder, source.recipe, out, planned, progress)
            return
        # In the checkpoint's own type the intermediate is exact: bf16 through f16 would lose range, f32 would double
        # the disk.
        dtype = LOSSLESS[matrix_dtype(self._checkpoint)]
        self._require_room(dtype, folder, quantised=True)
        intermediate = folder / INTERMEDIATE
        write_gguf(self._checkpoint, source.folder, source.recipe, intermediate, dtype, progress)
        quantize(intermediate, out, planned, threads=threads, progress=progress)
        intermediate.unlink()

    def tensor_types(self, folder: Path) -> dict[str, TensorTotals]:
        """What the written file holds."""
        return tensor_types(folder / self.model_file)

    def _require_room(self, dtype: Float, folder: Path, *, quantised: bool) -> None:
        """A quantised file takes at most 8.5 bits a weight; the tokenizer is left out."""
        parameters = self._checkpoint.config.parameters
        require_room(folder, parameters * ITEM_BYTES[DTYPES[dtype]] + (parameters * 17 // 16 if quantised else 0))
