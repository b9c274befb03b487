"""How well chunkers find segments, next to chance, classic tools and each other; and what every document costs.

    python -m edgedoc_bench.chunk_bench [--data ../shared/data/segmentation] [--sets markdown openstax] [--documents N]
        [--model ARTIFACT|RECIPE ...] [--methods generate score free] [--out bench/results/chunks.json]

A set is NAME.jsonl.gz in --data, or a path: JSON lines, a folder of wiki-727k, Choi's files. Texts come without their
headings, and once more with them where the set has them. Floors and splitters are told the true mean segment length,
models are told nothing.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from edgedoc import console
from edgedoc.artifact import Artifact
from edgedoc.errors import MissingPackageError
from edgedoc.recipes import Method, Mode
from edgedoc.store import resolve
from edgedoc.tasks.chunker import Chunker
from edgedoc.tasks.marking import Heads
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
METHODS = {
    "generate": (Method.GENERATE, Heads.CONSTRAINED),
    "score": (Method.SCORE, Heads.CONSTRAINED),
    "free": (Method.GENERATE, Heads.FREE),
}
SPLITTERS = {"semantic-text-splitter": structural, "langchain recursive": recursive}
SEED = 1


def measure(
    name: str,
    documents: Sequence[Document],
    *,
    headings: bool,
    models: Sequence[Path],
    methods: Sequence[str],
    threads: int | None,
    report: console.Report,
) -> Table:
    """One set in one form: floors, cohesion, splitters that are installed, and every model by every method."""
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
    for label, chunker in opened(models, methods, threads):
        with chunker:
            rows.append(model_row(label, chunker, documents, layouts, _told(report, f"{name} {form}: {label}")))
    return Table(name=name, headings=headings, unit=documents[0].unit, rows=tuple(rows))


def opened(models: Sequence[Path], methods: Sequence[str], threads: int | None) -> Iterator[tuple[str, Chunker]]:
    """Name and chunker of every pair that makes sense: scoring writes neither topic nor summary."""
    for path in models:
        artifact = Artifact.open(path)
        for method in methods:
            way, heads = METHODS[method]
            if way is Method.SCORE and artifact.recipe.mode is not Mode.SIMPLE:
                continue
            label = f"{artifact.recipe.name} {artifact.manifest.format} {artifact.manifest.preset} {method}"
            yield label, Chunker.open(path, method=way, heads=heads, threads=threads)


def main() -> None:
    """Measure, print the tables, write --out and the same as Markdown beside it."""
    options = _options()
    if options.data == DATA and not DATA.is_dir():
        # `make bench` runs this too, and the documents belong to no checkout.
        console.note(f"left out: there are no segmented documents in {DATA}; name a folder with --data")
        return
    machine = describe()
    models = [path if (path := Path(model)).is_dir() else resolve(model).path for model in options.model]
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
                            models=models,
                            methods=options.methods,
                            threads=options.threads,
                            report=report,
                        )
                    )
    busy = ["**The machine was busy: times say little; all else holds.**"] if machine.busy else []
    told = page(tables, busy, machine.line())
    result = {
        "machine": machine.as_dict(),
        "documents": options.documents,
        "seed": SEED,
        "tables": [table.as_dict() for table in tables],
    }
    publish(options.out, result, told)


def _told(report: console.Report, stage: str) -> Callable[[int, int], None]:
    return lambda done, total: report(stage, done, total)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--sets", nargs="+", default=["markdown", "openstax"])
    parser.add_argument("--documents", type=int, help="of each set, evenly spread; default: all")
    parser.add_argument("--model", nargs="*", default=[], help="artifact folders, or recipes with an artifact here")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=["generate", "score", "free"])
    parser.add_argument("--threads", type=int)
    parser.add_argument("--out", type=Path, default=OUT)
    return parser.parse_args()


if __name__ == "__main__":
    main()
