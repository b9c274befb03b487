"""Commands that measure: a suite of cells, in turns, until the figures hold, and the report of it."""

from pathlib import Path
from typing import Annotated

import typer

from edgedoc import console
from edgedoc.cli.judging import compare, gate, recommend, report
from edgedoc.cli.options import Json

bench = typer.Typer(
    help="Measure what each artifact costs and buys.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Out = Annotated[
    Path, typer.Option("--out", "-o", help="Folder for the results; a bench that was killed goes on there.")
]
PriceFile = Annotated[
    Path | None, typer.Option("--prices", help="TOML file of prices; without it the bill has no money in it.")
]


@bench.command(epilog="Example: edgedoc bench run full --out bench-results")
def run(
    suite: Annotated[str, typer.Argument(metavar="SUITE", help="quick, full, wide, or one of your own: a TOML file.")],
    out: Out,
    prices: PriceFile = None,
    json: Json = False,
) -> None:
    """Measure a suite.

    Every artifact, engine and setting in a process of its own. Writes results.jsonl, report.html and report.md.
    """
    _run(suite, out, prices, json)


@bench.command(epilog="Example: edgedoc bench quick --out bench-results")
def quick(out: Out, prices: PriceFile = None, json: Json = False) -> None:
    """Measure the bundled models in two minutes.

    The suite named quick: f32, int8 and int4 in every format this machine can make and run.
    """
    _run("quick", out, prices, json)


def _run(suite: str, out: Path, prices: Path | None, json: bool) -> None:
    from edgedoc_bench import harness
    from edgedoc_bench import prices as price_files
    from edgedoc_bench import suite as suites

    wanted = suites.load(suite)
    stated = price_files.load(prices) if prices is not None else None
    with console.progress() as report:
        found = harness.run(wanted, out, report, prices=stated)
    bad = [cell["name"] for cell in found.cells if cell["status"] == "failed"]
    if json:
        console.data({"out": str(out), "cells": len(found.cells), "failed": bad})
    else:
        for name in bad:
            console.error(f"{name} failed: see the failures in {out / 'results.jsonl'}")
        print(out)
    if bad:
        raise typer.Exit(1)


bench.command(epilog="Example: edgedoc bench report bench-results")(report)
bench.command(epilog="Example: edgedoc bench recommend bench-results --max-memory 600MB --max-seconds 5")(recommend)
bench.command(epilog="Example: edgedoc bench compare before after")(compare)
bench.command(epilog="Example: edgedoc bench gate bench-results --floors floors.toml")(gate)
