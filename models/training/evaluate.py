"""Measures nano-reader and writes its model card: `python models/training/evaluate.py CHECKPOINT --data SHARED_DATA`.

Runs the exported artifact through edgedoc itself, the way a user does; needs no torch. Knows nothing of the training.

Synthetic: pages numbered from HELD_OUT on, which training never draws; the answer is what the deterministic converter
makes of them. "Unseen words" replaces the real lexicon by words invented from letter pairs that training never used.
Real: documentation pages whose authors' Markdown is the gold; token F1 over words, beside trafilatura and
html-to-markdown on the same pages. Levenshtein similarity as rapidfuzz defines it (1 - distance / longer length).
"""

import argparse
import gzip
import json
import math
import random
import statistics
import string
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import html_to_markdown
import trafilatura
from pages import Page
from pairs import words_of
from rapidfuzz.distance import Levenshtein

from edgedoc.documents.clean import clean
from edgedoc.documents.coverage import share_found, words
from edgedoc.documents.rules import convert
from edgedoc.engines.host import usable_cores
from edgedoc.tasks.reader import Conversion, Fallback, Reader
from edgedoc_bench.machine import describe
from edgedoc_export.build import export
from edgedoc_export.checkpoint import Checkpoint
from edgedoc_export.qwen2 import tensor_shapes

HELD_OUT = (1 << 40) + 7_000_000
SIZES = (200, 400, 800, 1600)
"""Characters of a synthetic page; the largest needs more than one window."""


def synthetic(reader: Reader, count: int, lexicon: list[str]) -> dict[str, object]:
    """Similarity and exactness over `count` unseen synthetic pages, no fallback."""
    similarities, exact, flagged = [], 0, 0
    for number in range(count):
        page = Page(random.Random(HELD_OUT + number), lexicon, SIZES[number % len(SIZES)]).html()
        wanted = convert(clean(page).html)
        conversion = reader.convert(page)
        similarities.append(Levenshtein.normalized_similarity(wanted, conversion.markdown.strip()))
        exact += wanted == conversion.markdown.strip()
        flagged += conversion.flagged > 0
    return {
        "documents": count,
        "levenshtein_similarity_mean": statistics.fmean(similarities),
        "levenshtein_similarity_worst": min(similarities),
        "exact_share": exact / count,
        "flagged_documents": flagged,
    }


def unseen_words(seed: int, count: int = 20_000) -> list[str]:
    """Words of random letters: no lexicon, no syllables, so nothing a model could know."""
    rng = random.Random(seed)
    return ["".join(rng.choices(string.ascii_lowercase, k=rng.randint(2, 12))) for _ in range(count)]


def docs_pages(reader: Reader, path: Path, count: int) -> dict[str, object]:
    """Token F1 on real documentation pages: the reader with and without fallback, and the classic tools."""
    with gzip.open(path, "rt") as lines:
        rows = [
            row for line in lines if (row := json.loads(line))["kind"] == "docs-page" and len(row["html"]) < 150_000
        ]
    rows = random.Random(1).sample(rows, min(count, len(rows)))
    scores: dict[str, list[float]] = {}
    windows = flagged = 0
    for row in rows:
        reader.fallback = Fallback.NONE
        alone = reader.convert(row["html"])
        candidates = {
            "nano-reader alone": alone.markdown,
            "nano-reader with fallback": _with_fallback(reader, row["html"], alone),
            "trafilatura": trafilatura.extract(
                row["html"], output_format="markdown", include_links=True, include_tables=True
            )
            or "",
            "html-to-markdown": html_to_markdown.convert(row["html"]).content,
            "edgedoc rules": convert(clean(row["html"]).html),
        }
        for name, markdown in candidates.items():
            scores.setdefault(name, []).append(token_f1(row["markdown"], markdown))
        windows, flagged = windows + len(alone.windows), flagged + alone.flagged
    means = {name: statistics.fmean(values) for name, values in scores.items()}
    return {"pages": len(rows), "windows": windows, "flagged_windows": flagged, "token_f1": means}


def token_f1(gold: str, candidate: str) -> float:
    """F1 of the words of two texts, repeats counted."""
    wanted, held = words(gold), words(candidate)
    recall, precision = share_found(wanted, held), share_found(held, wanted)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _with_fallback(reader: Reader, html: str, alone: Conversion) -> str:
    if not alone.flagged:
        return alone.markdown
    reader.fallback = Fallback.RULES
    return reader.convert(html).markdown


def card(result: dict[str, Any]) -> str:
    """The model card, every figure from `result`."""
    lines = [
        "| precision | documents | words | Levenshtein similarity, mean (worst) | exact | flagged |",
        "|---|---|---|---|---|---|",
    ]
    for preset, measured in result["presets"].items():
        for name, key in (("the lexicon's", "synthetic"), ("never seen", "synthetic_unseen_words")):
            row = measured[key]
            similarity = f"{row['levenshtein_similarity_mean']:.4f} ({row['levenshtein_similarity_worst']:.3f})"
            lines.append(
                f"| {preset} | {row['documents']} | {name} | {similarity} | {row['exact_share']:.1%} "
                f"| {row['flagged_documents']} |"
            )
    real = result["docs_pages"]
    f1 = "\n".join(f"| {name} | {value:.3f} |" for name, value in real["token_f1"].items())
    return CARD.format(
        parameters=f"{result['parameters']:,}",
        synthetic="\n".join(lines),
        real=f1,
        pages=real["pages"],
        windows=real["windows"],
        flagged=real["flagged_windows"],
        machine=result["machine"],
    )


CARD = """---
license: apache-2.0
language: [en, zh]
pipeline_tag: text-generation
tags: [html-to-markdown, edgedoc, qwen2]
---

# nano-reader

A Qwen2 of {parameters} parameters (4 layers, hidden 256, vocabulary 2,048) that turns cleaned HTML into
Markdown, in the prompt format of jinaai/reader-lm. Trained from scratch by
[models/training](../../../training/README.md) on generated pages and on windows of permissively licensed documentation
pages, to imitate a deterministic converter. Greedy decoding, no repetition penalty; windows of at most 640 tokens.

It exists to try, test and demonstrate edgedoc without a download. On real pages the rules it imitates do better; see
below.

## Measured on unseen synthetic pages, against the converter it imitates

{synthetic}

## Measured on real documentation pages, against the authors' Markdown

Token F1 (words, repeats counted), mean over {pages} pages (kind docs-page, none seen in training), f32.
nano-reader read {windows} windows, of which {flagged} were flagged: "alone" keeps them as they are, "with fallback"
lets the rules stand in, as `edgedoc convert` does.

| | token F1 |
|---|---|
{real}

{machine}

Written by `python models/training/evaluate.py`; the same figures as data are in bench/results/nano-reader.json.
"""


def measure(task: str, preset: str, checkpoint: Path, data: Path, count: int) -> dict[str, object]:
    """One task in a process of its own, on one thread: speed is no subject here."""
    with tempfile.TemporaryDirectory() as scratch:
        artifact = export(checkpoint, preset=preset, out=Path(scratch) / "artifact", recipe="nano-reader")
        with Reader.open(artifact, fallback=Fallback.NONE, threads=1) as reader:
            if task == "docs_pages":
                return docs_pages(reader, data / "html2md" / "html_markdown.jsonl.gz", count)
            seen = task == "synthetic"
            lexicon = words_of(data / "html_train" / "pages.jsonl.gz") if seen else unseen_words(5)
            return synthetic(reader, count, lexicon)


def main() -> None:
    """Parse options, measure, write the card and the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder with html_train/ and html2md/")
    parser.add_argument("--documents", type=int, default=300, help="synthetic documents read in full precision")
    parser.add_argument("--quantised-documents", type=int, default=100, help="the same at eight and four bits")
    parser.add_argument("--pages", type=int, default=40, help="real pages")
    parser.add_argument("--card", type=Path, help="write the model card here")
    parser.add_argument("--out", type=Path, help="write the figures here as JSON")
    options = parser.parse_args()
    result: dict[str, Any] = {"machine": describe().line(), "presets": {}}
    shapes = tensor_shapes(Checkpoint.open(options.checkpoint).config)
    result["parameters"] = sum(math.prod(shape) for shape in shapes.values())
    tasks = [("docs_pages", "f32", options.pages)]
    few = options.quantised_documents
    for preset, count in (("f32", options.documents), ("int8", few), ("int4", few)):
        tasks += [("synthetic", preset, count), ("synthetic_unseen_words", preset, count)]
    with ProcessPoolExecutor(usable_cores()) as pool:
        running = [
            (task, preset, pool.submit(measure, task, preset, options.checkpoint, options.data, count))
            for task, preset, count in tasks
        ]
        for task, preset, outcome in running:
            (result if task == "docs_pages" else result["presets"].setdefault(preset, {}))[task] = outcome.result()
    text = json.dumps(result, indent=2) + "\n"
    print(text)
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    if options.card:
        options.card.write_text(card(result), encoding="utf-8")


if __name__ == "__main__":
    main()
