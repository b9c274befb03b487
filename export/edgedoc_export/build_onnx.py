"""The ONNX part of an export: the graph with its weights, and the small files foreign runtimes look for.

Knows the steps of both graphs and nothing of operators. `edge` is written here from the weights; `portable` comes from
`optimum`.
"""

from pathlib import Path

from edgedoc.errors import UsageError
from edgedoc.manifest import TensorTotals
from edgedoc_export.onnx_folder import write_genai_config, write_model_files
from edgedoc_export.onnx_presets import DATA_SUFFIX, OnnxPreset, find_preset
from edgedoc_export.onnx_tensor_types import tensor_types
from edgedoc_export.progress import Progress
from edgedoc_export.qwen2 import Qwen2Config
from edgedoc_export.room import require_room
from edgedoc_export.sources import ExportSource
from edgedoc_export.tensors import TensorSource

GRAPHS = ("edge", "portable")
GRAPH_BYTES = 1 << 20
"""The nodes of a graph of any depth we export."""


class OnnxModel:
    """A checkpoint on its way to an ONNX graph. Raises UsageError for a preset, graph or context that cannot be."""

    def __init__(
        self, source: ExportSource, checkpoint: TensorSource, preset: str, *, graph: str | None, context: int | None
    ) -> None:
        self._source, self._checkpoint, self._graph = source, checkpoint, graph or "edge"
        if self._graph not in GRAPHS:
            raise UsageError(f"There is no graph {graph!r}; choose from: {', '.join(GRAPHS)}")
        self._preset = find_preset(preset)
        self.model_file = self._preset.file
        trained = checkpoint.config.max_position_embeddings
        if self._graph == "portable":
            if context is not None:
                raise UsageError("--context belongs to --graph edge; the portable graph computes its positions")
            self._context = trained
            self.store_name = f"{preset}-portable"
            self.tools: tuple[str, ...] = ("onnx", "onnxruntime", "optimum", "optimum-onnx", "torch", "transformers")
            return
        self._context = min(source.recipe.context, trained) if context is None else context
        if not 0 < self._context <= trained:
            raise UsageError(
                f"--context {self._context} is not within 1 and {trained}, the max_position_embeddings of the model"
            )
        self.store_name = preset
        self.tools = ("onnx", "numpy")

    def write(self, folder: Path, threads: int, progress: Progress) -> None:
        """Write everything but tokenizer and recipe into `folder`. Raises what `write_edge` or `write_portable` do."""
        del threads  # numpy's loops run on one
        if self._graph == "portable":
            self._write_portable(folder, progress)
        else:
            self._write_edge(folder, progress)

    def tensor_types(self, folder: Path) -> dict[str, TensorTotals]:
        """What the written files hold."""
        return tensor_types(folder / self.model_file)

    def _write_edge(self, folder: Path, progress: Progress) -> None:
        # Imports onnx, which only this format needs.
        from edgedoc_export.onnx_qwen2 import write_edge

        source, config = self._source, self._checkpoint.config
        require_room(folder, _edge_bytes(config, self._preset, self._context))
        # First, for they check the tokenizer.
        write_model_files(source, folder, self.model_file, self._context, external=True)
        write_genai_config(source, folder, config, self.model_file, self._context)
        out = folder / self.model_file
        out.parent.mkdir()
        write_edge(self._checkpoint, out, self._preset, self._context, progress)

    def _write_portable(self, folder: Path, progress: Progress) -> None:
        from edgedoc_export.portable import write_portable

        source = self._source
        write_portable(self._checkpoint, source.recipe, folder, self._preset.name, progress)
        external = (folder / f"{self.model_file}{DATA_SUFFIX}").exists()
        write_model_files(source, folder, self.model_file, self._context, external=external)
        config = self._checkpoint.config
        write_genai_config(source, folder, config, self.model_file, self._context, portable=True)


def _edge_bytes(config: Qwen2Config, preset: OnnxPreset, context: int) -> int:
    """A little more than the files take: scales and zero points count as if every matrix had them by blocks."""
    weights = config.parameters
    scales = 0 if preset.kind in ("float", "half") else weights // preset.block * 5
    return weights * preset.bits // 8 + scales + context * config.head_dim * 4 + GRAPH_BYTES
