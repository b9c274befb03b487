"""One measurement in one fresh process: an artifact converts pages, and the process reports what that took.

Run as `python -m edgedoc_bench.cell ARTIFACT ROUNDS PAGE...`; prints one JSON object. A fresh process each, because
peak memory never goes down within one. Knows no report.
"""

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from edgedoc.errors import EngineError


def measure_apart(artifact: Path, pages: list[Path], rounds: int) -> dict[str, Any]:
    """Run `measure` in a process of its own. Raises EngineError with the process's last words when it fails."""
    # -P: a json.py in the working directory is not the standard library's.
    command = [sys.executable, "-P", "-m", "edgedoc_bench.cell", str(artifact), str(rounds), *map(str, pages)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode != 0:
        words = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise EngineError(f"Measuring {artifact} failed: {words[0]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def measure(artifact: Path, pages: list[Path], rounds: int) -> dict[str, Any]:
    """Convert `pages` `rounds` times, no fallback: seconds, tokens/s (medians over rounds), bytes of memory."""
    started = time.perf_counter()
    from edgedoc.tasks.reader import Fallback, Reader

    imported = time.perf_counter()
    with Reader.open(artifact, drafts=False):
        loaded = time.perf_counter()
    # Loaded again, because the first use of an artifact measures its step costs.
    with Reader.open(artifact, fallback=Fallback.NONE) as reader:
        repeats = [[reader.convert(page.read_bytes()) for page in pages] for _ in range(rounds)]
    windows = [[window for conversion in conversions for window in conversion.windows] for conversions in repeats]
    prefill = [sum(w.prompt_tokens for w in ws) / max(1e-9, sum(w.prefill_seconds for w in ws)) for ws in windows]
    decode = [sum(w.output_tokens for w in ws) / max(1e-9, sum(w.decode_seconds for w in ws)) for ws in windows]
    # Plain decoding takes a step for every token of the answer, and one for the stop token.
    plain = sum(window.output_tokens + 1 for window in windows[0])
    return {
        "import_seconds": imported - started,
        "load_seconds": loaded - imported,
        "prefill_tokens_per_second": statistics.median(prefill),
        "prefill_spread": [min(prefill), max(prefill)],
        "decode_tokens_per_second": statistics.median(decode),
        "decode_spread": [min(decode), max(decode)],
        "seconds_per_page": statistics.median(
            sum(c.seconds for c in conversions) / len(conversions) for conversions in repeats
        ),
        "windows": len(windows[0]),
        "steps": sum(window.steps for window in windows[0]),
        "steps_saved": 1 - sum(window.steps for window in windows[0]) / max(1, plain),
        "drafted": sum(window.drafted for window in windows[0]),
        "accepted": sum(window.accepted for window in windows[0]),
        "flagged": sum(bool(w.flags) for w in windows[0]),
        "peak_memory": peak_memory(),
        "rounds": rounds,
        "markdown": [conversion.markdown for conversion in repeats[0]],
    }


def peak_memory() -> int | None:
    """Peak resident bytes of this process; None where the system does not say."""
    status = Path("/proc/self/status")
    if status.exists():
        # Linux' ru_maxrss begins with the peak of the process that started this one; VmHWM with nothing (proc(5)).
        peaks = [line.split()[1] for line in status.read_text("utf-8").splitlines() if line.startswith("VmHWM:")]
        if peaks:
            return int(peaks[0]) * 1024
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    print(
        json.dumps(
            measure(Path(sys.argv[1]), [Path(page) for page in sys.argv[3:]], int(sys.argv[2])), ensure_ascii=True
        )
    )
