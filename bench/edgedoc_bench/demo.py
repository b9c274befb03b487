"""The whole journey on the bundled models: export to three precisions, convert pages with each, the bill, chunks.

Every figure is measured here and now, against f32 of the same checkpoint; with a second engine on the machine, its int8
and int4 stand beside. Knows nothing that `export`, `cell` and `fidelity` do not know.
"""

import time
from pathlib import Path
from typing import Any

from edgedoc.artifact import Artifact
from edgedoc.catalogue import align
from edgedoc.console import Report
from edgedoc.files import write
from edgedoc_bench import demo_chunks
from edgedoc_bench.cell import measure_apart
from edgedoc_bench.fidelity import compare_artifacts, sample_files
from edgedoc_bench.formats import usable
from edgedoc_bench.machine import describe as describe_machine
from edgedoc_export.build import export

MODEL = "nano-reader"
PRESETS = ("f32", "int8", "int4")
ROUNDS = 3
EXCERPT_LINES = 12


def run(out: Path, report: Report, *, rounds: int = ROUNDS) -> dict[str, Any]:
    """Make artifacts and Markdown under `out` (replacing an earlier demo's) and return every figure as plain data.

    Raises what `export` and `measure_apart` raise.
    """
    started = time.perf_counter()
    machine = describe_machine()
    pages = _lay_out_pages(out)
    rows: list[dict[str, Any]] = []
    cells = variants()
    for format, preset in cells:
        name = preset if format == cells[0][0] else f"{format}-{preset}"
        stage = f"{format} {preset}: export, convert, measure"
        report(stage, 0, 1)
        begin = time.perf_counter()
        folder = export(MODEL, format=format, preset=preset, out=out / f"{MODEL}-{name}", overwrite=True)
        exported = time.perf_counter() - begin
        artifact = Artifact.open(folder)
        row: dict[str, Any] = {"format": format, "preset": preset, "artifact": str(folder), "export_seconds": exported}
        row |= {"file_bytes": model_bytes(artifact), "bits_per_weight": artifact.manifest.bits_per_weight}
        row |= measure_apart(folder, pages, rounds)
        for page, markdown in zip(pages, row.pop("markdown"), strict=True):
            write(out / "markdown" / name / f"{page.stem}.md", markdown)
        rows.append(row)
        report(stage, 1, 1)
    report("comparing with f32", 0, len(rows))
    reference = Artifact.open(Path(rows[0]["artifact"]))
    for number, row in enumerate(rows, 1):
        row["fidelity"] = compare_artifacts(
            reference, Artifact.open(Path(row["artifact"])), [page.read_bytes() for page in pages]
        ).as_dict()
        report("comparing with f32", number, len(rows))
    report("cutting into chunks", 0, 1)
    markdown = (out / "markdown" / "f32" / f"{pages[0].stem}.md").read_text("utf-8")
    chunking = demo_chunks.run(out, cells[0][0], pages[0].stem, markdown)
    report("cutting into chunks", 1, 1)
    return {
        "model": MODEL,
        "rounds": rounds,
        "pages": [page.name for page in pages],
        "rows": rows,
        "excerpt": (out / "markdown" / "int4" / f"{pages[0].stem}.md").read_text("utf-8").splitlines()[:EXCERPT_LINES],
        "chunking": chunking,
        "folder": str(out),
        "machine": machine.as_dict(),
        "machine_line": machine.line(),
        "seconds": time.perf_counter() - started,
    }


def variants() -> list[tuple[str, str]]:
    """Format and preset of every row: the preferred format's three, f32 first, then int8 and int4 of the others."""
    first, *others = usable()
    return [(first, preset) for preset in PRESETS] + [(other, preset) for other in others for preset in PRESETS[1:]]


def model_bytes(artifact: Artifact) -> int:
    """The model with the data files beside it; tokenizer and configurations are not counted."""
    model = artifact.manifest.model_file
    return sum(entry.bytes for name, entry in artifact.manifest.files.items() if name.startswith(model))


def table(result: dict[str, Any]) -> str:
    """The bill for people."""
    head = (
        "",
        "file MB",
        "bits/weight",
        "load s",
        "prefill tok/s",
        "decode tok/s",
        "steps saved",
        "s/page",
        "peak MB",
        "flagged",
        "agrees with f32",
    )
    lines: list[tuple[str, ...]] = [head]
    several = len({row.get("format") for row in result["rows"]}) > 1
    for row in result["rows"]:
        lines.append(
            (
                f"{row['format']} {row['preset']}" if several else row["preset"],
                f"{row['file_bytes'] / 1e6:.1f}",
                f"{row['bits_per_weight']:.2f}",
                f"{row['load_seconds']:.2f}",
                f"{row['prefill_tokens_per_second']:,.0f}",
                f"{row['decode_tokens_per_second']:,.0f}",
                f"{row['steps_saved']:.0%}",
                f"{row['seconds_per_page']:.2f}",
                f"{row['peak_memory'] / 1e6:.0f}" if row["peak_memory"] else "unknown",
                f"{row['flagged']} of {row['windows']}",
                f"{row['fidelity']['top1_agreement']:.2%} of {row['fidelity']['positions']} tokens",
            )
        )
    excerpt = "\n".join(f"    {line}".rstrip() for line in result["excerpt"])
    return "\n".join(
        [
            f"{result['model']}, {len(result['pages'])} pages, medians of {result['rounds']} rounds, a process per row",
            "",
            align(lines, right=frozenset(range(1, len(head)))),
            "",
            result["machine_line"],
            "",
            f"{result['pages'][0]} by the int4 model begins:",
            "",
            excerpt,
            "",
            demo_chunks.table(result["chunking"]),
            "",
            f"Artifacts, pages and Markdown are in {result['folder']}",
            f"Next: edgedoc convert page.html --model {result['rows'][2]['artifact']}",
        ]
    )


def _lay_out_pages(out: Path) -> list[Path]:
    pages = []
    for sample in sample_files():
        page = out / "pages" / sample.name
        write(page, sample.read_text(encoding="utf-8"))
        pages.append(page)
    return pages
