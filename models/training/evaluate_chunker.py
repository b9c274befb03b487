"""Measures a nano-chunker and writes its model card: `python models/training/evaluate_chunker.py ADAPTER --data DOCS`.

Runs the exported artifact through edgedoc itself; needs no torch. The documents are those training leaves out (every
25th); how the chunkers do on data sets nobody trained on is what edgedoc_bench.chunk_bench measures.

simple    Pk and boundary F1 without headings, weighed at every threshold, beside the floors
topic     with headings: topics that are a section's title, topics whose words are the chunk's own
summary   summaries that are a verbatim part of their chunk, and that are its first sentence
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sections import HELD_OUT, blocks, documents, lead
from sections import Block as TrainingBlock

from edgedoc.recipes import Method, Mode, load_recipe
from edgedoc.tasks.chunker import Chunker
from edgedoc.tasks.marking import Heads
from edgedoc_bench.machine import describe
from edgedoc_bench.segmentation import Summary, score
from edgedoc_bench.segmentation_baselines import FLOORS, floor, mean_items
from edgedoc_bench.segmentation_document import Document, Layout
from edgedoc_export.adapter import Adapter
from edgedoc_export.build import export

THRESHOLDS = tuple(round(0.02 * n, 2) for n in range(1, 31))
LONGEST = 150
"""Blocks; the few longer documents are reference lists."""


def held_out(path: Path, count: int, *, headings: bool) -> list[tuple[Document, list[TrainingBlock]]]:
    """The first `count` documents that training never drew and that have something to cut."""
    found = []
    for number, row in enumerate(documents(path)):
        parts = blocks(row, headings=headings) if number % HELD_OUT == 0 else []
        starts = [index for index, part in enumerate(parts) if index and part.title is not None]
        if not starts or not 3 < len(parts) < LONGEST:
            continue
        ends = [*(start - 1 for start in starts), len(parts) - 1]
        document = Document(
            id=str(row["id"]),
            items=tuple(part.text for part in parts),
            boundaries=tuple(ends),
            titles=None,
            unit="paragraph",
            joiner="\n\n",
        )
        found.append((document, parts))
    return found[:: max(1, len(found) // count)][:count]


def boundaries(chunker: Chunker, found: list[Document]) -> dict[str, Any]:
    """The simple model, weighed, and the floors."""
    rows: dict[str, Any] = {}
    layouts = [Layout.stripped(document) for document in found]

    def add(name: str, cuts: list[list[int]]) -> None:
        scores = [
            score(reference=document.boundaries, hypothesis=layout.boundaries(starts)[0], items=len(document.items))
            for document, layout, starts in zip(found, layouts, cuts, strict=True)
        ]
        rows[name] = asdict(Summary.of(scores))

    for name in FLOORS:
        given = [floor(name, document, mean_items(found), 0) for document in found]
        add(name, [[layout.spans[b + 1][0] for b in cuts] for layout, cuts in zip(layouts, given, strict=True)])
    weighed = []
    for layout in layouts:
        seen: dict[int, float] = {}
        for window in chunker.chunk(layout.text).windows:
            seen.update(window.weighed)
        weighed.append(seen)
    for threshold in THRESHOLDS:
        add(f"weighed {threshold}", [[at for at, p in seen.items() if p >= threshold] for seen in weighed])
    return rows


def generated(chunker: Chunker, found: list[tuple[Document, list[TrainingBlock]]]) -> dict[str, Any]:
    """What topics and summaries say; `matched` and `heads` count, the rest are shares of chunks."""
    titles = own = verbatim = leads = chunks = heads = matched = 0
    for document, parts in found:
        chunking = chunker.chunk(Layout.stripped(document).text)
        known = {" ".join(part.title.split()).lower() for part in parts if part.title}
        for chunk in chunking.chunks:
            chunks += 1
            text = " ".join(chunk.text.split())
            titles += (chunk.topic or "").lower() in known
            own += bool(chunk.topic) and (chunk.topic or "").lower() in text.lower()
            verbatim += bool(chunk.summary) and (chunk.summary or "") in text
            leads += chunk.summary == lead(
                [TrainingBlock(part, None) for part in chunk.text.split("\n\n") if part], 160
            )
        heads += sum(window.heads for window in chunking.windows)
        matched += sum(window.matched for window in chunking.windows)
    shares = {"topic_is_title": titles, "topic_in_chunk": own, "summary_in_chunk": verbatim, "summary_is_lead": leads}
    return {"chunks": chunks, "heads": heads, "matched": matched} | {k: v / chunks for k, v in shares.items()}


def best_threshold(rows: dict[str, Any]) -> float:
    """Where Pk, the mean over documents, is lowest: F1 rewards too many boundaries."""
    return min(THRESHOLDS, key=lambda t: float(rows[f"weighed {t}"]["pk_macro"]))


CARD = """---
license: apache-2.0
language: [en]
base_model: nano-reader
library_name: peft
tags: [text-segmentation, edgedoc, lora]
---

# {name}

{what} A LoRA adapter (rank {rank}, {parameters:,} parameters) over the bundled nano-reader, in the prompt format of
jinaai/{jina}. Trained by [models/training](../../../training/README.md) on openly licensed documents (OpenStax
textbooks, CC-BY-4.0; documentation under MIT, Apache-2.0, CC0, CC-BY-4.0 and, the OWASP cheat sheets, CC-BY-SA-4.0)
and on texts put together from their sections. Windows of at most {window:,} tokens, greedy.

It exists to try, test and demonstrate edgedoc without a download. Its base has 3.3 million parameters and a
vocabulary of 2,048: it copies, and knows next to nothing about what texts mean.

## Measured on {documents} documents kept apart from training

{table}

{machine}

Written by `python models/training/evaluate_chunker.py`; as data: bench/results/{name}.json. How it
does on data sets that nobody trained on, next to chance and classic tools, is in bench/results/chunks.md.
"""
WHAT = {
    Mode.SIMPLE: "Says where the sections of a text start: it marks, as it reads, each block that opens one, or writes "
    "their first words. Where there are no headings it goes by the form of the blocks, and knows little more than that "
    "many a text opens a section with its second one.",
    Mode.TOPIC: "Names the topics of a text, then says where they start. A topic is a heading of the text or the first "
    "words of a section: it is quoted, not thought of.",
    Mode.SUMMARY: "Says where the sections of a text start and quotes the first sentence of each as its summary: it is "
    "extractive.",
}


def card(result: dict[str, Any], adapter: Path) -> str:
    """The model card, every figure from `result`."""
    recipe = load_recipe(result["recipe"])
    assert recipe.mode is not None
    rows = result["presets"]
    if recipe.mode is Mode.SIMPLE:
        columns = ("without headings", "Pk, mean of documents", "boundary F1", "segments, of the true number")
        lines = [f"| {' | '.join(columns)} |", "|---|---|---|---|"]
        shown = [(name, "f32", name) for name in FLOORS]
        shown += [(f"{preset}, weighed", preset, f"weighed {rows['f32']['threshold']}") for preset in rows]
        for label, preset, key in shown:
            row = rows[preset]["boundaries"][key]
            lines.append(f"| {label} | {row['pk_macro']:.3f} | {row['f1_micro']:.3f} | {row['segment_ratio']:.2f} |")
    else:
        own, first = (
            ("summary_in_chunk", "summary_is_lead")
            if recipe.mode is Mode.SUMMARY
            else ("topic_in_chunk", "topic_is_title")
        )
        told = {
            "summary_in_chunk": "summary is a part of its chunk, word for word",
            "summary_is_lead": "summary is its chunk's first sentence",
            "topic_in_chunk": "topic stands in its chunk",
            "topic_is_title": "topic is a section's title",
        }
        lines = [
            f"| with headings | heads | chunks | {told[own]} | {told[first]} | heads found |",
            "|---|---|---|---|---|---|",
        ]
        for preset, row in rows.items():
            for heads in Heads:
                found = row[heads.value]
                share = found["matched"] / max(1, found["heads"])
                lines.append(
                    f"| {preset} | {heads} | {found['chunks']} | {found[own]:.1%} | {found[first]:.1%} | {share:.1%} |"
                )
    config = json.loads((adapter / "adapter_config.json").read_text("utf-8"))
    return CARD.format(
        name=recipe.name,
        what=WHAT[recipe.mode],
        rank=config["r"],
        parameters=result["adapter_parameters"],
        jina=(load_recipe(f"text-seg-lm-{recipe.mode}").source.hub_id or "").removeprefix("jinaai/"),
        window=recipe.window,
        documents=rows["f32"]["documents"],
        table="\n".join(lines),
        machine=result["machine"],
    )


def main() -> None:
    """Parse options, measure, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("adapter", type=Path)
    parser.add_argument("--mode", choices=list(Mode), required=True)
    parser.add_argument("--data", type=Path, required=True, help="JSON lines, gzipped, with `sections`")
    parser.add_argument("--documents", type=int, default=100)
    parser.add_argument("--presets", nargs="+", default=["f32", "int8", "int4"], help="f32 among them")
    parser.add_argument("--scratch", type=Path, required=True, help="folder for the artifact")
    parser.add_argument("--card", type=Path, help="write the model card here")
    parser.add_argument("--out", type=Path, help="write the figures here as JSON")
    options = parser.parse_args()
    mode, recipe = Mode(options.mode), load_recipe(f"nano-chunker-{options.mode}")
    result: dict[str, Any] = {"machine": describe().line(), "recipe": recipe.name, "presets": {}}
    for preset in options.presets:
        folder = export(
            "nano-reader",
            adapter=options.adapter,
            recipe=recipe.name,
            preset=preset,
            out=options.scratch / preset,
            overwrite=True,
        )
        found = held_out(options.data, options.documents, headings=mode is not Mode.SIMPLE)
        row: dict[str, Any] = {"documents": len(found)}
        if mode is Mode.SIMPLE:
            with Chunker.open(folder, method=Method.SCORE, threads=1) as chunker:
                row["boundaries"] = boundaries(chunker, [document for document, _ in found])
            row["threshold"] = best_threshold(row["boundaries"])
        else:
            for heads in Heads:
                with Chunker.open(folder, heads=heads, threads=1) as chunker:
                    row[heads.value] = generated(chunker, found)
        result["presets"][preset] = row
        print(json.dumps({preset: row}), flush=True)
    result["adapter_parameters"] = Adapter.open(options.adapter).parameters
    if options.card:
        options.card.write_text(card(result, options.adapter), encoding="utf-8")
    if options.out:
        options.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
