"""From the journal to the output, in the order of the inputs: JSON lines here, other formats beside. Runs nothing."""

from enum import StrEnum
from pathlib import Path

from edgedoc.batch import rows
from edgedoc.batch.journal import Journal, Line
from edgedoc.errors import OutputError, UsageError
from edgedoc.files import replacing


class OutputFormat(StrEnum):
    """What a job writes: a line or a row a document, or files of its own for each."""

    JSONL = "jsonl"
    PARQUET = "parquet"
    FOLDER = "folder"


def format_named(name: str | None, out: Path) -> OutputFormat:
    """The format meant, by name or else by the output's name. Raises UsageError where they cannot go together."""
    if name is not None and name not in list(OutputFormat):
        raise UsageError(f"--format is {', '.join(OutputFormat)}, not {name!r}.")
    by_name = OutputFormat.PARQUET if out.suffix == ".parquet" else OutputFormat.JSONL
    chosen = OutputFormat(name) if name is not None else by_name
    if out.is_dir() and chosen is not OutputFormat.FOLDER:
        raise UsageError(
            f"{out} is a folder; --out names a file, with a line for every document. Or say --format folder."
        )
    if out.exists() and not out.is_dir() and chosen is OutputFormat.FOLDER:
        raise UsageError(f"{out} is a file; with --format folder, --out names a folder.")
    return chosen


def write(journal: Journal, out: Path, format: OutputFormat) -> None:
    """Write all rows of a complete job. What was there is replaced when all is written. Raises OutputError."""
    if format is OutputFormat.PARQUET:
        from edgedoc.batch import parquet

        parquet.write(journal, out)
    elif format is OutputFormat.FOLDER:
        from edgedoc.batch import folder

        folder.write(journal, out)
    else:
        with replacing(out) as file:
            for line in journal.lines():
                file.write(text(line, journal))


def text(line: Line, journal: Journal) -> str:
    """A row as one line of JSON."""
    packed = line.row
    if packed is None:
        raise OutputError(f"{line.locator} is not processed yet. Give the same command again.")
    if line.duplicate_of is not None:
        packed = rows.repeated(line.status, journal.settings["artifacts"])
    return rows.line(packed, id=line.id, source=line.locator, url=line.url, duplicate_of=line.duplicate_of)
