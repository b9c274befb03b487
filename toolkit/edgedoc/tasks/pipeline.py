"""One document from HTML to Markdown to chunks, as a row that says how it went. Knows no command line and no output."""

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from edgedoc.artifact import Artifact
from edgedoc.documents.chunks import Chunk
from edgedoc.errors import EdgedocError
from edgedoc.files import read
from edgedoc.tasks.chunker import Chunker
from edgedoc.tasks.reader import Reader


class Status(StrEnum):
    """How a document ended."""

    OK = "ok"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Row:
    """What became of one document.

    `id` is the SHA-256 of its bytes (hexadecimal), None where they could not be read. `finish` counts the windows of
    the reader by how the model ended, `fallbacks` those that rules stand in for, `flagged` those of the chunker whose
    answer was not what it should be. `seconds` and `artifacts` are by "reader" and "chunker"; an artifact is its
    recipe and the SHA-256 of its manifest.
    """

    id: str | None
    source: str
    status: Status
    error: str | None = None
    markdown: str | None = None
    chunks: tuple[Chunk, ...] = ()
    notes: tuple[str, ...] = ()
    finish: dict[str, int] = field(default_factory=dict)
    fallbacks: int = 0
    flagged: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    artifacts: dict[str, dict[str, str]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """Plain data: the fields in their order."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**plain, "chunks": [chunk.as_dict() for chunk in self.chunks], "notes": list(self.notes)}


class Pipeline:
    """A reader and a chunker, and the limits of the chunks."""

    def __init__(
        self,
        reader: Reader,
        chunker: Chunker,
        *,
        artifacts: tuple[Path, Path],
        max_tokens: int | None = None,
        min_tokens: int | None = None,
    ) -> None:
        """`artifacts` are the folders that reader and chunker were opened from. Raises what `Artifact.open` does."""
        self._reader, self._chunker = reader, chunker
        self._max_tokens, self._min_tokens = max_tokens, min_tokens
        names = (reader.recipe.name, chunker.recipe.name)
        self._artifacts = {
            role: {"recipe": name, "sha256": _fingerprint(path)}
            for role, name, path in zip(("reader", "chunker"), names, artifacts, strict=True)
        }

    def run(self, source: str, *, progress: Callable[[int, int], None] | None = None) -> tuple[Row, list[str]]:
        """The row of one document, and remarks for the user; `progress` is told the reader's windows.

        Whatever is wrong with the document or goes wrong with it is in the row: nothing edgedoc knows is raised.
        """
        identity: str | None = None
        try:
            page = read(source)
            identity = hashlib.sha256(page).hexdigest()
            conversion = self._reader.convert(page, progress=progress)
            chunking = self._chunker.chunk(
                conversion.markdown, max_tokens=self._max_tokens, min_tokens=self._min_tokens
            )
        except EdgedocError as error:
            return Row(
                id=identity, source=source, status=Status.FAILED, error=str(error), artifacts=self._artifacts
            ), []
        row = Row(
            id=identity,
            source=source,
            status=Status.OK,
            markdown=conversion.markdown,
            chunks=chunking.chunks,
            notes=(*conversion.notes, *(note for note in chunking.notes if note not in conversion.notes)),
            finish=dict(Counter(str(window.finish) for window in conversion.windows)),
            fallbacks=conversion.fallbacks,
            flagged=chunking.flagged,
            seconds={"reader": conversion.seconds, "chunker": chunking.seconds},
            artifacts=self._artifacts,
        )
        return row, [*conversion.remarks(), *chunking.remarks()]


def _fingerprint(path: Path) -> str:
    # The manifest has the checksums of all files of the artifact.
    return hashlib.sha256(Artifact.open(path).manifest.to_json().encode()).hexdigest()
