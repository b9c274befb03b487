"""A row as it is kept, without what depends on where its document was found, and as a line. Knows no output file."""

import zlib
from collections.abc import Mapping

from edgedoc import console
from edgedoc.batch.messages import Document, Result
from edgedoc.tasks.pipeline import Row, Status

HEAD = ("id", "source", "url", "duplicate_of")
"""The fields of a row that belong to a source; the others belong to the document, wherever it is found."""

Artifacts = Mapping[str, dict[str, str]]


def pack(row: Row) -> bytes:
    """All fields but those of HEAD, as compressed JSON."""
    body = {name: value for name, value in row.as_dict().items() if name not in HEAD}
    # Level 1 takes half a millisecond for a large page and leaves a third of it.
    return zlib.compress(console.json_line(body).encode(), 1)


def failed(error: str, artifacts: Artifacts) -> bytes:
    """The packed row of a document that no model has seen, or none survived."""
    return pack(Row(id=None, source="", status=Status.FAILED, error=error, artifacts=dict(artifacts)))


def unsurvived(document: Document, reason: str, *, artifacts: Artifacts) -> Result:
    """The result of a document that no worker survived."""
    row = failed(reason, artifacts)
    return Result(id=document.id, row=row, status=Status.FAILED, error=reason, chunks=0, seconds=0.0, remarks=())


def repeated(status: str, artifacts: Artifacts) -> bytes:
    """The packed row of a duplicate: how the document went, and nothing that is in the row of the first."""
    return pack(Row(id=None, source="", status=Status(status), artifacts=dict(artifacts)))


def line(packed: bytes, *, id: str | None, source: str, url: str | None, duplicate_of: str | None) -> str:
    """The whole row as one line of JSON Lines, the fields in the order of Row."""
    head = console.json_line({"id": id, "source": source, "url": url, "duplicate_of": duplicate_of})
    return f"{head[:-2]}, {zlib.decompress(packed).decode()[1:]}"
