"""Drafts that rules write and the model verifies: what they bring next to other runtimes and to no drafts at all.

    python -m edgedoc_bench.draft_bench [--windows 30] [--transformers PYTHON] [--only CELL...] [--folder FOLDER]
        [--pages FOLDER] [--size nano] [--quick] [--out drafts.json]

nano-reader, zero-padded to reader-lm-0.5b's exact sizes: it writes what the nano one writes, at the real cost. Windows
are of real documentation pages. Each cell runs in fresh processes and is kept in the file when it is finished: a run
that was killed goes on there, and --only measures the named cells again. --transformers names the python of an
environment with torch and transformers for the model card's recipe. Needs 3 GB of disk, and 6 GB of memory.
"""

import argparse
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from edgedoc import console
from edgedoc.engines.host import usable_cores
from edgedoc.recipes import load_recipe
from edgedoc_bench import resuming
from edgedoc_bench.draft_cells import CELLS, FLYING, Bench, measure
from edgedoc_bench.draft_models import MODEL, SIZES, Models
from edgedoc_bench.draft_table import page
from edgedoc_bench.draft_targets import targets
from edgedoc_bench.draft_windows import DATA, answerable, load_pages, passages, shortest_pages, whole_pages
from edgedoc_bench.machine import Machine, describe
from edgedoc_bench.publish import RESULTS, publish

OUT = RESULTS / "drafts.json"
QUICK_WINDOWS = 4


def main() -> None:
    """Choose windows, measure what is missing, print the table, write --out and the same as Markdown beside it."""
    options = _options()
    if options.pages == DATA and not DATA.is_file():
        # `make bench` runs this too, and the pages belong to no checkout.
        console.note(f"left out: there are no pages in {DATA}; name a folder of .html files with --pages")
        return
    machine = describe()
    with TemporaryDirectory() as scratch, console.progress() as report:
        models = Models(options.folder or Path(scratch), options.size)
        models.make(report)
        bench = _bench(models, Path(scratch) / "home", options)
        pages = {"flight": [page.id for group in bench.groups for page in group]}
        pages["pages"] = [page.id for page in bench.raw_pages]
        result = resume(options.out, _setup(bench, machine, options), pages)
        for cell in options.only or [cell for cell in CELLS if cell not in result["cells"]]:
            begin = perf_counter()
            found = measure(bench, cell, partial(report, f"cell {cell}"))
            if found:
                # The load before the run: its own cells are load to each other.
                about = {"load_average": machine.load_average, "measured_seconds": perf_counter() - begin}
                result["machine"] = machine.as_dict()
                resuming.keep(options.out, result, cell, {**about, "pages": pages.get(cell), **found})
    prompts = [window["prompt_tokens"] for window in result["setup"]["windows"]]
    result["targets"] = [target.as_dict() for target in targets(result["cells"], prompts)]
    publish(options.out, result, page(result, machine.line()))


def resume(path: Path, setup: Mapping[str, Any], pages: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """See `resuming.resume`: of cells that measure whole pages only those are kept that measured `pages`."""
    return resuming.resume(path, setup, lambda name, cell: cell["pages"] == pages.get(name))


def _bench(models: Models, home: Path, options: argparse.Namespace) -> Bench:
    recipe, tokenizer = load_recipe(MODEL), models.tokenizer
    pages = load_pages(options.pages)
    windows = QUICK_WINDOWS if options.quick else options.windows
    with answerable(models.probe, options.threads) as answers:
        warm_up, *chosen = passages(pages, recipe, tokenizer, windows + 1, answers)
    groups = 1 if options.quick else options.groups
    flying = whole_pages(pages, tokenizer, FLYING * groups)
    return Bench(
        models=models,
        home=home,
        threads=options.threads,
        passages=chosen,
        warm_up=warm_up,
        groups=[flying[first : first + FLYING] for first in range(0, len(flying) - FLYING + 1, FLYING)],
        raw_pages=shortest_pages(pages, tokenizer, 1 if options.quick else options.raw_pages),
        card=options.transformers,
    )


def _setup(bench: Bench, machine: Machine, options: argparse.Namespace) -> dict[str, Any]:
    """What must be the same for cells of two runs to stand in one table."""
    chosen = json.dumps([asdict(one) for one in (bench.warm_up, *bench.passages)])
    return {
        "model": MODEL,
        "size": options.size,
        "threads": options.threads,
        "cpu": machine.cpu,
        "packages": machine.packages,
        "artifacts": bench.models.digests(),
        "windows": [
            {"page": one.origin, "prompt_tokens": len(one.tokens), "document_tokens": one.document_tokens}
            for one in bench.passages
        ],
        "sha256": hashlib.sha256(chosen.encode()).hexdigest(),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT, help="a .json file; the table is written beside it")
    parser.add_argument("--windows", type=int, default=30)
    parser.add_argument("--groups", type=int, default=2, help=f"of {FLYING} pages, for many in flight")
    parser.add_argument("--raw-pages", type=int, default=2, help="for the model card's recipe; minutes each")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_WINDOWS} windows, 1 group, 1 raw page")
    parser.add_argument("--only", nargs="+", choices=CELLS, metavar="CELL", help=f"of {', '.join(CELLS)}")
    parser.add_argument("--pages", type=Path, default=DATA, help="a folder of .html files")
    parser.add_argument("--transformers", metavar="PYTHON", help="without it the model card's recipe is left out")
    parser.add_argument("--size", choices=SIZES, default=SIZES[0])
    parser.add_argument("--folder", type=Path, help="where the model is kept for the next run; default: nowhere")
    parser.add_argument("--threads", type=int, default=usable_cores())
    return parser.parse_args()


if __name__ == "__main__":
    main()
