"""What an export costs at reader-lm-0.5b's shapes: time, peak memory, file size, next to llama.cpp's quantiser alone.

    python -m edgedoc_bench.export_bench [--rounds 3] [--folder BIG_DISK] [--out RESULTS]

Random weights, a made-up vocabulary of the real size; every export in a fresh process. Quality is no subject here.
Needs 4 GB of disk.
"""

from pathlib import Path
from typing import Any

from edgedoc_bench.export_cell import run_apart
from edgedoc_bench.machine import Machine
from edgedoc_bench.publish import run_rounds
from edgedoc_bench.spread import Spread
from edgedoc_export.random_weights import READER_LM_05B, random_checkpoint

PRESETS = ("f16", "int8", "int4")
PLAIN = {"int8": "q8_0", "int4": "q4_0"}
"""llama.cpp's preset nearest to ours, for the comparison."""

TARGET_WRITER_BYTES = 700_000_000
TARGET_SECONDS = 40.0


def measure(folder: Path, rounds: int) -> list[dict[str, Any]]:
    """One row per preset; the list fields have one entry per round. Presets take turns, so that all share the noise."""
    from edgedoc.recipes import load_recipe

    checkpoint = random_checkpoint(READER_LM_05B, folder / "checkpoint", seed=0)
    (checkpoint / "recipe.toml").write_text(load_recipe("reader-lm-0.5b").to_toml(), "utf-8")
    rows: dict[str, dict[str, Any]] = {}
    for number in range(rounds):
        for preset in PRESETS:
            out = folder / f"{preset}-{number}"
            found = run_apart("export", checkpoint, preset, out)
            if preset in PLAIN:
                source = next((folder / f"f16-{number}").glob("*.gguf"))
                found["plain"] = run_apart("quantise", source, PLAIN[preset], folder / "plain.gguf")
            _collect(rows.setdefault(preset, {}), found)
        for preset in PRESETS:
            _remove(folder / f"{preset}-{number}")
    return list(rows.values())


def _collect(row: dict[str, Any], found: dict[str, Any]) -> None:
    for name in ("writer_seconds", "writer_peak_memory", "seconds", "peak_memory"):
        row.setdefault(name, []).append(found[name])
    for name in ("preset", "file", "file_bytes", "bits_per_weight", "tensor_types"):
        row[name] = found[name]
    if "plain" in found:
        row.setdefault("plain_seconds", []).append(found["plain"]["seconds"])
        row.setdefault("plain_peak_memory", []).append(found["plain"]["peak_memory"])
        row["plain_preset"], row["plain_file_bytes"] = found["plain"]["preset"], found["plain"]["file_bytes"]


def _remove(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def page(rows: list[dict[str, Any]], machine: Machine, rounds: int) -> str:
    """The Markdown report."""
    lines = [
        "# Cost of an export at reader-lm-0.5b's shapes",
        "",
        f"Random weights (bf16, 494 M), {rounds} exports each in fresh processes; median (lowest-highest). The "
        f"writer's peak memory should stay within {TARGET_WRITER_BYTES / 1e6:.0f} MB, a whole int4 export within "
        f"{TARGET_SECONDS:.0f} s. llama.cpp alone: `llama_model_quantize` with its defaults, from the f16 file.",
        "",
        *(["**The machine was busy: the times say little; memory and sizes hold.**", ""] if machine.busy else []),
        "| preset | file MB | bits/weight | writer s | whole s | writer peak MB | whole peak MB "
        "| llama.cpp alone: preset, MB, s, peak MB | whole / alone |",
        "|---|---|---|---|---|---|---|---|---|",
        *(_row(row) for row in rows),
        "",
        "Stored as: "
        + "; ".join(
            f"{row['preset']}: "
            + ", ".join(f"{name} {size / 1e6:.0f} MB" for name, size in row["tensor_types"].items())
            for row in rows
        )
        + ".",
        "",
        machine.line(),
        "",
    ]
    return "\n".join(lines)


def _row(row: dict[str, Any]) -> str:
    plain, ratio = "", ""
    if "plain_seconds" in row:
        plain = (
            f"{row['plain_preset']}, {row['plain_file_bytes'] / 1e6:.0f}, {Spread.of(row['plain_seconds']).text(1)}, "
            f"{max(row['plain_peak_memory']) / 1e6:.0f}"
        )
        pairs = zip(row["seconds"], row["plain_seconds"], strict=True)
        ratio = Spread.of([whole / alone for whole, alone in pairs]).text(1)
    return (
        f"| {row['preset']} | {row['file_bytes'] / 1e6:.0f} | {row['bits_per_weight']:.2f} "
        f"| {Spread.of(row['writer_seconds']).text(1)} | {Spread.of(row['seconds']).text(1)} "
        f"| {max(row['writer_peak_memory']) / 1e6:.0f} | {max(row['peak_memory']) / 1e6:.0f} | {plain} | {ratio} |"
    )


def main() -> None:
    """Measure, print the table, write export-bench.json and export-bench.md."""
    run_rounds("export-bench", __doc__, 4, measure, page)


if __name__ == "__main__":
    main()
