"""The demo's last step: the bundled chunker cuts a page's Markdown, and every offset is looked up in it.

One run in this process, timed as `Chunker.chunk` times itself; loading and exporting are not in it.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgedoc.catalogue import align
from edgedoc.console import json_line
from edgedoc.documents.chunks import Chunk
from edgedoc.files import write
from edgedoc.tasks.chunker import Chunker
from edgedoc_export.build import export

MODEL = "nano-chunker-simple"
PRESET = "int8"
BEGINNING = 48
"""Characters of a chunk that are shown."""


def run(out: Path, format: str, name: str, text: str) -> dict[str, Any]:
    """Export the chunker under `out`, cut `text` into chunks/NAME.jsonl there; the figures as plain data.

    Raises what `export`, `Chunker.open` and `Chunker.chunk` raise.
    """
    begin = time.perf_counter()
    folder = export(MODEL, format=format, preset=PRESET, out=out / MODEL, overwrite=True)
    exported = time.perf_counter() - begin
    with Chunker.open(folder) as chunker:
        chunking = chunker.chunk(text)
    file = out / "chunks" / f"{name}.jsonl"
    write(file, "".join(json_line(chunk.as_dict()) for chunk in chunking.chunks))
    return {
        "model": MODEL,
        "format": format,
        "preset": PRESET,
        "artifact": str(folder),
        "export_seconds": exported,
        "document": f"{name}.md",
        "characters": len(text),
        "seconds": chunking.seconds,
        "flagged": chunking.flagged,
        "exact": exact(chunking.chunks, text),
        "file": str(file),
        "chunks": [chunk.as_dict() for chunk in chunking.chunks],
    }


def exact(chunks: Sequence[Chunk], text: str) -> bool:
    """Whether each is the span of `text` it says it is, and they follow each other from its beginning to its end."""
    ends = [0, *(chunk.end for chunk in chunks)]
    spans = all(chunk.text == text[chunk.start : chunk.end] for chunk in chunks)
    return spans and [*(chunk.start for chunk in chunks), len(text)] == ends


def table(found: dict[str, Any]) -> str:
    """The figures for people."""
    lines = [("start", "end", "tokens", "begins")]
    for chunk in found["chunks"]:
        beginning = " ".join(chunk["text"].split())[:BEGINNING]
        lines.append((f"{chunk['start']:,}", f"{chunk['end']:,}", f"{chunk['tokens']:,}", beginning))
    who = f"{found['model']} ({found['preset']})"
    held = "exact spans that together are the document" if found["exact"] else "NOT the document: report this, please"
    return "\n".join(
        [
            f"{who} cuts {found['document']} in {found['seconds']:.2f} s, checked: {held}",
            "",
            align(lines, right=frozenset((0, 1, 2))),
        ]
    )
