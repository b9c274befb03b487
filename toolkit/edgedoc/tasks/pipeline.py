"""One document from HTML to Markdown to chunks, as a row that says how it went. Knows no command line and no output."""

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from edgedoc import __version__
from edgedoc.artifact import Artifact
from edgedoc.documents import plain_text
from edgedoc.documents.chunks import Chunk, check_limits
from edgedoc.documents.cleaning import DEFAULT, Cleaning
from edgedoc.errors import EdgedocError
from edgedoc.recipes import Mode
from edgedoc.tasks.chunker import Chunker
from edgedoc.tasks.opening import Closing
from edgedoc.tasks.reader import Fallback, Reader


class Status(StrEnum):
    """How a document ended."""

    OK = "ok"
    FAILED = "failed"


class Kind(StrEnum):
    """What a document is: HTML is read, then cut; text (Markdown is text) is only cut."""

    HTML = "html"
    TEXT = "text"


_WISHES = ("mode", "max_tokens", "min_tokens", "fallback", "provider", "drafts", "exact", "cleaning", "in_flight")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What besides a document decides its row: artifact folders, and what is asked of the models."""

    reader: Path
    chunker: Path
    mode: Mode | None = None
    max_tokens: int | None = None
    min_tokens: int | None = None
    fallback: Fallback = Fallback.RULES
    provider: str = "auto"
    drafts: bool = True
    exact: bool = False
    cleaning: Cleaning = DEFAULT
    in_flight: int = 1

    def artifacts(self) -> dict[str, dict[str, str]]:
        """By "reader" and "chunker": the recipe, and the SHA-256 of the manifest, which has that of every file.

        Raises what `Artifact.open` and `Artifact.adapted` raise.
        """
        found = {"reader": Artifact.open(self.reader), "chunker": Artifact.open(self.chunker)}
        if found["chunker"].manifest.adapters and self.mode is not None:
            found["chunker"] = found["chunker"].adapted(self.mode)
        return {
            role: {"recipe": artifact.recipe.name, "sha256": artifact.manifest.sha256}
            for role, artifact in found.items()
        }

    def as_dict(self) -> dict[str, object]:
        """Plain data in which two settings differ exactly when rows may. Raises what `artifacts` does."""
        wishes = {name: getattr(self, name) for name in _WISHES}
        return {"edgedoc": __version__, "artifacts": self.artifacts(), **wishes}


@dataclass(frozen=True, kw_only=True)
class Row:
    """What became of one document.

    `id` is the SHA-256 of what it is made of (hexadecimal), None where that could not be read; `source` is where it was
    found, `duplicate_of` where the same was found first: its Markdown and chunks are there. `finish` counts the windows
    of the reader by how the model ended, `fallbacks` those that rules stand in for, `flagged` those of the chunker
    whose answer was not what it should be. `seconds` and `artifacts` are by "reader" and "chunker"; an artifact is its
    recipe and the SHA-256 of its manifest.
    """

    id: str | None
    source: str
    url: str | None = None
    duplicate_of: str | None = None
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


class Pipeline(Closing):
    """A reader and a chunker, and what is asked of them. Use as a context manager, or call `close`."""

    def __init__(self, reader: Reader, chunker: Chunker, settings: Settings) -> None:
        """`settings` are what reader and chunker were opened with. Raises what `Settings.artifacts` does."""
        self._reader, self._chunker, self._settings = reader, chunker, settings
        self._artifacts = settings.artifacts()

    @classmethod
    def open(cls, settings: Settings, *, threads: int | None = None, memory_limit: int | None = None) -> "Pipeline":
        """Load both models; `memory_limit` is in bytes, for each. Raises what their `open` and `check_limits` raise."""
        check_limits(settings.max_tokens, settings.min_tokens)
        with ExitStack() as opened:
            reader = opened.enter_context(
                Reader.open(
                    settings.reader,
                    fallback=settings.fallback,
                    threads=threads,
                    provider=settings.provider,
                    memory_limit=memory_limit,
                    drafts=settings.drafts,
                    exact=settings.exact,
                    cleaning=settings.cleaning,
                    in_flight=settings.in_flight,
                )
            )
            chunker = opened.enter_context(
                Chunker.open(
                    settings.chunker,
                    mode=settings.mode,
                    threads=threads,
                    provider=settings.provider,
                    memory_limit=memory_limit,
                    drafts=settings.drafts,
                )
            )
            pipeline = cls(reader, chunker, settings)
            opened.pop_all()
        return pipeline

    def close(self) -> None:
        """Free both engines."""
        self._reader.close()
        self._chunker.close()

    def run(
        self,
        data: bytes,
        *,
        id: str,
        source: str = "",
        kind: Kind = Kind.HTML,
        charset: str | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> tuple[Row, list[str]]:
        """The row of one document, and remarks for the user.

        `charset` is the one its transport declared, such as HTTP; `progress` is told the reader's windows. Whatever is
        wrong with the document or goes wrong with it is in the row: nothing edgedoc knows is raised.
        """
        row = Row(id=id, source=source, status=Status.OK, artifacts=self._artifacts)
        try:
            row, remarks = self._run(row, data, kind, charset, progress)
        except EdgedocError as error:
            return replace(row, status=Status.FAILED, error=str(error)), []
        return row, remarks

    def _run(
        self, row: Row, data: bytes, kind: Kind, charset: str | None, progress: Callable[[int, int], None] | None
    ) -> tuple[Row, list[str]]:
        if kind is Kind.TEXT:
            decoded = plain_text.decode(data)
            row = replace(row, markdown=decoded.text, notes=(decoded.note,) if decoded.note else ())
            remarks = list(row.notes)
        else:
            conversion = self._reader.convert(data, charset=charset, progress=progress)
            row = replace(
                row,
                markdown=conversion.markdown,
                notes=conversion.notes,
                finish=dict(Counter(str(window.finish) for window in conversion.windows)),
                fallbacks=conversion.fallbacks,
                seconds={"reader": conversion.seconds},
            )
            remarks = conversion.remarks()
        chunking = self._chunker.chunk(
            row.markdown or "", max_tokens=self._settings.max_tokens, min_tokens=self._settings.min_tokens
        )
        row = replace(
            row,
            chunks=chunking.chunks,
            notes=(*row.notes, *(note for note in chunking.notes if note not in row.notes)),
            flagged=chunking.flagged,
            seconds={**row.seconds, "chunker": chunking.seconds},
        )
        return row, [*remarks, *chunking.remarks()]
