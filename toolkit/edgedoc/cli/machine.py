"""Commands about this machine: what it has, and the whole journey on it."""

from pathlib import Path
from typing import Annotated

import typer

from edgedoc import console
from edgedoc.cli.options import Json


def doctor(
    measure: Annotated[
        bool, typer.Option("--measure", help="Time every artifact in the store first: a second or two each.")
    ] = False,
    json: Json = False,
) -> None:
    """Say what this machine has, and what will be slow.

    Engines, CPU features, memory and its measured bandwidth, and which artifact is the fastest here.
    """
    from edgedoc.doctor import examine, text

    if measure:
        from edgedoc.fastest import measure_all

        with console.progress() as report:
            measure_all(report)
    found = examine()
    console.data(found) if json else print(text(found))


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the artifacts and Markdown.")] = Path(
        "edgedoc-demo"
    ),
    json: Json = False,
) -> None:
    """Run the whole journey on the bundled models.

    Exports the reader to f32, int8 and int4, converts sample pages with each, prints the bill, and cuts a page into
    chunks.
    """
    from edgedoc_bench.demo import run, table

    with console.progress() as report:
        result = run(out, report)
    console.data(result) if json else print(table(result))
