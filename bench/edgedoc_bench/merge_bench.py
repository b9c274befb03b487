"""What merging a LoRA adds to an export at reader-lm-0.5b's shapes: peak memory and time, next to the plain export.

    python -m edgedoc_bench.merge_bench [--rounds 3] [--folder BIG_DISK] [--out RESULTS]

Random weights and a random adapter of rank 16 over all seven matrices of every layer; every export in a fresh process.
Needs 5 GB of disk.
"""

import shutil
from pathlib import Path
from typing import Any

from edgedoc_bench.export_cell import run_apart
from edgedoc_bench.machine import Machine
from edgedoc_bench.publish import run_rounds
from edgedoc_bench.spread import Spread
from edgedoc_export.random_weights import READER_LM_05B, random_adapter, random_checkpoint

CELLS = (("export", "f32"), ("export", "int8"), ("export", "int4"), ("onnx", "int8"))
"""What of `export_cell` is run, and the preset."""

RANK = 16
TARGET_BYTES = 100_000_000
"""Peak memory that a merge may cost over the plain export."""


def measure(folder: Path, rounds: int) -> list[dict[str, Any]]:
    """One row per cell; the list fields have one entry per round. Plain and merged take turns."""
    from edgedoc.recipes import load_recipe

    recipe = load_recipe("reader-lm-0.5b").to_toml()
    base = random_checkpoint(READER_LM_05B, folder / "checkpoint", seed=0)
    adapter = random_adapter(READER_LM_05B, folder / "adapter", base=base, rank=RANK, seed=1)
    for place in (base, adapter):
        (place / "recipe.toml").write_text(recipe, "utf-8")
    rows = []
    for what, preset in CELLS:
        row: dict[str, Any] = {"format": "onnx" if what == "onnx" else "gguf", "preset": preset}
        for _ in range(rounds):
            for kind, source in (("plain", base), ("merged", adapter)):
                found = run_apart(what, source, preset, folder / "out")
                for name in ("seconds", "peak_memory", "writer_peak_memory"):
                    row.setdefault(f"{kind}_{name}", []).append(found[name])
                shutil.rmtree(folder / "out")
        rows.append(row)
    return rows


def page(rows: list[dict[str, Any]], machine: Machine, rounds: int) -> str:
    """The Markdown report."""
    lines = [
        "# What merging an adapter adds to an export at reader-lm-0.5b's shapes",
        "",
        f"Random weights (bf16, 494 M) and a random LoRA of rank {RANK} over all seven matrices of the 24 layers; "
        f"{rounds} exports each in fresh processes, median (lowest-highest) and highest peak. A merge should cost less "
        f"than {TARGET_BYTES / 1e6:.0f} MB of peak memory over the plain export.",
        "",
        *(["**The machine was busy: the times say little; memory holds.**", ""] if machine.busy else []),
        "| format, preset | plain s | merged s | plain peak MB | merged peak MB | more MB |",
        "|---|---|---|---|---|---|",
        *(_row(row) for row in rows),
        "",
        machine.line(),
        "",
    ]
    return "\n".join(lines)


def _row(row: dict[str, Any]) -> str:
    plain, merged = max(row["plain_peak_memory"]), max(row["merged_peak_memory"])
    return (
        f"| {row['format']} {row['preset']} | {Spread.of(row['plain_seconds']).text(1)} "
        f"| {Spread.of(row['merged_seconds']).text(1)} | {plain / 1e6:.0f} | {merged / 1e6:.0f} "
        f"| {(merged - plain) / 1e6:.0f} |"
    )


def main() -> None:
    """Measure, print the table, write merge-bench.json and merge-bench.md."""
    run_rounds("merge-bench", __doc__, 5, measure, page)


if __name__ == "__main__":
    main()
