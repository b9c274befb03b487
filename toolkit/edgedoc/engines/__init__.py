"""Engines by model format. Nothing heavy is imported before `load` is called."""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, cast

from edgedoc.engines.base import Engine as Engine
from edgedoc.engines.base import Logits as Logits
from edgedoc.errors import UsageError

if TYPE_CHECKING:
    from edgedoc.artifact import Artifact
    from edgedoc.engines.memory import KvType

ENGINES = {"gguf": "edgedoc.engines.llama:LlamaEngine"}
"""Model format -> module and class. The class has a `load` with the options of `load` below."""


def load(
    model: "Artifact | Path | str",
    *,
    context_length: int | None = None,
    minimum_context: int | None = None,
    threads: int | None = None,
    gpu_layers: int | None = None,
    kv_type: "KvType | None" = None,
    memory_limit: int | None = None,
) -> Engine:
    """Load an artifact, an artifact folder or a bare model file with the engine for its format.

    Options: see `LlamaEngine.load`. Raises what that raises, and UsageError for a format without an engine.
    """
    from edgedoc.artifact import Artifact

    if not isinstance(model, Artifact) and Path(model).is_dir():
        model = Artifact.open(model)
    if isinstance(model, Artifact):
        format_name, path = str(model.format), model.model_path
    else:
        format_name, path = Path(model).suffix.lstrip("."), Path(model)
    if format_name not in ENGINES:
        raise UsageError(
            f"No engine runs {format_name or 'this kind of'} models ({path}); there is one for: {', '.join(ENGINES)}."
        )
    module, _, name = ENGINES[format_name].partition(":")
    engine = getattr(importlib.import_module(module), name).load(
        path,
        context_length=context_length,
        minimum_context=minimum_context,
        threads=threads,
        gpu_layers=gpu_layers,
        kv_type=kv_type,
        memory_limit=memory_limit,
    )
    return cast(Engine, engine)
