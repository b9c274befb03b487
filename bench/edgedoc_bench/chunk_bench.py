"""How well chunkers find segments, next to chance, classic tools and each other; and what every document costs.

    python -m edgedoc_bench.chunk_bench [--data ../shared/data/segmentation] [--sets markdown openstax] [--documents N]
        [--model ARTIFACT|RECIPE ...] [--methods generate score free] [--out bench/results/chunks.json]

A set is NAME.jsonl.gz in --data, or a path: JSON lines, a folder of wiki-727k, Choi's files. Texts come without their
headings, and once more with them where the set has them. Floors and splitters are told the true mean segment length,
models are told nothing. Each row of a model is kept in --out when it is finished: a run that was killed goes on there,
and artifacts, documents and machine being the same, nothing is measured twice.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from edgedoc import console
from edgedoc.engines.host import usable_cores
from edgedoc.errors import MissingPackageError
from edgedoc.store import resolve
from edgedoc_bench.chunk_cells import METHODS, Cells, Contender, contenders
from edgedoc_bench.chunk_rows import Row, cohesion_row, cutter_row, floor_row, heading_row, model_row
from edgedoc_bench.chunk_table import Table, page
from edgedoc_bench.machine import describe
from edgedoc_bench.publish import RESULTS, publish
from edgedoc_bench.segmentation_baselines import (
    FLOORS,
    mean_characters,
    mean_items,
    recursive,
    structural,
)
from edgedoc_bench.segmentation_data import load
from edgedoc_bench.segmentation_document import Document, Layout

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data" / "segmentation"
OUT = RESULTS / "chunks.json"
SPLITTERS = {"semantic-text-splitter": structural, "langchain recursive": recursive}
SEED = 1


def measure(
    name: str,
    documents: Sequence[Document],
    *,
    headings: bool,
    models: Sequence[Contender],
    cells: Cells,
    threads: int,
    report: console.Report,
) -> Table:
    """One set in one form: floors, cohesion, splitters that are installed, and the models."""
    layouts = [Layout.kept(one) if headings else Layout.stripped(one) for one in documents]
    mean, size = mean_items(documents), mean_characters(documents)
    rows: list[Row] = [floor_row(floor, documents, mean, SEED) for floor in FLOORS]
    if headings:
        rows.append(heading_row(documents, layouts))
    rows.append(cohesion_row(documents))
    for tool, make in SPLITTERS.items():
        try:
            cut = make(size, markdown=headings)
        except MissingPackageError as error:
            report.say(f"{tool} is left out: {error}")
            continue
        rows.append(cutter_row(tool, cut, documents, layouts))
    form = "with headings" if headings else "without headings"
    for model in models:

        def anew(model: Contender = model) -> Row:
            with model.open(threads) as chunker:
                told = _told(report, f"{name} {form}: {model.name}")
                return model_row(model.name, chunker, documents, layouts, told)

        rows.append(cells.row(f"{name} {form}", model, documents, anew))
    return Table(name=name, headings=headings, unit=documents[0].unit, rows=tuple(rows))


def main() -> None:
    """Measure, print the tables, write --out and the same as Markdown beside it."""
    options = _options()
    if options.data == DATA and not DATA.is_dir():
        # `make bench` runs this too, and the documents belong to no checkout.
        console.note(f"left out: there are no segmented documents in {DATA}; name a folder with --data")
        return
    machine = describe()
    models = [path if (path := Path(model)).is_dir() else resolve(model).path for model in options.model]
    asked, cells = list(contenders(models, options.methods)), Cells(options.out, machine, options.threads)
    tables: list[Table] = []
    with console.progress() as report:
        for name in options.sets:
            documents = load(options.data, name, options.documents)
            marked = [one for one in documents if one.markdown is not None]
            for found, headings in ((documents, False), (marked, True)):
                if found:
                    report(f"{name}: {len(found)} documents", 0, 1)
                    tables.append(
                        measure(
                            Path(name).name,
                            found,
                            headings=headings,
                            models=asked,
                            cells=cells,
                            threads=options.threads,
                            report=report,
                        )
                    )
    busy = ["**The machine was busy: times say little; all else holds.**"] if machine.busy or cells.busy else []
    told = page(tables, busy, machine.line())
    result = {
        "machine": machine.as_dict(),
        "documents": options.documents,
        "seed": SEED,
        "tables": [table.as_dict() for table in tables],
        "setup": cells.setup,
        "cells": cells.used,
    }
    publish(options.out, result, told)


def _told(report: console.Report, stage: str) -> Callable[[int, int], None]:
    return lambda done, total: report(stage, done, total)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--sets", nargs="+", default=["markdown", "openstax"])
    parser.add_argument("--documents", type=int, help="of each set, evenly spread, of a folder the first; default: all")
    parser.add_argument("--model", nargs="*", default=[], help="artifact folders, or recipes with an artifact here")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=["generate", "score", "free"])
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--out", type=Path, default=OUT)
    return parser.parse_args()


if __name__ == "__main__":
    main()
