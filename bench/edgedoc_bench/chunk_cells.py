"""Which chunkers the chunk bench runs, and the rows of those it has run already: a cell is a model, a way and a set.

Knows no table.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgedoc.artifact import Artifact
from edgedoc.recipes import Method, Mode
from edgedoc.tasks.chunker import Chunker
from edgedoc.tasks.marking import Heads
from edgedoc_bench.chunk_rows import Row
from edgedoc_bench.machine import Machine
from edgedoc_bench.resuming import keep, resume
from edgedoc_bench.segmentation_document import Document

METHODS = {
    "generate": (Method.GENERATE, Heads.CONSTRAINED),
    "score": (Method.SCORE, Heads.CONSTRAINED),
    "free": (Method.GENERATE, Heads.FREE),
}


@dataclass(frozen=True, kw_only=True)
class Contender:
    """An artifact and one of METHODS; `sha256` is that of its manifest, which has that of every file."""

    path: Path
    name: str
    sha256: str
    method: str

    def open(self, threads: int | None) -> Chunker:
        """Raises what `Chunker.open` raises."""
        way, heads = METHODS[self.method]
        return Chunker.open(self.path, method=way, heads=heads, threads=threads)


def contenders(models: Sequence[Path], methods: Sequence[str]) -> Iterator[Contender]:
    """Every pair that makes sense: scoring writes neither topic nor summary. Raises what `Artifact.open` raises."""
    for path in models:
        artifact = Artifact.open(path)
        for method in methods:
            if METHODS[method][0] is Method.SCORE and artifact.recipe.mode is not Mode.SIMPLE:
                continue
            name = f"{artifact.recipe.name} {artifact.manifest.format} {artifact.manifest.preset} {method}"
            yield Contender(path=path, name=name, sha256=artifact.manifest.sha256, method=method)


class Cells:
    """Rows of models in the file `path`, written whenever one is finished. `used` are the cells that were asked for."""

    def __init__(self, path: Path, machine: Machine, threads: int) -> None:
        """Rows of another machine, other packages or other threads are of no use."""
        self._path, self._machine = path, machine
        setup = {"threads": threads, "cpu": machine.cpu, "packages": machine.packages}
        self._result = resume(path, setup, lambda name, cell: True)
        self.used: dict[str, Any] = {}

    @property
    def setup(self) -> Mapping[str, Any]:
        """What must be the same for rows of two runs to stand in one table."""
        found: Mapping[str, Any] = self._result["setup"]
        return found

    @property
    def busy(self) -> bool:
        """Whether the machine was, when any of the cells that were asked for was measured."""
        return any(cell["busy"] for cell in self.used.values())

    def row(self, where: str, contender: Contender, documents: Sequence[Document], measure: Callable[[], Row]) -> Row:
        """That of a contender on `documents`: the one that is kept, else what `measure` gives, which is then kept."""
        name = f"{where}: {contender.name}, {contender.sha256[:12]}"
        made_of = {"artifact": contender.sha256, "documents": digest(documents)}
        cell = self._result["cells"].get(name)
        if cell is None or cell["made_of"] != made_of:
            cell = {"made_of": made_of, "busy": self._machine.busy, "row": measure().kept()}
            keep(self._path, self._result, name, cell)
        self.used[name] = cell
        return Row.of(cell["row"])


def digest(documents: Sequence[Document]) -> str:
    """SHA-256 of everything in them, hexadecimal."""
    return hashlib.sha256(json.dumps([asdict(one) for one in documents]).encode()).hexdigest()
