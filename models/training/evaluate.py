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
import random
import statistics
import string
import tempfile
from pathlib import Path

import html_to_markdown
import trafilatura
from pages import Page
from pairs import words_of
from rapidfuzz.distance import Levenshtein

from edgedoc.documents.clean import clean
from edgedoc.documents.coverage import share_found, words
from edgedoc.documents.rules import convert
from edgedoc.tasks.reader import Conversion, Fallback, Reader
from edgedoc_export.build import export

HELD_OUT = (1 << 40) + 7_000_000
SIZES = (300, 600, 1200, 2400)
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
        rows = [row for line in lines if (row := json.loads(line))["kind"] == "docs-page" and len(row["html"]) < 150_000]
    rows = random.Random(1).sample(rows, min(count, len(rows)))
    scores: dict[str, list[float]] = {}
    windows = flagged = 0
    for row in rows:
        reader.fallback = Fallback.NONE
        alone = reader.convert(row["html"])
        candidates = {
            "nano-reader alone": alone.markdown,
            "nano-reader with fallback": _with_fallback(reader, row["html"], alone),
            "trafilatura": trafilatura.extract(row["html"], output_format="markdown", include_links=True, include_tables=True) or "",
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


def main() -> None:
    """Parse options, measure, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder with html_train/ and html2md/")
    parser.add_argument("--preset", default="f32")
    parser.add_argument("--documents", type=int, default=300)
    parser.add_argument("--pages", type=int, default=60)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        artifact = export(options.checkpoint, preset=options.preset, out=Path(scratch) / "artifact", recipe="nano-reader")
        with Reader.open(artifact, fallback=Fallback.NONE, threads=options.threads) as reader:
            seen = words_of(options.data / "html_train" / "pages.jsonl.gz")
            result = {
                "preset": options.preset,
                "synthetic": synthetic(reader, options.documents, seen),
                "synthetic_unseen_words": synthetic(reader, options.documents, unseen_words(5)),
                "docs_pages": docs_pages(reader, options.data / "html2md" / "html_markdown.jsonl.gz", options.pages) if options.pages else None,
            }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
