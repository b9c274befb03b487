"""Traces a checkpoint into optimum's ONNX graph, quietly and offline. The only file that imports torch.

optimum 2.1.0 with optimum-onnx 0.1.0 (`optimum.exporters.onnx`, task text-generation-with-past): one graph for prompt
and steps, inputs input_ids, attention_mask, position_ids and past_key_values.N.key/value, logits of every row.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgedoc.errors import EngineError, MissingPackageError
from edgedoc_export.checkpoint import Checkpoint
from edgedoc_export.qwen2 import config_json

TASK = "text-generation-with-past"


def trace(checkpoint: Checkpoint, folder: Path) -> Path:
    """Write the float32 graph into `folder` and return its path; weights past 2 GB lie beside it.

    Raises CheckpointError when a tensor holds NaN or infinity, MissingPackageError without the optimum extra,
    EngineError when torch or optimum refuses.
    """
    for name in checkpoint.names():
        for _ in checkpoint.slabs(name):  # a slab is judged as it is read
            pass
    try:
        # Both at once: transformers without torch imports, and fails later.
        import torch
        from optimum.exporters.onnx import onnx_export_from_model
        from transformers import Qwen2Config, Qwen2ForCausalLM
    except ImportError as error:
        raise MissingPackageError("optimum", "optimum") from error
    with _quiet():
        try:
            # The configuration goes through ours: transformers 4.57 does not see a rope_theta where 5.x writes it.
            model = Qwen2ForCausalLM.from_pretrained(
                checkpoint.folder,
                config=Qwen2Config(**config_json(checkpoint.config)),
                dtype=torch.float32,
                local_files_only=True,
                use_safetensors=True,
            )
            # Where optimum looks for a tokenizer to copy; the artifact has its own.
            model.config._name_or_path = str(folder)
            onnx_export_from_model(model.eval(), folder, task=TASK, do_validation=False)
        except (RuntimeError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise EngineError(
                f"optimum could not export {checkpoint.folder}: {error}. The edge graph does without: --graph edge"
            ) from error
    return folder / "model.onnx"


@contextmanager
def _quiet() -> Iterator[None]:
    """No notes of tracing, no bars of loading; everything as it was afterwards."""
    from optimum.utils import logging as optimum_logging
    from transformers.utils import logging as transformers_logging

    libraries = (optimum_logging, transformers_logging)
    levels = [library.get_verbosity() for library in libraries]
    bars = transformers_logging.is_progress_bar_enabled()
    for library in libraries:
        library.set_verbosity(library.CRITICAL)
    transformers_logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for library, level in zip(libraries, levels, strict=True):
            library.set_verbosity(level)
        if bars:
            transformers_logging.enable_progress_bar()
