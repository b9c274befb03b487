"""One measurement of an ONNX model in one fresh process. Knows no report.

Run as `python -m edgedoc_bench.onnx_cell WHAT KEY=VALUE...` with WHAT one of `export`, `memory`, `pair`; prints one
JSON object. A fresh process each, because peak memory never goes down within one.
"""

import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from edgedoc.errors import EngineError
from edgedoc_bench.onnx_pair import Ours, Peer, measure_pair
from edgedoc_bench.peak import peak_memory

DECODED = 8


def run_apart(what: str, **given: str | Path | int | None) -> dict[str, Any]:
    """`what` of this module in a process of its own. Raises EngineError with its last words when it fails."""
    arguments = [f"{name}={value}" for name, value in given.items() if value is not None]
    # -P: a json.py in the working directory is not the standard library's.
    command = [sys.executable, "-P", "-m", "edgedoc_bench.onnx_cell", what, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode != 0:
        words = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise EngineError(f"Measuring {what} failed: {words[0]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def measure_export(checkpoint: str, preset: str, out: Path, recipe: str | None) -> dict[str, Any]:
    """Seconds and peak bytes of a whole export. `checkpoint` and `recipe` as `export` takes them."""
    from edgedoc_export.build import export

    started = time.perf_counter()
    export(checkpoint, format="onnx", preset=preset, out=out, recipe=recipe)
    return {"seconds": time.perf_counter() - started, "peak_memory": peak_memory()}


def measure_memory(model: Path, side: str, threads: int, context: int) -> dict[str, Any]:
    """Peak bytes after a prompt of three quarters of `context`, in the usual batches, and a few tokens more."""
    loaded = Peer(model, threads, context) if side == "peer" else Ours(model, threads, context)
    generator = random.Random(0)
    # Zipf's law, for ids are ranks: which rows of the embedding are looked up decides how much of its file is resident.
    prompt = [int(loaded.vocab_size ** generator.random()) - 1 for _ in range(context * 3 // 4)]
    loaded.prompt(prompt)
    for token in prompt[:DECODED]:
        loaded.step([token])
    return {"peak_memory": peak_memory(), "prompt_tokens": len(prompt), "context": context}


def main(what: str, arguments: list[str]) -> dict[str, Any]:
    """The measurement named `what`; raises what it raises."""
    given = dict(argument.split("=", 1) for argument in arguments)
    if what == "export":
        return measure_export(given["checkpoint"], given["preset"], Path(given["out"]), given.get("recipe"))
    if what == "memory":
        return measure_memory(Path(given["model"]), given["side"], int(given["threads"]), int(given["context"]))
    peer = Path(given["peer"]) if "peer" in given else None
    return measure_pair(
        Path(given["ours"]),
        peer,
        peer_first=given["first"] == "peer",
        threads=int(given["threads"]),
        rounds=int(given["rounds"]),
    )


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2:])))
