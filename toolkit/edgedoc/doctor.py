"""What this machine has for running artifacts, measured where it can be. Loads no model itself.

Decoding reads every weight once a token, so memory bandwidth divided by a model's size bounds tokens per second; the
bound is printed for the real models next to what limits this machine.
"""

import platform
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from edgedoc import __version__
from edgedoc.catalogue import align
from edgedoc.engines import ENGINES, version
from edgedoc.engines.host import Cpu, available_memory, cpu, usable_cores
from edgedoc.engines.native import load_library
from edgedoc.engines.onnx_session import (
    Provider,
    available_providers,
    choose_provider,
    is_too_old,
    load_runtime,
)
from edgedoc.errors import MissingPackageError
from edgedoc.fastest import lines as speed_lines
from edgedoc.fastest import ranking
from edgedoc.store import home, list_artifacts

_EXPORTERS = {"gguf": (("gguf",), "export"), "onnx": (("onnx",), "export")}
"""Format -> the distributions that bring the package, and the extra that installs the first of them."""
_TRAFFIC = {"reader-lm-0.5b int8": 525e6, "reader-lm-0.5b int4": 278e6, "reader-lm-1.5b int4": 868e6}
"""Bytes of weights one token reads, from the shapes of the checkpoints."""


def examine() -> dict[str, object]:
    """Everything `text` shows, as plain data; bandwidth in bytes per second, memory in bytes."""
    bandwidth = memory_bandwidth()
    processor = cpu()
    return {
        "edgedoc": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "engines": {name: _package(entry.distributions, name) for name, entry in ENGINES.items()},
        "exporters": {name: _package(*needs) for name, needs in _EXPORTERS.items()},
        "gpu_offload": {"gguf": _gguf_offload(), "onnx": _onnx_offload()},
        "cpu": processor._asdict(),
        "cores": usable_cores(),
        "memory_available": available_memory(),
        "memory_bandwidth": bandwidth,
        "decode_limit_tokens_per_second": {name: round(bandwidth / size, 1) for name, size in _TRAFFIC.items()},
        "home": str(home()),
        "artifacts": len(list_artifacts()),
        "speed": ranking(),
        "remarks": remarks(processor, usable_cores()) + _old_runtime(),
    }


def memory_bandwidth(megabytes: int = 256, rounds: int = 5) -> float:
    """Bytes per second all usable cores read together, best of `rounds`; arrays far larger than any cache."""
    cores = usable_cores()
    parts = [np.ones(megabytes * 2**20 // 8 // cores, dtype=np.int64) for _ in range(cores)]
    with ThreadPoolExecutor(cores) as pool:
        best = min(_timed(pool, parts) for _ in range(rounds))
    return sum(part.nbytes for part in parts) / best


def text(found: dict[str, object]) -> str:
    """The examination for people, fit to paste into an issue: no user names, no tokens."""
    memory, processor = found["memory_available"], found["cpu"]
    assert isinstance(processor, dict)
    features = processor["features"]
    lines = [
        ("edgedoc", f"{found['edgedoc']}, Python {found['python']}, {found['system']}"),
        ("cpu", f"{processor['name']}; {'unknown features' if features is None else _listed(features)}"),
        ("cores", f"{found['cores']} usable"),
        ("memory", f"{int(str(memory)) / 2**30:.1f} GiB free" if memory is not None else "unknown"),
        ("bandwidth", f"{float(str(found['memory_bandwidth'])) / 1e9:.1f} GB/s read, measured"),
    ]
    for kind, title in (("engines", "engine"), ("gpu_offload", "on a GPU"), ("exporters", "exporter")):
        packages = found[kind]
        assert isinstance(packages, dict)
        lines += [(f"{name} {title}", state) for name, state in packages.items()]
    limits = found["decode_limit_tokens_per_second"]
    assert isinstance(limits, dict)
    lines.append(("artifacts", f"{found['artifacts']} in {_without_user(str(found['home']))}"))
    lines += [
        ("decode limit", f"{name}: {limit} tokens/s at this bandwidth, without drafts")
        for name, limit in limits.items()
    ]
    speed = found["speed"]
    assert isinstance(speed, list)
    lines += speed_lines(speed)
    notes = found["remarks"]
    assert isinstance(notes, list)
    lines += [("note", note) for note in notes]
    return align(lines)


def _timed(pool: ThreadPoolExecutor, parts: list[np.ndarray[tuple[int], np.dtype[np.int64]]]) -> float:
    started = time.perf_counter()
    list(pool.map(np.bitwise_or.reduce, parts))
    return time.perf_counter() - started


def _package(names: tuple[str, ...], extra: str) -> str:
    return version(names) or f"not installed; get it with: pip install 'edgedoc[{extra}]'"


def _gguf_offload() -> str:
    try:
        library = load_library()
    except MissingPackageError:
        return "no engine installed that could"
    return "yes" if library.llama_supports_gpu_offload() else "no: this llama-cpp-python was built for the CPU"


def _onnx_offload() -> str:
    try:
        providers = available_providers(load_runtime())
    except MissingPackageError:
        return "no engine installed that could"
    listed = f"providers: {', '.join(providers)}"
    chosen = choose_provider(providers, Provider.AUTO)
    if chosen is Provider.CPU:
        return f"no: this onnxruntime was built for the CPU ({listed})"
    return f"{chosen}, if its driver starts ({listed})"


def _old_runtime() -> list[str]:
    try:
        version = load_runtime().__version__
    except MissingPackageError:
        return []
    return [f"onnxruntime {version} is too old for 4-bit models: pip install -U onnxruntime"] * is_too_old(version)


def remarks(processor: Cpu, cores: int) -> list[str]:
    """What will be slow here, and why."""
    found = []
    features, x86 = processor.features, platform.machine() in ("x86_64", "AMD64")
    if features is not None and x86:
        if "avx2" not in features:
            found.append("no AVX2: prefill and decode will be several times slower than the published figures")
        elif not {"avx_vnni", "avx512_vnni"} & {*features}:
            found.append("no VNNI: 8-bit products run on AVX2, prefill will be slower")
            # https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html, "U8U8": VPMADDUBSW
            found.append(
                "no VNNI: onnxruntime may cut off sums in int8 models; see edgedoc verify ARTIFACT --against M"
            )
    elif features is not None and "asimddp" not in features:
        found.append("no dot product instructions: 4-bit and 8-bit models will be slower")
    if cores < 4:
        found.append(f"few cores ({cores}): prefill is bound by arithmetic, so long pages will be slow")
    if sys.platform == "win32":
        found.append("Windows: available memory is not read, give --memory")
    return found


def _listed(features: list[str]) -> str:
    return ", ".join(features) or "no vector extension edgedoc knows"


def _without_user(path: str) -> str:
    return path.replace(str(Path.home()), "~", 1)
