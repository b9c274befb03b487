"""One export in one fresh process, with the time and the peak memory of its writer and of the whole. Knows no report.

Run as `python -m edgedoc_bench.export_cell export CHECKPOINT PRESET OUT`, `... onnx CHECKPOINT PRESET OUT` or
`... quantise FLOAT.gguf PRESET OUT.gguf` (llama.cpp's quantiser alone, with its own buffers); prints one JSON object.
"""

import ctypes
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from edgedoc.errors import EngineError
from edgedoc_bench.peak import peak_memory


def run_apart(*arguments: str | Path) -> dict[str, Any]:
    """This module in a process of its own. Raises EngineError with its last words when it fails."""
    command = [sys.executable, "-m", "edgedoc_bench.export_cell", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode != 0:
        words = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise EngineError(f"Measuring an export failed: {words[0]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def measure_export(checkpoint: Path, preset: str, out: Path, format: str = "gguf") -> dict[str, Any]:
    """Seconds and peak bytes, of the writer (until the last weight is written) and of the whole export."""
    from edgedoc.artifact import Artifact
    from edgedoc_export.build import export

    writer: dict[str, float | int | None] = {}
    started = time.perf_counter()

    def watch(stage: str, done: int, total: int) -> None:
        if stage == "write" and done == total:
            writer.update(seconds=time.perf_counter() - started, peak_memory=peak_memory())

    artifact = Artifact.open(export(checkpoint, format=format, preset=preset, out=out, progress=watch))
    return {
        "preset": preset,
        "writer_seconds": writer["seconds"],
        "writer_peak_memory": writer["peak_memory"],
        "seconds": time.perf_counter() - started,
        "peak_memory": peak_memory(),
        "file": artifact.model_path.name,
        "file_bytes": artifact.model_path.stat().st_size,
        "bits_per_weight": artifact.manifest.bits_per_weight,
        "tensor_types": {name: total.bytes for name, total in artifact.manifest.tensor_types.items()},
    }


def measure_onnx(checkpoint: Path, preset: str, out: Path) -> dict[str, Any]:
    """As `measure_export`, for the edge graph; `file` is the graph without its weights."""
    return measure_export(checkpoint, preset, out, "onnx")


def measure_quantiser(source: Path, preset: str, out: Path) -> dict[str, Any]:
    """What a bare `llama_model_quantize` to llama.cpp's own nearest preset takes, defaults throughout."""
    from edgedoc.engines.native import load_library
    from edgedoc_export.presets import MIXTURES

    library = load_library()
    parameters = library.llama_model_quantize_default_params()
    parameters.ftype = MIXTURES[preset]
    started = time.perf_counter()
    status = library.llama_model_quantize(bytes(source), bytes(out), ctypes.byref(parameters))
    seconds = time.perf_counter() - started
    if status != 0:
        raise EngineError(f"llama_model_quantize answered {status}")
    return {"preset": preset, "seconds": seconds, "peak_memory": peak_memory(), "file_bytes": out.stat().st_size}


if __name__ == "__main__":
    what, source, preset, out = sys.argv[1:]
    measure = {"export": measure_export, "onnx": measure_onnx, "quantise": measure_quantiser}[what]
    print(json.dumps(measure(Path(source), preset, Path(out))))
