"""What this machine has for running artifacts, measured where it can be. Loads no model.

Decoding reads every weight once a token, so memory bandwidth divided by a model's size bounds tokens per second; the
bound is printed for the real models next to what limits this machine.
"""

import importlib.metadata
import platform
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from edgedoc import __version__
from edgedoc.catalogue import align
from edgedoc.engines.host import available_memory, usable_cores
from edgedoc.engines.native import load_library
from edgedoc.errors import MissingPackageError
from edgedoc.store import home, list_artifacts

_ENGINES = {"gguf": ("llama-cpp-python", "gguf"), "onnx": ("onnxruntime", "onnx")}
_EXPORTERS = {"gguf": ("gguf", "export")}
_FEATURES = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "asimddp", "i8mm", "sve")
_TRAFFIC = {"reader-lm-0.5b int8": 525e6, "reader-lm-0.5b int4": 278e6, "reader-lm-1.5b int4": 868e6}
"""Bytes of weights one token reads, from the shapes of the checkpoints."""


def examine() -> dict[str, object]:
    """Everything `text` shows, as plain data; bandwidth in bytes per second, memory in bytes."""
    bandwidth = memory_bandwidth()
    return {
        "edgedoc": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "engines": {name: _package(*needs) for name, needs in _ENGINES.items()},
        "exporters": {name: _package(*needs) for name, needs in _EXPORTERS.items()},
        "gpu_offload": _gpu_offload(),
        "cpu": _cpu(),
        "cores": usable_cores(),
        "memory_available": available_memory(),
        "memory_bandwidth": bandwidth,
        "decode_limit_tokens_per_second": {name: round(bandwidth / size, 1) for name, size in _TRAFFIC.items()},
        "home": str(home()),
        "artifacts": len(list_artifacts()),
        "remarks": _remarks(),
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
    memory = found["memory_available"]
    lines = [
        ("edgedoc", f"{found['edgedoc']}, Python {found['python']}, {found['system']}"),
        ("cpu", str(found["cpu"])),
        ("cores", f"{found['cores']} usable"),
        ("memory", f"{int(str(memory)) / 2**30:.1f} GiB free" if memory is not None else "unknown"),
        ("bandwidth", f"{float(str(found['memory_bandwidth'])) / 1e9:.1f} GB/s read, measured"),
    ]
    for kind, title in (("engines", "engine"), ("exporters", "exporter")):
        packages = found[kind]
        assert isinstance(packages, dict)
        lines += [(f"{name} {title}", state) for name, state in packages.items()]
    limits = found["decode_limit_tokens_per_second"]
    assert isinstance(limits, dict)
    lines += [
        ("gpu offload", str(found["gpu_offload"])),
        ("artifacts", f"{found['artifacts']} in {_without_user(str(found['home']))}"),
    ]
    lines += [
        ("decode limit", f"{name}: {limit} tokens/s at this bandwidth, without drafts")
        for name, limit in limits.items()
    ]
    remarks = found["remarks"]
    assert isinstance(remarks, list)
    lines += [("note", remark) for remark in remarks]
    return align(lines)


def _timed(pool: ThreadPoolExecutor, parts: list[np.ndarray[tuple[int], np.dtype[np.int64]]]) -> float:
    started = time.perf_counter()
    list(pool.map(np.bitwise_or.reduce, parts))
    return time.perf_counter() - started


def _package(name: str, extra: str) -> str:
    try:
        return f"{name} {importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        return f"not installed; get it with: pip install 'edgedoc[{extra}]'"


def _gpu_offload() -> str:
    try:
        library = load_library()
    except MissingPackageError:
        return "no engine installed that could"
    return "yes" if library.llama_supports_gpu_offload() else "no: this llama-cpp-python was built for the CPU"


def _cpu() -> str:
    try:
        content = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return platform.processor() or platform.machine()
    fields = dict(line.split(":", 1) for line in content.split("\n\n")[0].splitlines() if ":" in line)
    named = {key.strip(): value.strip() for key, value in fields.items()}
    flags = set(named.get("flags", named.get("Features", "")).split())
    known = [feature for feature in _FEATURES if feature in flags]
    name = named.get("model name", platform.machine())
    return f"{name}; {', '.join(known) if known else 'no vector extension edgedoc knows'}"


def _remarks() -> list[str]:
    cpu = _cpu()
    remarks = []
    if platform.machine() in ("x86_64", "AMD64") and "avx2" not in cpu:
        remarks.append("no AVX2: prefill and decode will be several times slower than the published figures")
    if "avx2" in cpu and "vnni" not in cpu:
        remarks.append("no VNNI: 8-bit products run on AVX2, prefill will be slower")
    if (cores := usable_cores()) < 4:
        remarks.append(f"few cores ({cores}): prefill is bound by arithmetic, so long pages will be slow")
    if sys.platform == "win32":
        remarks.append("Windows: available memory is not read, give --memory")
    return remarks


def _without_user(path: str) -> str:
    return path.replace(str(Path.home()), "~", 1)
