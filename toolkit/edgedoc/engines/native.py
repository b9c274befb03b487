"""Brings llama.cpp's shared library into the process, silenced. Knows no model.

The library logs through one process-wide callback. Ours prints nothing and keeps the last lines of trouble, so that
an EngineError can quote them.
"""

import ctypes
from collections import deque
from functools import cache
from types import ModuleType
from typing import Any

from edgedoc.errors import MissingPackageError

LOG_WARNING, LOG_ERROR = 3, 4
"""ggml.h, `enum ggml_log_level` (the comment in llama_cpp/_logger.py shows an older numbering)."""

_trouble: deque[str] = deque(maxlen=8)


def load_library() -> ModuleType:
    """llama_cpp's ctypes module, initialised and quiet.

    Raises MissingPackageError when the package is absent, its shared library does not load, or it lacks a function.
    """
    try:
        import llama_cpp.llama_cpp as library
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        raise MissingPackageError("llama-cpp-python", "gguf") from error
    module: ModuleType = library
    _initialise(module)
    return module


def system_info(library: ModuleType) -> str:
    """The CPU features the library was compiled for, as llama.cpp lists them ("AVX2 = 1 | ...")."""
    info: bytes = library.llama_print_system_info()
    return info.decode("ascii", "replace")


def recent_trouble() -> str:
    """The last warnings and errors of the library, joined; empties the memory."""
    text = " ".join(line.strip() for line in _trouble)
    _trouble.clear()
    return text


@cache
def _initialise(library: ModuleType) -> Any:
    """Once a process. The returned callback stays alive in the cache: the library keeps a bare pointer to it."""

    def remember(level: int, text: bytes, _: ctypes.c_void_p) -> None:
        if level in (LOG_WARNING, LOG_ERROR):
            _trouble.append(text.decode("utf-8", "replace"))

    callback = library.llama_log_callback(remember)
    library.llama_log_set(callback, ctypes.c_void_p(None))
    library.llama_backend_init()
    return callback
