"""Web archives, whole and damaged: every page once, every damage told, and what lies behind it still read."""

import gzip
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from edgedoc.batch import warc
from edgedoc.batch.source import Source
from edgedoc.errors import DocumentError
from edgedoc.tasks.pipeline import Kind

pytest.importorskip("warcio")


def _page(number: int) -> bytes:
    return f"<p>page {number} é</p>".encode() * 40


def _record(number: int, *, http: str = "text/html", status: str = "200 OK", kind: str = "response") -> bytes:
    """One record, uncompressed, as warcio writes it."""
    from warcio.statusandheaders import StatusAndHeaders
    from warcio.warcwriter import WARCWriter

    out = BytesIO()
    writer = WARCWriter(out, gzip=False)
    headers = StatusAndHeaders(status, [("Content-Type", http)], protocol="HTTP/1.1") if kind == "response" else None
    record = writer.create_warc_record(
        f"http://x/{number}",
        kind,
        payload=BytesIO(_page(number)),
        http_headers=headers,
        warc_content_type=http if headers is None else "",
    )
    writer.write_record(record)
    return out.getvalue()


def _packed(*records: bytes) -> list[bytes]:
    return [gzip.compress(record) for record in records]


def _sources(folder: Path, data: bytes) -> list[Source]:
    path = folder / "a.warc"
    path.write_bytes(data)
    return list(warc.sources(path, "a.warc", "1"))


def _numbers(found: list[Source]) -> Iterator[int | str]:
    """The page each source is, or what it says is wrong."""
    for source in found:
        try:
            yield [_page(number) for number in range(20)].index(source.read())
        except DocumentError as error:
            yield str(error)


RECORDS = [_record(number) for number in range(5)]


@pytest.mark.parametrize("data", [b"".join(RECORDS), b"".join(_packed(*RECORDS)), gzip.compress(b"".join(RECORDS))])
def test_plain_packed_and_packed_as_one_are_the_same_pages(tmp_path: Path, data: bytes) -> None:
    found = _sources(tmp_path, data)
    assert [source.locator for source in found] == [f"a.warc#{number}" for number in range(1, 6)]
    assert [source.url for source in found] == [f"http://x/{number}" for number in range(5)]
    assert list(_numbers(found)) == [0, 1, 2, 3, 4]


def test_only_pages_are_taken_with_what_their_server_declared(tmp_path: Path) -> None:
    records = [
        _record(0, http='text/html; charset="Windows-1251"; x=y'),
        _record(1, http="image/png"),
        _record(2, status="404 Not Found"),
        _record(3, kind="metadata"),
        _record(4, kind="conversion", http="text/plain"),
        _record(5, kind="resource", http="application/xhtml+xml"),
    ]
    found = _sources(tmp_path, b"".join(_packed(*records)))
    assert [source.locator for source in found] == ["a.warc#1", "a.warc#5", "a.warc#6"]
    assert [source.charset for source in found] == ["windows-1251", None, None]
    assert [source.kind for source in found] == [Kind.HTML, Kind.TEXT, Kind.HTML]


@pytest.mark.parametrize("pack", [True, False])
def test_a_file_that_is_cut_short_loses_its_last_page_aloud(tmp_path: Path, pack: bool) -> None:
    pieces = _packed(*RECORDS) if pack else RECORDS
    whole = b"".join(pieces)
    for missing in (10, len(pieces[-1]) // 2, len(pieces[-1]) - 5):
        *good, last = _numbers(_sources(tmp_path, whole[:-missing]))
        assert good == [0, 1, 2, 3], missing
        assert "The archive is damaged here" in str(last)


def test_a_damaged_member_in_the_middle_costs_itself(tmp_path: Path) -> None:
    pieces = _packed(*RECORDS)
    for place in (0, 15, len(pieces[2]) // 2, len(pieces[2]) - 6):
        damaged = bytearray(pieces[2])
        damaged[place] ^= 0xFF
        found = list(_numbers(_sources(tmp_path, b"".join([*pieces[:2], bytes(damaged), *pieces[3:]]))))
        assert [number for number in found if isinstance(number, int)] == [0, 1, 3, 4], place
        assert len(found) == 5 and "The archive is damaged here" in str(found[2])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"WARC/1.0", b"WXRC/1.0"),
        (b"\r\nContent-Length: ", b"\r\nContent-Length: 9"),
        (b"Content-Length", b"Content-Bength"),
    ],
)
def test_a_damaged_header_in_the_middle_of_a_plain_file_is_told(tmp_path: Path, old: bytes, new: bytes) -> None:
    head, body = RECORDS[2].split(b"\r\n\r\n", 1)
    damaged = head.replace(old, new) + b"\r\n\r\n" + body
    assert damaged != RECORDS[2]
    found = list(_numbers(_sources(tmp_path, b"".join([*RECORDS[:2], damaged, *RECORDS[3:]]))))
    numbers = [number for number in found if isinstance(number, int)]
    # A length that is too large hides what it reaches over: that is one damage, and told.
    assert numbers[:2] == [0, 1] and 2 not in numbers and set(numbers) <= {0, 1, 3, 4}
    assert "The archive is damaged here" in str(next(entry for entry in found if isinstance(entry, str)))


def test_a_page_that_unpacks_to_more_than_the_limit_is_refused(tmp_path: Path) -> None:
    from warcio.statusandheaders import StatusAndHeaders
    from warcio.warcwriter import WARCWriter

    out = BytesIO()
    writer = WARCWriter(out, gzip=True)
    headers = [("Content-Type", "text/html"), ("Content-Encoding", "gzip")]
    record = writer.create_warc_record(
        "http://x/bomb",
        "response",
        payload=BytesIO(gzip.compress(bytes(40 * 2**20))),
        http_headers=StatusAndHeaders("200 OK", headers, protocol="HTTP/1.1"),
    )
    writer.write_record(record)
    [refused] = _numbers(_sources(tmp_path, out.getvalue()))
    assert "the limit is 32 MiB" in str(refused)
