"""Several chunkers on one engine: one base in memory, and an adapter for each of them over it in turn.

Knows no document and no command line.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from edgedoc.artifact import Artifact
from edgedoc.engines.base import Engine
from edgedoc.errors import UsageError
from edgedoc.recipes import Method, Task
from edgedoc.tasks.chunker import Chunker
from edgedoc.tasks.marking import Heads
from edgedoc.tasks.opening import OnEngine, open_adapted


class Chunkers(OnEngine):
    """The chunkers of one artifact, each as if it were alone. Use as a context manager, or call `close`.

    They take turns: one document after the other, on one thread. Where another chunker had the engine before, the
    template of the prompt is computed again.
    """

    def __init__(self, artifact: Artifact, engine: Engine, chunkers: Mapping[str, Chunker]) -> None:
        """Takes ownership of `engine`; callers use `open`."""
        self.engine = engine
        self._artifact, self._chunkers = artifact, dict(chunkers)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        wanted: Sequence[str] = (),
        method: Method | None = None,
        heads: Heads = Heads.CONSTRAINED,
        threshold: float | None = None,
        threads: int | None = None,
        provider: str | None = None,
        memory_limit: int | None = None,
        drafts: bool = True,
    ) -> "Chunkers":
        """Load an artifact folder with the chunkers `wanted`, by mode or recipe name; by default all there are.

        The other options are those of `Chunker.open`, for each of them. Raises what that raises, and UsageError for an
        artifact whose adapters are merged into it or that has none.
        """
        artifact = Artifact.open(path)
        there = [one for one in map(artifact.adapted, artifact.manifest.adapters or ()) if _is_chunker(one)]
        if not there:
            raise UsageError(
                f"{path} has no chunkers beside their base, only {artifact.recipe.name} ({artifact.format}). Several "
                "on one engine are exported so: edgedoc export BASE --adapter FIRST --adapter SECOND --unmerged"
            )
        family = {one.recipe.name: one for one in (map(artifact.adapted, wanted) if wanted else there)}
        tokenizer, engine, views = open_adapted(
            list(family.values()), threads=threads, provider=provider, memory_limit=memory_limit
        )
        chunkers = {
            name: Chunker.on(
                one, tokenizer, view, method=method, heads=heads, threshold=threshold, threads=threads, drafts=drafts
            )
            for (name, one), view in zip(family.items(), views, strict=True)
        }
        return cls(artifact, engine, chunkers)

    def __iter__(self) -> Iterator[Chunker]:
        """All of them, in the order in which they were wanted."""
        return iter(self._chunkers.values())

    def of(self, wanted: str) -> Chunker:
        """The one of this mode or recipe name. Raises UsageError that names those there are."""
        name = self._artifact.adapted(wanted).recipe.name
        if name not in self._chunkers:
            raise UsageError(f"{name} was not opened; these were: {', '.join(self._chunkers)}.")
        return self._chunkers[name]


def _is_chunker(artifact: Artifact) -> bool:
    return artifact.recipe.task is Task.CHUNKER
