"""The output as one Parquet file, written a group of rows at a time. Knows the journal's rows only."""

import json
from pathlib import Path
from typing import Any

from edgedoc.batch.journal import Journal
from edgedoc.batch.outputs import text
from edgedoc.errors import MissingPackageError
from edgedoc.files import replacing_bytes

GROUP_ROWS = 1000
GROUP_BYTES = 64 << 20
"""A group is written when it has one of both, so that memory does not grow with the job."""


def write(journal: Journal, out: Path) -> None:
    """Write all rows. Raises OutputError, MissingPackageError without pyarrow."""
    arrow = require()
    from pyarrow import parquet

    schema = _schema(arrow)
    with replacing_bytes(out) as file, parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        group: list[Any] = []
        size = 0
        for line in journal.lines():
            row = text(line, journal)
            size += len(row)
            group.append(_storable(json.loads(row)))
            if len(group) == GROUP_ROWS or size > GROUP_BYTES:
                writer.write_table(arrow.Table.from_pylist(group, schema))
                group, size = [], 0
        if group:
            writer.write_table(arrow.Table.from_pylist(group, schema))


def _storable(value: Any) -> Any:
    """Lone surrogates, which JSON can write and Arrow cannot, become question marks: positions stay what they are."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {name: _storable(item) for name, item in value.items()}
    return [_storable(item) for item in value] if isinstance(value, list) else value


def require() -> Any:
    """pyarrow. Raises MissingPackageError, and is asked before a long job and not after it."""
    try:
        import pyarrow
    except ImportError as error:
        raise MissingPackageError("pyarrow", "batch") from error
    return pyarrow


def _schema(arrow: Any) -> Any:
    text, whole = arrow.string(), arrow.int64()
    chunk = arrow.struct(
        {
            **{"index": whole, "start": whole, "end": whole, "text": text, "tokens": whole},
            **{"headings": arrow.list_(text), "topic": text, "summary": text},
        }.items()
    )
    artifact = arrow.struct({"recipe": text, "sha256": text}.items())
    return arrow.schema(
        {
            **dict.fromkeys(("id", "source", "url", "duplicate_of", "status", "error", "markdown"), text),
            **{"chunks": arrow.list_(chunk), "notes": arrow.list_(text), "finish": arrow.map_(text, whole)},
            **{"fallbacks": whole, "flagged": whole, "seconds": arrow.map_(text, arrow.float64())},
            "artifacts": arrow.struct({"reader": artifact, "chunker": artifact}.items()),
        }.items()
    )
