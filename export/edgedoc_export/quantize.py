"""Runs llama.cpp's quantiser on a float GGUF file. Knows no presets and no checkpoint.

The quantiser works in this process and logs through a process-wide callback; both are kept from showing.
"""

import ctypes
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from edgedoc.engines.gguf_header import read_header
from edgedoc.engines.native import load_library
from edgedoc.errors import ArtifactError, EngineError, OutputError
from edgedoc_export.presets import Quantisation
from edgedoc_export.progress import Progress, silent

BUFFER_BYTES = 64 << 20
"""llama.cpp would hold a whole tensor three times over; at 0.5B shapes this halves the peak and costs no time."""

LOG_ERROR = 4
_COUNTER = re.compile(rb"\[\s*(\d+)/\s*(\d+)\]")


def quantize(source: Path, out: Path, wanted: Quantisation, *, threads: int = 0, progress: Progress = silent) -> None:
    """Write `source` (f32, f16 or bf16) to `out` as `wanted`; `threads` 0 means every core.

    Raises MissingPackageError without llama-cpp-python, OutputError when the file did not get written whole,
    EngineError when llama.cpp refuses.
    """
    library = load_library()
    complaints: list[str] = []

    def listen(level: int, text: bytes, _: Any) -> None:
        if level == LOG_ERROR:
            complaints.append(text.decode("utf-8", "replace").strip())
        if (counter := _COUNTER.match(text)) is not None:
            progress("quantise", int(counter[1]), int(counter[2]))

    parameters, alive = _parameters(library, wanted, threads)
    with _log_to(library, listen):
        status = library.llama_model_quantize(bytes(source), bytes(out), ctypes.byref(parameters))
    del alive
    reason = " ".join(complaints)
    if status != 0 and "iostream error" not in reason:
        raise EngineError(f"llama.cpp could not quantise to {wanted.encoding}: {reason or 'no reason given'}")
    # All that C++ streams say of a failed write is "iostream error", and of one at close nothing at all.
    if status != 0 or not _is_whole(out):
        free = shutil.disk_usage(out.parent).free
        raise OutputError(f"{out.name} was not written to its end. Is the disk full? {free >> 20} MB are free.")


def _is_whole(path: Path) -> bool:
    try:
        read_header(path)
    except ArtifactError:
        return False
    return True


def _parameters(library: ModuleType, wanted: Quantisation, threads: int) -> tuple[Any, Any]:
    """The parameter structure, and an object that must live as long as it is used."""
    parameters = library.llama_model_quantize_default_params()
    parameters.nthread = threads
    parameters.ftype = wanted.ftype
    parameters.pure = wanted.uniform
    parameters.max_buf_size = BUFFER_BYTES
    if wanted.embedding is not None:
        # Both: the first covers a tied head, the second an untied one.
        parameters.token_embedding_type = _ggml_type(library, wanted.embedding)
        parameters.output_tensor_type = _ggml_type(library, wanted.embedding)
    overrides = (library.llama_model_tensor_override * (len(wanted.overrides) + 1))()
    for slot, (pattern, name) in zip(overrides, wanted.overrides, strict=False):
        slot.pattern = pattern.encode()
        slot.type = _ggml_type(library, name)
    if wanted.overrides:
        parameters.tt_overrides = ctypes.cast(overrides, type(parameters.tt_overrides))
    return parameters, overrides


def _ggml_type(library: ModuleType, name: str) -> int:
    number: int = getattr(library, f"GGML_TYPE_{name}")
    return number


@contextmanager
def _log_to(library: ModuleType, listener: Callable[[int, bytes, Any], None]) -> Iterator[None]:
    callback = library.llama_log_callback(listener)
    previous, data = library.llama_log_callback(), ctypes.c_void_p()
    library.llama_log_get(ctypes.byref(previous), ctypes.byref(data))
    library.llama_log_set(callback, ctypes.c_void_p(None))
    try:
        yield
    finally:
        # Before `callback` dies: the library keeps a bare pointer to it.
        library.llama_log_set(previous, data)
