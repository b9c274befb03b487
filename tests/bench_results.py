"""Results of a bench that nobody ran, for tests of what reads them: every figure is chosen here."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgedoc_bench.corpus import Sample
from edgedoc_bench.results import Writer, documents_path

MODEL = "nano-reader"
GOLD = "# Title\n\nOne two three four five.\n\n- six\n- seven\n"
HTML = (
    '<html><body><h1>Title</h1><p>One two three four five.</p><ul><li>six<li>seven</ul><a href="/x">x</a></body></html>'
)
MACHINE = {
    "time": "2026-11-23T00:00:00+00:00",
    "cpu": "Testing Engine",
    "flags": ["avx2"],
    "logical_cpus": 2,
    "usable_cores": 2,
    "memory_available": 8 << 30,
    "system": "Linux 6",
    "python": "3.11",
    "packages": {"edgedoc": "0.1.0", "numpy": "2.0"},
    "engine_build": None,
    "load_average": 0.1,
}
# Format and preset: bytes of the file, bytes at peak, seconds a page, agreement, token F1.
ARTIFACTS = {
    ("gguf", "f32"): (13_000_000, 98_000_000, 2.0, None, 0.90),
    ("gguf", "int8"): (3_600_000, 88_000_000, 1.0, 0.999, 0.90),
    ("gguf", "int4"): (2_100_000, 86_000_000, 0.5, 0.95, 0.80),
    ("onnx", "int8"): (4_000_000, 103_000_000, 0.8, 0.998, 0.89),
}
BASELINES = {"trafilatura": (0.01, 0.95), "rules": (0.002, 0.97)}
KINDS = {"article": 8, "thread": 3}


def write_results(
    folder: Path,
    *,
    fingerprint: str = "a" * 16,
    sha: str = "1",
    slower: float = 1.0,
    worse: float = 0.0,
    prices: bool = False,
    text: str = GOLD,
) -> Path:
    """A folder of results; `slower` and `worse` change the seconds and the token F1 of every artifact."""
    samples = [
        Sample(id=f"{kind}-{number}", kind=kind, source=HTML, gold=GOLD)
        for kind, count in KINDS.items()
        for number in range(count)
    ]
    path = documents_path(folder, "samples", "reader")
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(sample.as_dict()) + "\n" for sample in samples), "utf-8")
    names = [f"{MODEL} {format} {preset}" for format, preset in ARTIFACTS]
    cells = [*names, *BASELINES, "openvino-genai", *(f"fidelity {name}" for name in names[1:])]
    with Writer.open(folder) as writer:
        writer.add("run", _header(cells, fingerprint, prices))
        for ((format, preset), figures), name in zip(ARTIFACTS.items(), names, strict=True):
            _artifact(writer, samples, name, format, preset, figures, sha, slower, worse, prices, text, folder)
        for name, (seconds, f1) in BASELINES.items():
            _cell(writer, name, "baseline", name, summary=_summary(seconds), peak=50_000_000)
            _documents(writer, samples, name, seconds, f1, text, folder)
        _cell(writer, "openvino-genai", "peer", "openvino-genai", status="skipped", reason="openvino is not installed")
    return folder


def _header(cells: list[str], fingerprint: str, prices: bool) -> dict[str, Any]:
    return {
        "schema": 1,
        "started": MACHINE["time"],
        "edgedoc": "0.1.0",
        "command": ["edgedoc", "bench", "quick"],
        "suite": {"name": "quick", "file": "quick.toml", "sha256": "c" * 64, "toml": ""},
        "metrics": ["speed", "fidelity", "quality"],
        "machine": MACHINE,
        "fingerprint": fingerprint,
        "cells": cells,
        "sets": [{"name": "samples", "task": "reader", "sha256": "d" * 64, "documents": sum(KINDS.values())}],
        "energy": {"source": None, "domains": [], "idle_watts": None, "reason": "no counters here"},
        "prices": {"currency": "EUR", "date": "2026-11-01"} if prices else None,
    }


def _artifact(
    writer: Writer,
    samples: list[Sample],
    name: str,
    format: str,
    preset: str,
    figures: tuple[int, int, float, float | None, float],
    sha: str,
    slower: float,
    worse: float,
    prices: bool,
    text: str,
    folder: Path,
) -> None:
    size, peak, seconds, agreement, f1 = figures
    reference = None if preset == "f32" else f"{MODEL} gguf f32"
    writer.add(
        "artifact",
        {
            **{"artifact": name, "model": MODEL, "task": "reader", "format": format, "preset": preset},
            **{"sha256": sha * 64, "path": "x", "file_bytes": size, "bits_per_weight": 8.5, "parameters": 3_300_000},
            **{"tensor_types": {}, "source": {}, "export_seconds": 1.0, "reference": reference},
        },
    )
    summary = _summary(seconds * slower)
    _cell(writer, name, "artifact", name, reference=reference, summary=summary, peak=peak)
    _documents(writer, samples, name, seconds * slower, f1 - worse, text if preset != "f32" else GOLD, folder)
    if agreement is not None:
        cell = f"fidelity {name}"
        _cell(writer, cell, "artifact", name, measure="fidelity")
        values = {"top1_agreement": agreement, "kl_mean": 1 - agreement, "kl_p99": 0.01, "perplexity_ratio": 1.001}
        values |= {"match_rate": agreement - 0.1, "reference_match_rate": 1.0}
        writer.add("fidelity", {"cell": cell, "round": 1, "values": values})
    if prices:
        row = {"per_1000_documents": seconds * 0.1, "per_million_tokens_in": 1.0, "per_million_tokens_out": 2.0}
        writer.add("money", {"cell": name, "convention": "cloud", "currency": "EUR", **row, "reason": None})


def _summary(seconds: float) -> dict[str, Any]:
    spread = {"median": 100.0, "lowest": 90.0, "highest": 110.0, "samples": 3}
    return {
        "seconds": {"mean": seconds, "p50": seconds, "p95": seconds * 1.5},
        "first_token": {"p50": seconds / 10, "p95": seconds / 5},
        "prefill_tokens_per_second": spread,
        "decode_tokens_per_second": spread,
        "acceptance": 0.5,
        "unsteady": [],
    }


def _cell(
    writer: Writer,
    cell: str,
    kind: str,
    name: str,
    *,
    measure: str = "documents",
    status: str = "ok",
    reason: str | None = None,
    reference: str | None = None,
    summary: Mapping[str, Any] | None = None,
    peak: int | None = None,
) -> None:
    writer.add(
        "cell",
        {
            **{"cell": cell, "name": cell, "measure": measure, "subject": {"kind": kind, "name": name}},
            **{"task": "reader", "set": "samples", "settings": {"threads": 2}, "reference": reference},
            **{"status": status, "reason": reason, "rounds": 2, "failed_documents": [], "load_seconds": 0.1},
            **{"peak_memory": peak, "memory": None, "summary": summary},
        },
    )


def _documents(
    writer: Writer, samples: list[Sample], cell: str, seconds: float, f1: float, text: str, folder: Path
) -> None:
    for index, sample in enumerate(samples):
        file = folder / "outputs" / cell / f"{index:05d}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        told = {"flags": [[]], "finish": ["stop"], "heads": None, "matched": None, "asked": None}
        where = {"document": sample.id, "index": index, "file": str(file.relative_to(folder))}
        writer.add("output", {"cell": cell, **where, **told})
        for round in (1, 2):
            row = {"document": sample.id, "seconds": seconds * (1 + index / 100), "digest": "e" * 16}
            writer.add("sample", {"cell": cell, "round": round, **row})
        values = {"token_f1": f1 + index / 1000, "ter": 0.0, "same": 1.0, "agreement": 1.0}
        where = {"task": "reader", "set": "samples", "document": sample.id, "document_kind": sample.kind}
        writer.add("quality", {"cell": cell, **where, "values": values})
