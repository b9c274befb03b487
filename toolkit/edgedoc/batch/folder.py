"""The output as files: NAME.md and NAME.chunks.jsonl for every document, and documents.jsonl for what became of each.

Knows the journal's rows only. NAME ends in the document's identity, so that two documents never meet in one file and a
document has the same name in every run. Other files of the folder are left alone.
"""

import json
import re
from pathlib import Path, PurePath

from edgedoc import console
from edgedoc.batch.journal import Journal, Line
from edgedoc.batch.outputs import text
from edgedoc.errors import OutputError
from edgedoc.files import replacing

INDEX = "documents.jsonl"
_IDENTITY = 12
_UNFIT = re.compile(r"[^\w.-]+")
_LONGEST = 80


def write(journal: Journal, out: Path) -> None:
    """Write all documents, then the index: where it is complete, everything it names is. Raises OutputError."""
    with replacing(out / INDEX) as index:
        for line in journal.lines():
            row = json.loads(text(line, journal))
            markdown, chunks = row.pop("markdown"), row.pop("chunks")
            name = _name(line) if markdown is not None else None
            if name is not None:
                _write(out / f"{name}.md", markdown)
                _write(out / f"{name}.chunks.jsonl", "".join(console.json_line(chunk) for chunk in chunks))
            index.write(console.json_line({**row, "file": f"{name}.md" if name else None}))


def _name(line: Line) -> str:
    stem = PurePath(line.locator.rpartition("!/")[2]).name or "document"
    stem = re.sub(r"\.(?:html?|xhtml|md|markdown|txt)(?:\.gz)?\Z", "", stem)
    return f"{_UNFIT.sub('-', stem)[:_LONGEST]}-{(line.id or '')[:_IDENTITY]}"


def _write(path: Path, content: str) -> None:
    # Not waiting for the disk at each: the index is the word on what is complete.
    temporary = path.with_name(f".{path.name}")
    try:
        temporary.write_text(content, "utf-8", errors="backslashreplace", newline="\n")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OutputError(f"{path} cannot be written: {error.strerror or error}.") from error
