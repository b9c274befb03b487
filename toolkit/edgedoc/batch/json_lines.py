"""Documents in JSON lines: an object a line, with the document in "html" or "text", and "url" where there is one.

Knows no other format. A line that is none of that is a source that says so.
"""

import gzip
import json
import os
import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import IO

from edgedoc.batch.source import Source, broken, held
from edgedoc.documents.charset import MAX_BYTES
from edgedoc.tasks.pipeline import Kind

LONGEST_LINE = 2 * MAX_BYTES
"""Bytes; escapes make a document longer in JSON than it is."""


def sources(path: Path, locator: str, version: str) -> Iterator[Source]:
    """A source a line, blank ones left out; a damaged .gz ends with one that says so. Raises OSError."""
    with path.open("rb") as raw:
        size = os.fstat(raw.fileno()).st_size or 1
        lines: IO[bytes] = BufferedReader(gzip.GzipFile(fileobj=raw)) if path.suffix == ".gz" else raw
        number = 0
        while True:
            number += 1
            place = f"{locator}:{number}"
            try:
                line = lines.readline(LONGEST_LINE + 1)
                long = len(line) > LONGEST_LINE
                while long and not line.endswith(b"\n") and (rest := lines.readline(2**20)):
                    line = rest
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                yield broken(
                    place, version, f"The file is cut short or damaged from here on: {error}. Get it again.", 1
                )
                return
            if not line:
                return
            share = raw.tell() / size
            if long:
                yield broken(
                    place, version, f"The line is over the limit of {LONGEST_LINE >> 20} MiB. Split it.", share
                )
            elif line.strip():
                yield _source(line, place, version, share)


def _source(line: bytes, place: str, version: str, share: float) -> Source:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError) as error:
        return broken(place, version, f"The line is not JSON: {error}.", share)
    fields = content if isinstance(content, dict) else {}
    for name, kind in (("html", Kind.HTML), ("text", Kind.TEXT)):
        if isinstance(text := fields.get(name), str):
            # Lone surrogates, which JSON can write and UTF-8 cannot.
            data = text.encode("utf-8", "replace")
            url = fields.get("url")
            return Source(
                locator=place,
                version=version,
                kind=kind,
                read=held(data),
                # It has been decoded: what its own <meta> says of it is past.
                charset="utf-8" if kind is Kind.HTML else None,
                url=url if isinstance(url, str) else None,
                share=share,
            )
    return broken(place, version, 'The line has no "html" and no "text" that is a string.', share)
