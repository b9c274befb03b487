"""The bundled model against itself zero-padded into reader-lm-0.5b's exact shapes: the same tokens, at the real cost.

    python -m edgedoc_bench.widen_bench [--format gguf|onnx] [--presets bf16 int8 int4] [--threads N]

In full precision (bf16 as GGUF, f32 as ONNX) the wide artifact must give token for token what the nano one gives: that
checks writer, engine and loop at true shapes end to end. The quantised rows say what documents cost at the real size;
their agreement, too, is with nano.
"""

import argparse
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from edgedoc.artifact import Artifact
from edgedoc.catalogue import align
from edgedoc.tasks.reader import Fallback, Reader
from edgedoc_bench.demo import model_bytes
from edgedoc_bench.fidelity import sample_pages
from edgedoc_bench.machine import Machine, describe
from edgedoc_bench.publish import RESULTS, publish
from edgedoc_bench.spread import Spread
from edgedoc_export.build import export
from edgedoc_export.checkpoint import Checkpoint
from edgedoc_export.random_weights import READER_LM_05B
from edgedoc_export.sources import find_source
from edgedoc_export.widen import widen

MODEL = "nano-reader"
FULL = {"gguf": "bf16", "onnx": "f32"}
"""The preset of each format that holds the checkpoint, which is in bfloat16, exactly."""


def read(artifact: Path, pages: list[bytes], threads: int | None) -> dict[str, object]:
    """Tokens of every window of the pages, and what they cost."""
    with Reader.open(artifact, fallback=Fallback.NONE, threads=threads) as reader:
        started = perf_counter()
        answers = [answer.tokens for page in pages for _, answer in reader.answers(page)]
        seconds = perf_counter() - started
        windows = [window for page in pages for window in reader.convert(page).windows]
    return {
        "answers": answers,
        "seconds_per_page": seconds / len(pages),
        "prefill": asdict(Spread.of([w.prompt_tokens / w.prefill_seconds for w in windows])),
        "decode": asdict(Spread.of([(w.steps - 1) / w.decode_seconds for w in windows if w.steps > 1])),
        "bytes": model_bytes(Artifact.open(artifact)),
        "bits_per_weight": Artifact.open(artifact).manifest.bits_per_weight,
    }


def main() -> None:
    """Widen, export, read, compare; write JSON and Markdown to --out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--format", choices=FULL, default="gguf")
    parser.add_argument("--presets", nargs="*", help="full precision, int8 and int4 unless said")
    parser.add_argument("--pages", type=int, default=3, help="how many of the sample pages")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    full, name = FULL[options.format], "widen-bench" if options.format == "gguf" else "widen-bench-onnx"
    machine = describe()
    pages = sample_pages()[: options.pages]
    rows: dict[str, dict[str, object]] = {}
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        nano = find_source(MODEL).folder
        wide = widen(Checkpoint.open(nano), READER_LM_05B, folder / "wide", dtype="BF16", filler=0)
        narrow = export(MODEL, format=options.format, preset=full, out=folder / "nano")
        rows[f"nano {full}"] = read(narrow, pages, options.threads)
        for preset in options.presets or (full, "int8", "int4"):
            artifact = export(wide, format=options.format, preset=preset, out=folder / preset, recipe=MODEL)
            rows[f"wide {preset}"] = read(artifact, pages, options.threads)
    reference = rows[f"nano {full}"]["answers"]
    for row in rows.values():
        row["same_as_nano"] = _same(reference, row.pop("answers"))
    page = _page(machine, options.format, rows, len(pages))
    publish(options.out / f"{name}.json", {"machine": machine.as_dict(), "rows": rows}, page)


def _same(reference: object, answers: object) -> dict[str, int]:
    """Windows with the same tokens throughout, and tokens before the first difference in each window, summed."""
    assert isinstance(reference, list) and isinstance(answers, list)
    agreed = [
        next((i for i, (a, b) in enumerate(zip(wanted, got, strict=False)) if a != b), min(len(wanted), len(got)))
        for wanted, got in zip(reference, answers, strict=True)
    ]
    return {
        "windows": sum(wanted == got for wanted, got in zip(reference, answers, strict=True)),
        "of_windows": len(reference),
        "tokens_before_difference": sum(agreed),
        "of_tokens": sum(map(len, reference)),
    }


def _page(machine: Machine, format: str, rows: dict[str, dict[str, object]], pages: int) -> str:
    lines: list[tuple[str, ...]] = [
        ("", "file MB", "bits/weight", "prefill tok/s", "decode tok/s", "s/page", "windows as nano", "tokens as nano"),
    ]
    for name, row in rows.items():
        same, prefill, decode = row["same_as_nano"], row["prefill"], row["decode"]
        assert isinstance(same, dict) and isinstance(prefill, dict) and isinstance(decode, dict)
        lines.append(
            (
                name,
                f"{int(str(row['bytes'])) / 1e6:.0f}",
                f"{float(str(row['bits_per_weight'])):.2f}",
                Spread(**prefill).text(0),
                Spread(**decode).text(0),
                f"{float(str(row['seconds_per_page'])):.1f}",
                f"{same['windows']} of {same['of_windows']}",
                f"{same['tokens_before_difference']} of {same['of_tokens']}",
            )
        )
    busy = "\nThe machine was busy: the speeds say little, the tokens hold.\n" if machine.busy else ""
    return "\n".join(
        [
            f"# nano-reader at reader-lm-0.5b's shapes, {format}",
            "",
            f"Zero-padded to 24 layers, hidden 896, vocabulary 151,936; {pages} of the sample pages, no fallback; "
            "median over windows (lowest-highest).",
            busy,
            "```",
            align(lines, right=frozenset(range(1, 8))),
            "```",
            "",
            machine.line(),
            "",
        ]
    )


if __name__ == "__main__":
    main()
