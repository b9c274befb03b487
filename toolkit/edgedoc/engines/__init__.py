"""Engines by model format. Nothing heavy is imported before `load` is called."""

import importlib
import importlib.metadata
import importlib.util
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from edgedoc.engines.base import AdapterEngine as AdapterEngine
from edgedoc.engines.base import BatchEngine as BatchEngine
from edgedoc.engines.base import Engine as Engine
from edgedoc.engines.base import Logits as Logits
from edgedoc.errors import UsageError

if TYPE_CHECKING:
    from edgedoc.artifact import Artifact
    from edgedoc.engines.gguf_memory import KvType


class Entry(NamedTuple):
    """Where an engine is. The class has a `load` with the options of `load` below, `own` ones included."""

    module: str
    name: str
    package: str
    """What it runs on, as `import` knows it."""
    own: tuple[str, ...]
    """Options that only this engine has."""
    distributions: tuple[str, ...]
    """What the package may be installed as."""
    batches: bool = False
    """Whether it can hold several sequences: it is a `BatchEngine`, and `load` has `sequences`."""


ENGINES = {
    "gguf": Entry(
        "edgedoc.engines.llama",
        "LlamaEngine",
        "llama_cpp",
        ("gpu_layers", "kv_type", "adapters"),
        ("llama-cpp-python",),
        batches=True,
    ),
    "onnx": Entry(
        "edgedoc.engines.onnx",
        "OnnxEngine",
        "onnxruntime",
        ("provider",),
        ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml"),
    ),
}
"""Model format -> engine, the one to prefer first."""


def installed() -> tuple[str, ...]:
    """The formats whose engine's package is on this machine; nothing is imported to find out."""
    return tuple(name for name, entry in ENGINES.items() if importlib.util.find_spec(entry.package) is not None)


def version(distributions: Iterable[str]) -> str | None:
    """Name and version of the first of them that is on this machine; nothing is imported to find out."""
    for name in distributions:
        try:
            return f"{name} {importlib.metadata.version(name)}"
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def load(
    model: "Artifact | Path | str",
    *,
    context_length: int | None = None,
    minimum_context: int | None = None,
    threads: int | None = None,
    gpu_layers: int | None = None,
    kv_type: "KvType | None" = None,
    provider: str | None = None,
    memory_limit: int | None = None,
    sequences: int = 1,
    adapters: Mapping[str, Path] | None = None,
) -> Engine:
    """Load an artifact with its adapter, an artifact folder or a bare model file with the engine for its format.

    Options: see `LlamaEngine.load` (`gpu_layers`, `kv_type`, `adapters`: GGUF only) and `OnnxEngine.load` (`provider`:
    ONNX only; "auto" and "cpu" mean the same to both). With several `sequences` the engine is a `BatchEngine`, which
    `Entry.batches` of a format promises; short of memory it may have fewer. `adapters` are loaded instead of an
    artifact's own, and the engine is an `AdapterEngine`. Raises what these raise, and UsageError for a format without
    an engine or for another format's option.
    """
    from edgedoc.artifact import Artifact

    if not isinstance(model, Artifact) and Path(model).is_dir():
        model = Artifact.open(model)
    if isinstance(model, Artifact):
        format_name, path = str(model.format), model.model_path
        if adapters is None and model.adapter is not None and model.adapter_path is not None:
            adapters = {model.adapter: model.adapter_path}
    else:
        format_name, path = Path(model).suffix.lstrip("."), Path(model)
    if format_name not in ENGINES:
        raise UsageError(
            f"No engine runs {format_name or 'this kind of'} models ({path}); there is one for: {', '.join(ENGINES)}."
        )
    if format_name == "gguf":
        gpu_layers, provider = _as_gpu_layers(provider, gpu_layers), None
    asked: dict[str, Any] = {"gpu_layers": gpu_layers, "kv_type": kv_type, "provider": provider}
    asked["adapters"] = adapters
    own = {name: value for name, value in asked.items() if value is not None}
    entry = ENGINES[format_name]
    if foreign := [name for name in own if name not in entry.own]:
        raise UsageError(f"{' and '.join(foreign)} cannot be chosen for {format_name} models. Leave it out.")
    if sequences != 1:
        if not entry.batches:
            raise UsageError(
                f"{format_name} models run one document at a time. Use a GGUF artifact (edgedoc export MODEL --format "
                "gguf), or ask for 1 in flight."
            )
        own["sequences"] = sequences
    engine = getattr(importlib.import_module(entry.module), entry.name).load(
        path,
        context_length=context_length,
        minimum_context=minimum_context,
        threads=threads,
        memory_limit=memory_limit,
        **own,
    )
    return cast(Engine, engine)


def _as_gpu_layers(provider: str | None, gpu_layers: int | None) -> int | None:
    """llama.cpp's word for where to run: its build has one GPU backend or none, which cannot be told apart here."""
    if provider not in (None, "auto", "cpu"):
        raise UsageError(
            f"The provider {provider} runs ONNX models only; a GGUF model uses whatever GPU its llama-cpp-python was "
            "built for. Leave the option out, or use an ONNX artifact: edgedoc export MODEL --format onnx"
        )
    return 0 if provider == "cpu" and gpu_layers is None else gpu_layers
