"""Commands that read what a bench measured: the report again, two benches compared, floors kept, an artifact chosen."""

from pathlib import Path
from typing import Annotated

import typer

from edgedoc import console
from edgedoc.cli.options import Json, named
from edgedoc.errors import UsageError

Folder = Annotated[Path, typer.Argument(metavar="RESULTS", help="Folder that edgedoc bench wrote.")]


def report(results: Folder) -> None:
    """Write the report of a bench again.

    report.html and report.md, from results.jsonl; nothing is measured.
    """
    from edgedoc_bench.report import write

    print(write(results))


def compare(
    one: Annotated[Path, typer.Argument(metavar="A", help="Folder of results, the older one.")],
    other: Annotated[Path, typer.Argument(metavar="B", help="Folder of results, the newer one.")],
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Compare what was not measured alike, with a label that says so.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="Show differences that may be chance as well.")] = False,
    json: Json = False,
) -> None:
    """Say what changed from A to B.

    With 95 % intervals over documents. Results of another machine, other documents or other weights are refused.
    """
    from edgedoc_bench.comparing import compare as compared
    from edgedoc_bench.comparing import describe
    from edgedoc_bench.results import read

    found = compared(read(one), read(other), anyway=anyway)
    if json:
        changes = [change.as_dict() for change in found.changes]
        console.data({"changes": changes, "not_alike": list(found.labels), "alone": list(found.alone)})
    else:
        print(describe(found, everything=everything))


def gate(
    results: Folder,
    floors: Annotated[Path, typer.Option(help="TOML file of floors; see the example in bench/floors.toml.")],
    update: Annotated[
        bool, typer.Option("--update", help="Raise the floors to what was measured; none is ever lowered.")
    ] = False,
    json: Json = False,
) -> None:
    """Fail when results fall below floors.

    The exit code is 1 when one does not hold, or is about something that was not measured.
    """
    from edgedoc_bench import gate as gates
    from edgedoc_bench.results import read

    outcomes = gates.check(read(results), gates.load(floors))
    changed = gates.update(floors, outcomes) if update else []
    if json:
        rows = [
            {"floor": one.floor.name, "bound": one.floor.bound, "value": one.value, "held": one.held}
            for one in outcomes
        ]
        console.data({"floors": rows, "raised": changed})
    else:
        print("\n".join([*(one.text() for one in outcomes), *(f"raised {line}" for line in changed)]))
    if not all(one.held for one in outcomes):
        raise typer.Exit(1)


def recommend(
    results: Folder = Path(),
    max_memory: Annotated[str | None, typer.Option(help="Most memory at peak, e.g. 600MB.")] = None,
    max_seconds: Annotated[float | None, typer.Option(min=0, help="Most seconds for 95 of 100 documents.")] = None,
    min_agreement: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Least share of full precision's tokens; default: 0.99, where it was measured."
        ),
    ] = None,
    prefer: Annotated[
        str, typer.Option(help="What decides within the limits: seconds, memory, size or agreement.")
    ] = "seconds",
    json: Json = False,
) -> None:
    """Name the artifact to ship.

    Of those within the limits the best and the runner-up, and why each of the others is not it. The exit code is 1 when
    nothing is within the limits, or --min-agreement is about what was not measured.
    """
    from edgedoc_bench.choosing import Limits, choices, describe
    from edgedoc_bench.ranking import Prefer
    from edgedoc_bench.report_rows import groups
    from edgedoc_bench.results import read

    preferred = named("prefer", Prefer, prefer)
    limits = Limits(
        memory=console.size(max_memory) if max_memory is not None else None,
        seconds=max_seconds,
        agreement=min_agreement,
    )
    found = choices(groups(read(results)), limits, preferred)
    if not found:
        raise UsageError(
            f'No artifact was run on documents in {results}: name models in the suite, and "speed" in its metrics.'
        )
    if json:
        console.data({"limits": limits.text(), "choices": [choice.as_dict(group) for group, choice in found]})
    else:
        print("\n\n".join(describe(choice, group) for group, choice in found))
    if any(choice.best is None for _, choice in found):
        raise typer.Exit(1)
