"""What a report says around its tables: where it was measured, on what, what is missing and why. Plain sentences."""

import json
from collections.abc import Sequence

from edgedoc_bench.machine import Machine
from edgedoc_bench.report_columns import significant
from edgedoc_bench.report_rows import Group
from edgedoc_bench.results import OK, Results
from edgedoc_bench.verdicts import loss_sentences, verdict

BUSY = "The machine was busy: seconds say little; all else holds."
FULL = ("f", "bf")
"""How presets of floating-point weights begin."""
UNASKED = {"fidelity": "Agreement with full precision", "quality": "Quality"}
SOURCES = (
    "Token F1: SQuAD's, on words of the rendered text. ROUGE-L: Lin 2004, one sequence a page. WER: edits of words "
    "over the author's words. TER: Jina's token error rate, not translation edit rate. Tables: TEDS, Zhong et al. 2020."
    " Pk: Beeferman et al. 1999. WindowDiff: Pevzner and Hearst 2002. B: Fournier 2013, n_t = 2. Whole blocks, size: "
    "Adaptive Chunking, arXiv 2603.25333. Agreement, KL and perplexity: as llama-perplexity has them. Intervals: "
    "percentile bootstrap over documents, in pairs."
)


def machine(results: Results) -> Machine:
    """The machine the figures are of."""
    table = {**results.machine, "flags": tuple(results.machine["flags"])}
    return Machine(**table)


def heading(group: Group) -> str:
    """What was done, by whom and how."""
    models = list(dict.fromkeys(str(entry.artifact["model"]) for entry in group.models))
    who = f": {models[0]}" if len(models) == 1 else ""
    how = f", {group.settings}" if group.settings else ""
    return f"The {group.task} on {group.title}, {many(group.documents)}{who}{how}"


def many(documents: int) -> str:
    """A number of documents."""
    return "1 document" if documents == 1 else f"{documents} documents"


def conclusions(found: Sequence[Group]) -> list[str]:
    """What to conclude of each group: the classic tools first, then what quantising lost."""
    return [
        sentence if len(found) == 1 else f"The {group.task} on {group.title}. {sentence}"
        for group in found
        for sentence in (verdict(group), *loss_sentences(group))
        if sentence
    ]


def missing(results: Results) -> list[str]:
    """What was not measured, failed or cannot be trusted, and why."""
    told = []
    if results.cut:
        told.append("The last line of results.jsonl is cut off and was left out.")
    if results.missing:
        told.append(
            f"{len(results.missing)} cells were not measured: the bench was stopped. Start it again with --out."
        )
    for cell in results.cells:
        if cell["status"] != OK:
            told.append(f"{cell['name']}: {cell['status']}" + (f", {cell['reason']}" if cell.get("reason") else ""))
        elif cell.get("failed_documents"):
            why = {row["document"]: row["message"] for row in results.of("failure") if row["cell"] == cell["cell"]}
            words = (f"{name} ({why[name]})" if name in why else name for name in cell["failed_documents"])
            told.append(f"{cell['name']} failed on {', '.join(words)}")
        if cell["status"] == OK and (unsteady := (cell.get("summary") or {}).get("unsteady")):
            told.append(f"{cell['name']} answered differently from round to round on {', '.join(unsteady)}")
    failures = [row for row in results.of("failure") if row.get("cell") is None]
    told += [f"{row['name']}, {row['stage']}: {row['message']}" for row in failures]
    for label, row in results.artifacts.items():
        if row["reference"] is None and not row["preset"].startswith(FULL):
            told.append(f"Full precision was not measured: what is called so is {label}, the suite's reference.")
    if results.artifacts:
        unasked = [name for name in UNASKED if name not in results.header["metrics"]]
        told += [f'{UNASKED[name]} is unknown: nobody asked for it. Add "{name}" to metrics.' for name in unasked]
    energy = results.header.get("energy") or {}
    if not energy.get("source"):
        told.append(f"Energy is unknown: {energy.get('reason') or 'nobody asked for it'}.")
    if not results.header.get("prices"):
        told.append("No money: no prices were stated. Name a price file with --prices.")
    return told


def provenance(results: Results) -> list[tuple[str, str]]:
    """What is needed to measure it again, as pairs of a name and a text."""
    header, limits = results.header, results.limits
    sets = (
        f"{row['name']} for a {row['task']}: {row['documents']} documents, sha256 {row['sha256'][:16]}"
        for row in header.get("sets", ())
    )
    pairs = [
        ("Machine", machine(results).line()),
        ("Command", " ".join(header.get("command") or ())),
        ("Suite", f"{header['suite']['name']}, sha256 {header['suite']['sha256'][:16]}"),
        ("Documents", "; ".join(sets)),
    ]
    if limits is not None and limits.get("bandwidth"):
        words = [f"memory is read at {limits['bandwidth'] / 1e9:.1f} GB/s"]
        words += [
            f"{name} products at {limits[key] / 1e9:,.0f} G/s"
            for name, key in (("f32", "gemm_f32"), ("int8", "gemm_int8"))
            if limits.get(key)
        ]
        pairs.append(("Limits, measured", ", ".join(words)))
    energy = header.get("energy") or {}
    if energy.get("source"):
        idle = f", {energy['idle_watts']:.1f} W when idle" if energy.get("idle_watts") is not None else ""
        pairs.append(("Energy", f"{energy['source']}, {', '.join(energy['domains'])}{idle}"))
    if prices := header.get("prices"):
        pairs.append(("Prices", json.dumps(prices, ensure_ascii=False)))
    for row in results.artifacts.values():
        pairs.append(
            (
                row["artifact"],
                f"sha256 {row['sha256'][:16]}, {row['file_bytes'] / 1e6:.1f} MB, {row['bits_per_weight']:.2f} bits a "
                f"weight, {significant(row['parameters'] / 1e6)} M parameters",
            )
        )
    return pairs
