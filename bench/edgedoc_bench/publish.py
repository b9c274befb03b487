"""Where a benchmark's figures go: its report to stdout, and beside each other as JSON and Markdown. Knows no figure."""

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from edgedoc_bench.machine import Machine, describe

RESULTS = Path(__file__).parents[1] / "results"
"""Where committed results are."""

Rows = list[dict[str, Any]]


def publish(path: Path, result: Mapping[str, object], report: str) -> None:
    """Print `report`; write `result` to `path`, a .json file, and the report to the .md file beside it."""
    print(report)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    path.with_suffix(".md").write_text(report, "utf-8")


def run_rounds(
    name: str,
    description: str | None,
    gigabytes: int,
    measure: Callable[[Path, int], Rows],
    page: Callable[[Rows, Machine, int], str],
) -> None:
    """The command of a benchmark that works in a folder of some `gigabytes`, in rounds, and gives a row a cell."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    where = f"where to put {gigabytes} GB for a while; default: the system's temporary folder"
    parser.add_argument("--folder", type=Path, help=where)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    machine = describe()
    with TemporaryDirectory(dir=options.folder) as folder:
        rows = measure(Path(folder), options.rounds)
    result = {"machine": machine.as_dict(), "rounds": options.rounds, "rows": rows}
    publish(options.out / f"{name}.json", result, page(rows, machine, options.rounds))
