"""Finds out in a child process whether llama.cpp's rearranged weights crash on this machine. Knows nothing else.

Compiled from source on a CPU with AMX, llama.cpp 0c1e57098 dies of SIGSEGV in its first matrix product: GCC 12 drops
the stores that fill the tile configuration (https://github.com/ggml-org/llama.cpp/pull/26954, issue 20824). No
error code can tell, so such builds are tried out of process first, once for each build of the
library and kind of model: f32 weights never reach the kernels that 4-bit ones crash in.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

from edgedoc.engines.gguf_header import GgufHeader
from edgedoc.store import home

TIMEOUT_SECONDS = 120

_TRY = """
import sys
import llama_cpp.llama_cpp as library
library.llama_backend_init()
parameters = library.llama_model_default_params()
parameters.n_gpu_layers = 0
model = library.llama_model_load_from_file(sys.argv[1].encode(), parameters)
settings = library.llama_context_default_params()
settings.n_ctx = settings.n_batch = settings.n_ubatch = 64
context = library.llama_init_from_model(model, settings)
batch = library.llama_batch_init(40, 0, 1)
batch.n_tokens = 40
for index in range(40):
    batch.token[index], batch.pos[index], batch.n_seq_id[index] = index, index, 1
    batch.seq_id[index][0], batch.logits[index] = 0, index == 39
sys.exit(library.llama_decode(context, batch))
"""


def repacking_is_safe(system_info: str, model_path: Path, header: GgufHeader) -> bool:
    """Whether the library may use its rearranged weight layouts; False costs prefill speed, True a crash if wrong.

    `system_info` is what `native.system_info` returns. Only builds with AMX are tried, with the model at `model_path`,
    whose header `header` is.
    """
    if "AMX_INT8 = 1" not in system_info:
        return True
    verdict = _verdict_file(header)
    try:
        return verdict.read_text() == "safe"
    except OSError:
        pass
    safe = _survives(model_path)
    try:
        verdict.parent.mkdir(parents=True, exist_ok=True)
        verdict.write_text("safe" if safe else "crashes")
    except OSError:
        return safe  # a read-only home only means trying again next time
    return safe


def _verdict_file(header: GgufHeader) -> Path:
    """Named after the library file's path, size and age and the model's shapes and types, so that others are tried."""
    import llama_cpp.llama_cpp as library

    folder = Path(library._base_path)
    stamps = [f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in sorted(folder.glob("*ggml-cpu*"))]
    name = hashlib.sha256("\n".join([*stamps, repr(header)]).encode()).hexdigest()[:16]
    return home() / "native" / f"repacking-{name}"


def _survives(model_path: Path) -> bool:
    try:
        child = subprocess.run(
            [sys.executable, "-c", _TRY, str(model_path)], capture_output=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return child.returncode == 0
