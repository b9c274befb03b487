"""Brings onnxruntime into the process and opens sessions: providers, options, foreign errors. Knows no KV cache.

Options: onnxruntime, `include/onnxruntime/core/session/onnxruntime_session_options_config_keys.h`.
"""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from edgedoc.engines.onnx_mapped import MappedWeights
from edgedoc.errors import EngineError, MissingError, MissingPackageError

OLDEST_RUNTIME = (1, 23)
"""The first onnxruntime whose GatherBlockQuantized reads 4-bit tables packed in bytes; 1.22.1 refuses them."""

FATAL = 4
"""Log level: what goes wrong is raised as well, and stderr is the user's."""

UNKNOWN_OPERATORS = (
    *("not a registered function", "No Op registered", "Could not find an implementation", "Unrecognized attribute"),
    *("No opset import", "only *guarantees* support", "Unsupported model IR version"),
)
"""What onnxruntime says, from 1.20 to 1.31, of a model made for a newer one."""

OUT_OF_MEMORY = ("bad allocation", "bad_alloc", "Failed to allocate", "out of memory")


class Provider(StrEnum):
    """Where the graph runs. AUTO is a GPU's provider where the installed package has one, else the CPU."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    DML = "dml"
    COREML = "coreml"


class _Backend(NamedTuple):
    name: str
    device: str
    """Where the KV cache lies, as onnxruntime's OrtValue calls it."""
    package: str


BACKENDS = {
    Provider.CPU: _Backend("CPUExecutionProvider", "cpu", "onnxruntime"),
    Provider.CUDA: _Backend("CUDAExecutionProvider", "cuda", "onnxruntime-gpu"),
    Provider.DML: _Backend("DmlExecutionProvider", "dml", "onnxruntime-directml"),
    # CoreML computes in the machine's own memory.
    Provider.COREML: _Backend("CoreMLExecutionProvider", "cpu", "onnxruntime"),
}

AUTOMATIC = (Provider.CUDA, Provider.DML)
"""CoreML is in every macOS package and has none of the fused operators: it is taken only when asked for."""


def load_runtime() -> ModuleType:
    """The onnxruntime module, quiet. Raises MissingPackageError when it is absent or its library does not load."""
    try:
        import onnxruntime
    except (ImportError, OSError) as error:
        raise MissingPackageError("onnxruntime", "onnx") from error
    runtime: ModuleType = onnxruntime
    runtime.set_default_logger_severity(FATAL)
    return runtime


def is_too_old(version: str) -> bool:
    """Whether this onnxruntime lacks operators that edgedoc's models are made of."""
    parts = version.split(".")[:2]
    return all(part.isdigit() for part in parts) and tuple(map(int, parts)) < OLDEST_RUNTIME


def available_providers(runtime: ModuleType) -> list[Provider]:
    """The providers the installed package was built with, the CPU's included; whether they start is another matter."""
    names = runtime.get_available_providers()
    return [provider for provider, backend in BACKENDS.items() if backend.name in names]


def choose_provider(available: Sequence[Provider], wanted: Provider) -> Provider:
    """The provider to start. Raises MissingError, naming the package, when the one asked for is not there."""
    if wanted is Provider.AUTO:
        return next((provider for provider in AUTOMATIC if provider in available), Provider.CPU)
    if wanted not in available:
        raise MissingError(
            f"This onnxruntime has no {wanted} provider; it has: {', '.join(available)}. "
            f"{_remedy(wanted)}, or leave the option out."
        )
    return wanted


def open_session(
    runtime: ModuleType, path: Path, provider: Provider, threads: int, weights: MappedWeights
) -> tuple[Any, Provider]:
    """An InferenceSession of the model at `path`, to which `weights` are lent, and the provider it really runs on.

    AUTO falls back to the CPU where the driver of a GPU is missing; a provider asked for by name does not.
    GPU providers are untested: no such hardware was at hand.
    Raises MissingError for the provider, EngineError for the model.
    """
    chosen = choose_provider(available_providers(runtime), provider)
    names = list(dict.fromkeys((BACKENDS[chosen].name, BACKENDS[Provider.CPU].name)))
    options = _options(runtime, threads)
    try:
        weights.lend(options)
        session = runtime.InferenceSession(str(path), options, providers=names)
    except runtime_errors() as error:
        raise EngineError(_load_failure(error, path, runtime.__version__)) from error
    if BACKENDS[chosen].name not in session.get_providers():
        if provider is not Provider.AUTO:
            raise MissingError(
                f"onnxruntime could not start its {chosen} provider: driver or libraries are missing. "
                "https://onnxruntime.ai/docs/execution-providers says what it needs; --provider cpu works without."
            )
        chosen = Provider.CPU
    return session, chosen


def _remedy(wanted: Provider) -> str:
    if wanted is Provider.COREML:
        return "It comes with onnxruntime on macOS only: use another machine"
    return f"Get it with: pip uninstall onnxruntime && pip install {BACKENDS[wanted].package}"


def runtime_errors() -> tuple[type[Exception], ...]:
    """Everything a call of onnxruntime may raise; its own exceptions have no common base."""
    from onnxruntime.capi import onnxruntime_pybind11_state as native

    own = [value for value in vars(native).values() if isinstance(value, type) and issubclass(value, Exception)]
    return (*own, RuntimeError, ValueError, MemoryError)


def failure(error: Exception) -> str:
    """The runtime's reason in one line, with what to do where that is known."""
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError) or any(words in text for words in OUT_OF_MEMORY):
        return "memory ran out. Allow a shorter context or use a smaller preset (int4)."
    return text.rpartition("] : ")[2][:500] or type(error).__name__


def _options(runtime: ModuleType, threads: int) -> Any:
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = FATAL
    # A pattern is remembered for every shape, and every step has a shape of its own: memory would only grow.
    options.enable_mem_pattern = False
    # The arena keeps the peak of the longest prompt for ever; measured, it saves no processor time.
    options.enable_cpu_mem_arena = False
    # Spinning pays between the operators of a step; between steps it would take the cores from whoever works then.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return options


def _load_failure(error: Exception, path: Path, version: str) -> str:
    if not any(words in str(error) for words in UNKNOWN_OPERATORS):
        return f"onnxruntime {version} could not load {path}: {failure(error)}"
    oldest = ".".join(map(str, OLDEST_RUNTIME))
    needed = f"edgedoc's models need {oldest} or newer" if is_too_old(version) else "it was made for a newer one"
    return (
        f"onnxruntime {version} cannot run {path}: {needed}. Try: pip install -U onnxruntime. It says: {failure(error)}"
    )
