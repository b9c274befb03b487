"""Pages in a web archive: WARC and WARC.gz, one record at a time. Knows no other container.

Taken are answers of web servers and resources that are HTML, and text that was made of pages before (WET). What cannot
be read, a damaged record or a file that is cut short, is a source that says so, and reading goes on behind it.
"""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from edgedoc.batch.gzip_member import MAGIC, DamagedMember, GzipMember, begins_with
from edgedoc.batch.source import Source, broken, held, too_large
from edgedoc.documents.charset import MAX_BYTES
from edgedoc.errors import MissingPackageError
from edgedoc.tasks.pipeline import Kind

if TYPE_CHECKING:
    from warcio.recordloader import ArcWarcRecord, ArcWarcRecordLoader

_HTML = frozenset({"text/html", "application/xhtml+xml"})
_BEGINNING = b"WARC/1."
_BLOCK = 1 << 20


class _Page(NamedTuple):
    """A record that is wanted, read whole before the next one is looked for."""

    data: bytes
    kind: Kind
    charset: str | None
    url: str | None


class _Damage(NamedTuple):
    """Something that should be a record and cannot be one."""

    reason: str


def sources(path: Path, locator: str, version: str) -> Iterator[Source]:
    """A source a page, and one a damage, by the record's number in the file. Raises OSError, MissingPackageError."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size or 1
        packed = file.read(len(MAGIC)) == MAGIC
        file.seek(0)
        for number, record in enumerate(_packed_records(file) if packed else _records(file), 1):
            place, share = f"{locator}#{number}", file.tell() / size
            if isinstance(record, _Damage):
                yield broken(place, version, f"The archive is damaged here: {record.reason}. Get it again.", share)
            elif record is not None and len(record.data) > MAX_BYTES:
                yield broken(place, version, str(too_large(len(record.data), MAX_BYTES)), share)
            elif record is not None:
                yield Source(
                    locator=place,
                    version=version,
                    kind=record.kind,
                    read=held(record.data),
                    charset=record.charset,
                    url=record.url,
                    share=share,
                )


def _packed_records(file: BinaryIO) -> Iterator[_Page | _Damage | None]:
    """The records of a WARC.gz: by the standard a gzip member each, but all may be in one."""
    offset: int | None = 0
    while offset is not None:
        start = offset
        member = GzipMember(file, offset)
        stream = io.BufferedReader(member, _BLOCK)
        try:
            yield from _records(stream)
            offset = member.end if _more(file, member.end) else None
        except DamagedMember as error:
            yield _Damage(str(error))
            offset = _next_member(file, start + 1)


def _more(file: BinaryIO, offset: int | None) -> bool:
    file.seek(offset or 0)
    return file.read(1) != b""


def _next_member(file: BinaryIO, offset: int) -> int | None:
    """Where, from `offset` on, the next member starts that begins with a record."""
    while True:
        file.seek(offset)
        block = file.read(_BLOCK)
        found = block.find(MAGIC)
        if found >= 0:
            if begins_with(file, offset + found, _BEGINNING):
                return offset + found
            offset += found + 1
        elif len(block) < _BLOCK:
            return None
        else:
            offset += len(block) - len(MAGIC) + 1


def _records(stream: BinaryIO) -> Iterator[_Page | _Damage | None]:
    """What each record of a stream is: a page, a damage, or nothing that is wanted."""
    try:
        from warcio.recordloader import ArcWarcRecordLoader
    except ImportError as error:
        raise MissingPackageError("warcio", "batch") from error
    loader = ArcWarcRecordLoader(verify_http=False, arc2warc=False)
    line = _begun(stream, stream.readline(_BLOCK))
    while line:
        if line.startswith(_BEGINNING):
            record = _record(loader, stream, line)
            line = stream.readline(_BLOCK)
            # An empty line follows. A record whose length is wrong has lost a part, or has a part of the next.
            intact = not line.strip() or line.startswith(_BEGINNING)
            yield record if intact else _Damage("a record is not as long as it says")
        else:
            intact = False
            yield _Damage("no record begins where one should")
        line = _begun(stream, line) if intact else _resumed(stream, line)


def _begun(stream: BinaryIO, line: bytes) -> bytes:
    """`line`, or the next one that is not empty; none at the end."""
    while line and not line.strip():
        line = stream.readline(_BLOCK)
    return line


def _resumed(stream: BinaryIO, line: bytes) -> bytes:
    """`line`, or the next one that begins a record; none at the end."""
    while line and not line.startswith(_BEGINNING):
        line = stream.readline(_BLOCK)
    return line


def _record(loader: "ArcWarcRecordLoader", stream: BinaryIO, line: bytes) -> _Page | _Damage | None:
    from warcio.exceptions import ArchiveLoadFailed
    from warcio.limitreader import LimitReader
    from warcio.statusandheaders import StatusAndHeadersParserException

    try:
        record = loader.parse_record_stream(stream, statusline=line, known_format="warc")
    # AttributeError: an answer without an address.
    except (ArchiveLoadFailed, StatusAndHeadersParserException, EOFError, AttributeError):
        return _Damage("the headers of the record cannot be read")
    if not isinstance(record.raw_stream, LimitReader):
        return _Damage("the record does not say how long it is")
    page = _page(record)
    while record.raw_stream.read(_BLOCK):
        pass
    return _Damage("the record is cut short") if record.raw_stream.limit else page


def _page(record: "ArcWarcRecord") -> _Page | None:
    url = record.rec_headers.get_header("WARC-Target-URI")
    answer = record.http_headers if record.rec_type == "response" else None
    if answer is not None:
        content_type = answer.get_header("Content-Type") if answer.get_statuscode() == "200" else None
    else:
        content_type = record.content_type if record.rec_type in ("resource", "conversion") else None
    media, _, parameters = (content_type or "").partition(";")
    media = media.strip().lower()
    if media not in _HTML and not (record.rec_type == "conversion" and media == "text/plain"):
        return None
    _, _, charset = parameters.lower().partition("charset=")
    return _Page(
        data=record.content_stream().read(MAX_BYTES + 1),
        kind=Kind.HTML if media in _HTML else Kind.TEXT,
        charset=charset.partition(";")[0].strip(" \"'") or None,
        url=url,
    )
