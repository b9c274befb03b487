"""The documents of a suite, written beside the results before anything is measured. Scores nothing.

Whoever scores or reports later reads the same documents, whatever has become of their source.
"""

from dataclasses import dataclass
from pathlib import Path

from edgedoc.errors import UsageError
from edgedoc.files import write
from edgedoc.recipes import Task
from edgedoc_bench import corpus
from edgedoc_bench.cells import digest
from edgedoc_bench.corpus import Sample
from edgedoc_bench.results import documents_path, documents_text
from edgedoc_bench.suite import SuiteFile


@dataclass(frozen=True, kw_only=True)
class Set:
    """Documents of a task as they lie on disk."""

    name: str
    task: Task
    samples: tuple[Sample, ...]
    path: Path
    sha256: str


def lay_out(suite: SuiteFile, out: Path) -> dict[tuple[str, Task], Set]:
    """The documents of every task, read and written beside the results.

    Raises what `corpus.load` raises, and UsageError for two sets whose copies would have the same name, or for one of
    two sizes.
    """
    found: dict[tuple[str, Task], Set] = {}
    for work in suite.suite.tasks:
        samples = corpus.load(work.documents, work.task, limit=work.limit, base=suite.base)
        path = documents_path(out, work.documents, work.task)
        other = next((one.name for one in found.values() if one.path == path and one.name != work.documents), None)
        if other is not None:
            raise UsageError(f"{other} and {work.documents} have the same last name. Rename one of them.")
        before = found.get((work.documents, work.task))
        if before is not None and before.samples != samples:
            raise UsageError(f"{work.documents} is named with two limits for a {work.task}. Give both the same one.")
        text = documents_text(samples)
        write(path, text)
        found[work.documents, work.task] = Set(
            name=work.documents, task=work.task, samples=samples, path=path, sha256=digest(text)
        )
    return found
