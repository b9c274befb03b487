"""Levels of cleaning on real pages, by kind: tokens saved, text lost, the rules' Markdown and nano-reader's answers.

    python -m edgedoc_bench.cleaning_bench [--data ../shared/data/html2md] [--pages 60] [--answers 3] [--threads N]

Tokens and words are exact; time is compared page by page, the levels taking turns.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from edgedoc import console
from edgedoc.artifact import Artifact
from edgedoc.documents.cleaning import DEFAULT
from edgedoc.tasks.reader import Reader
from edgedoc.tokens import Tokenizer
from edgedoc_bench.cleaning_pages import DATA, LONGEST, Page, load
from edgedoc_bench.cleaning_scores import ask, score
from edgedoc_bench.cleaning_table import Kind, page, verdict
from edgedoc_bench.machine import describe
from edgedoc_bench.publish import RESULTS, publish
from edgedoc_export.build import export

MODEL = "nano-reader"
LONGEST_ASKED = 40_000
"""Characters of a page the model is asked about: larger ones are dozens of windows, and each is read three times."""


def measure(
    artifact: Path,
    pages: dict[str, list[Page]],
    asked: int,
    threads: int | None,
    progress: Callable[[str, int, int], None],
) -> list[Kind]:
    """Every page at every level, and the reader's answers to the first `asked` of each kind that are short enough.

    Raises EngineError, MissingPackageError.
    """
    opened = Artifact.open(artifact)
    tokenizer, budget = Tokenizer.from_file(opened.tokenizer_path), opened.recipe.window
    kinds = []
    with Reader.open(artifact, threads=threads) as reader:
        for name, several in pages.items():
            scores, raw = [], []
            for done, one in enumerate(several, 1):
                scores.append(score(one, tokenizer, budget))
                raw.append(tokenizer.count(one.html))
                progress(f"{name}: levels", done, len(several))
            short = [one for one in several if len(one.html) <= LONGEST_ASKED][:asked]
            answers = []
            for done, one in enumerate(short, 1):
                answers.append(ask(reader, one, done))
                progress(f"{name}: {MODEL}", done, len(short))
            kinds.append(Kind(name=name, raw=raw, scores=scores, answers=answers))
    return kinds


def main() -> None:
    """Draw pages, measure, write JSON and Markdown to --out."""
    options = _options()
    if options.data == DATA and not DATA.is_dir():
        # `make bench` runs this too, and the pages belong to no checkout.
        console.note(f"left out: there are no pages in {DATA}; name a folder with --data")
        return
    machine = describe()
    pages = load(options.data, options.pages)
    with TemporaryDirectory() as scratch, console.progress() as report:
        artifact = export(MODEL, format=options.format, preset=options.preset, out=Path(scratch) / "artifact")
        kinds = measure(artifact, pages, options.answers, options.threads, report)
    what = (
        f"At most {options.pages} real pages of each kind, of less than {LONGEST:,} characters; the rules of the "
        f"levels were looked at on others. {MODEL}, {options.format} {options.preset}, answers the first "
        f"{options.answers} of a kind that have at most {LONGEST_ASKED:,} characters."
    )
    busy = ["**The machine was busy: times say little; all else holds.**"] if machine.busy else []
    result = {
        "machine": machine.as_dict(),
        "what": what,
        "default": DEFAULT,
        "verdict": verdict(kinds),
        "kinds": [{**kind.as_dict(), "ids": [one.id for one in pages[kind.name]]} for kind in kinds],
    }
    publish(options.out / "cleaning.json", result, page(kinds, [what, *busy], machine.line()))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--pages", type=int, default=60, help="pages of each kind")
    parser.add_argument("--answers", type=int, default=3, help="pages of each kind that the model answers")
    parser.add_argument("--format", choices=("gguf", "onnx"), default="gguf")
    parser.add_argument("--preset", default="int8")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
