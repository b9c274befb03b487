"""Constrained against free heads at reader-lm-0.5b's shapes: steps, seconds and heads found, of the same documents.

    python -m edgedoc_bench.heads_bench [--model nano-chunker-simple] [--adapter FOLDER] [--format gguf|onnx]
        [--preset int8] [--data ../shared/data/segmentation] [--set markdown] [--documents 3] [--longest N]
        [--threads N] [--narrow]

A nano chunker, merged and zero-padded to the text-seg-lm models' exact sizes: it writes what the nano one writes, at
the real cost. --narrow leaves it small, to try the bench.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from edgedoc import console
from edgedoc.artifact import TOKENIZER
from edgedoc.catalogue import align
from edgedoc.recipes import Method
from edgedoc.tasks.chunker import Chunker, Chunking
from edgedoc.tasks.marking import Heads
from edgedoc_bench.chunk_bench import DATA
from edgedoc_bench.chunk_rows import Bill
from edgedoc_bench.machine import Machine, describe
from edgedoc_bench.publish import RESULTS, publish
from edgedoc_bench.segmentation_data import load
from edgedoc_bench.segmentation_document import Layout
from edgedoc_bench.spread import Spread
from edgedoc_export.build import export
from edgedoc_export.checkpoint import Checkpoint
from edgedoc_export.dtypes import Dtype
from edgedoc_export.dtypes import widen as widened
from edgedoc_export.qwen2 import config_json
from edgedoc_export.random_weights import READER_LM_05B
from edgedoc_export.safetensors_writer import write_safetensors
from edgedoc_export.sources import find_source
from edgedoc_export.tensors import TensorSource
from edgedoc_export.widen import widen

BASE = "nano-reader"
TARGETS = {"decode_steps": 3.0, "seconds": 2.0}
"""Times as few, times as fast."""
CONSTRAINED, FREE, DRAFTED = "constrained", "free", "free, drafted"
WAYS = {CONSTRAINED: (Heads.CONSTRAINED, True), FREE: (Heads.FREE, False), DRAFTED: (Heads.FREE, True)}
"""Targets compare with plain free decoding; drafted from the window it is what `edgedoc chunk --free-heads` does."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """One document in one of WAYS. `decode_steps` are the engine's calls but for those with a prompt."""

    decode_steps: int
    seconds: float
    heads: int
    matched: int
    windows: int
    windows_lost: int
    chunks: int


def measure(
    artifact: Path, texts: Sequence[str], threads: int | None, progress: Callable[[int, int], None]
) -> dict[str, list[Cost]]:
    """Cut every text in each of WAYS, in turns; `progress` is told the texts done and their number.

    Raises EngineError.
    """
    found: dict[str, list[Cost]] = {name: [] for name in WAYS}
    with ExitStack() as stack:
        chunkers = {
            name: stack.enter_context(
                Chunker.open(artifact, method=Method.GENERATE, heads=heads, drafts=drafts, threads=threads)
            )
            for name, (heads, drafts) in WAYS.items()
        }
        for done, text in enumerate(texts, 1):
            # Forwards and backwards, so that whatever changes on the machine meets all of them alike.
            for name in WAYS if done % 2 else reversed(WAYS):
                found[name].append(_cost(chunkers[name].chunk(text)))
            progress(done, len(texts))
    return found


def _cost(chunking: Chunking) -> Cost:
    bill = Bill()
    bill.add(chunking)
    return Cost(
        decode_steps=bill.steps - bill.windows,
        seconds=chunking.seconds,
        heads=bill.heads,
        matched=bill.matched,
        windows=bill.windows,
        windows_lost=bill.windows_lost,
        chunks=bill.chunks,
    )


def ratios(constrained: Sequence[Cost], free: Sequence[Cost]) -> dict[str, Spread]:
    """Free over constrained by document, for each of TARGETS; a document without a step counts as one step."""
    pairs = list(zip(constrained, free, strict=True))
    return {
        "decode_steps": Spread.of([max(1, other.decode_steps) / max(1, one.decode_steps) for one, other in pairs]),
        "seconds": Spread.of([other.seconds / one.seconds for one, other in pairs]),
    }


def materialise(source: TensorSource, tokenizer: Path, folder: Path) -> Path:
    """Write a merged model as a checkpoint in float32, which holds it exactly, with its tokenizer beside it."""
    folder.mkdir(parents=True)
    names = source.names()
    layout: dict[str, tuple[Dtype, tuple[int, ...]]] = {name: ("F32", source.shape(name)) for name in names}
    slabs = (
        np.ascontiguousarray(widened(slab, source.dtype(name)), np.float32)
        for name in names
        for slab in source.slabs(name)
    )
    write_safetensors(folder / "model.safetensors", layout, slabs)
    (folder / "config.json").write_text(json.dumps(config_json(source.config)), "utf-8")
    (folder / TOKENIZER).write_bytes((tokenizer / TOKENIZER).read_bytes())
    return folder


def page(machine: Machine, what: str, costs: dict[str, list[Cost]]) -> str:
    """The Markdown report; `what` says which model and documents."""
    head = ("", "decode steps", "s/document", "chunks", "heads found", "windows lost")
    lines = [head, *(_line(name, found) for name, found in costs.items())]
    met = [
        f"{name.replace('_', ' ')}, free over constrained by document: {found.text(1)}; at least {TARGETS[name]:g} "
        f"{'met' if found.median >= TARGETS[name] else 'NOT met'}"
        for name, found in ratios(costs[CONSTRAINED], costs[FREE]).items()
    ]
    met += [
        f"{name.replace('_', ' ')}, {DRAFTED}, over constrained by document: {found.text(1)}"
        for name, found in ratios(costs[CONSTRAINED], costs[DRAFTED]).items()
    ]
    busy = ["", "**The machine was busy: seconds say little; all else holds.**"] if machine.busy else []
    return "\n".join(
        [
            "# Constrained and free heads",
            "",
            f"{what} Median over documents (lowest-highest).",
            *busy,
            "",
            "```",
            align(lines, right=frozenset(range(1, len(head)))),
            "```",
            "",
            *(f"- {line}" for line in met),
            "",
            machine.line(),
            "",
        ]
    )


def main() -> None:
    """Merge, widen, export, cut, compare; write JSON and Markdown to --out."""
    options = _options()
    if options.data == DATA and not DATA.is_dir():
        # `make bench` runs this too, and the documents belong to no checkout.
        console.note(f"left out: there are no segmented documents in {DATA}; name a folder with --data")
        return
    machine = describe()
    # With their headings, without which a nano chunker proposes hardly a cut, and nothing would be measured.
    layouts = [
        (one, Layout.kept(one) if one.markdown is not None else Layout.stripped(one))
        for one in load(options.data, options.set, None)
    ]
    short = [(one, layout.text) for one, layout in layouts if len(layout.text) <= options.longest]
    chosen = short[:: max(1, len(short) // options.documents)][: options.documents]
    documents, texts = [one for one, _ in chosen], [text for _, text in chosen]
    with TemporaryDirectory() as scratch, console.progress() as report:
        folder = Path(scratch)
        if options.adapter is not None:
            source = find_source(BASE, adapter=options.adapter, recipe=options.model)
        else:
            source = find_source(options.model)
        checkpoint = materialise(source.open(), source.tokenizer, folder / "merged")
        if not options.narrow:
            # BF16 as the real checkpoints have it: the rounding is the same for both ways of cutting.
            opened = Checkpoint.open(checkpoint)
            checkpoint = widen(opened, READER_LM_05B, folder / "wide", dtype="BF16", filler=0)
        artifact = export(
            checkpoint,
            format=options.format,
            preset=options.preset,
            out=folder / "artifact",
            recipe=options.model,
            progress=report,
        )
        costs = measure(artifact, texts, options.threads, partial(report, "cutting"))
    size = "its own" if options.narrow else "reader-lm-0.5b's"
    what = (
        f"{options.model} at {size} shapes, {options.format} {options.preset}; {len(texts)} documents of "
        f"{options.set} of at most {options.longest:,} characters, headings kept where the set has them, no limits."
    )
    report_page = page(machine, what, costs)
    result = {
        "machine": machine.as_dict(),
        "what": what,
        "documents": [one.id for one in documents],
        "costs": {name: [asdict(cost) for cost in found] for name, found in costs.items()},
        "ratios": {name: asdict(found) for name, found in ratios(costs[CONSTRAINED], costs[FREE]).items()},
        "targets": TARGETS,
    }
    publish(options.out / ("heads.json" if options.format == "gguf" else "heads-onnx.json"), result, report_page)


def _line(name: str, found: Sequence[Cost]) -> tuple[str, ...]:
    heads, windows = sum(cost.heads for cost in found), sum(cost.windows for cost in found)
    return (
        name,
        Spread.of([cost.decode_steps for cost in found]).text(0),
        Spread.of([cost.seconds for cost in found]).text(1),
        str(sum(cost.chunks for cost in found)),
        f"{sum(cost.matched for cost in found)} of {heads}",
        f"{sum(cost.windows_lost for cost in found)} of {windows}",
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nano-chunker-simple", help="recipe of a nano chunker")
    parser.add_argument("--adapter", type=Path, help="another adapter than the recipe's, over nano-reader")
    parser.add_argument("--format", choices=("gguf", "onnx"), default="gguf")
    parser.add_argument("--preset", default="int8")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--set", default="markdown")
    parser.add_argument("--documents", type=int, default=3)
    parser.add_argument("--longest", type=int, default=6000, help="characters; longer documents are left out")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--narrow", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
