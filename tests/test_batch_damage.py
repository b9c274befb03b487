"""Containers damaged anywhere: whatever is read of them, nothing is raised that is not a document's error."""

import gzip
import json
import random
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from edgedoc.batch import inputs
from edgedoc.errors import DocumentError

MUTANTS = 300


def _zip() -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(4):
            archive.writestr(f"{number}.html", f"<p>{number}</p>" * 20)
    return out.getvalue()


def _lines() -> bytes:
    return "".join(json.dumps({"html": f"<p>{number}</p>" * 20}) + "\n" for number in range(4)).encode()


def _warc(pack: bool) -> bytes:
    pytest.importorskip("warcio")
    from warcio.statusandheaders import StatusAndHeaders
    from warcio.warcwriter import WARCWriter

    out = BytesIO()
    writer = WARCWriter(out, gzip=pack)
    headers = [("Content-Type", "text/html; charset=utf-8"), ("Transfer-Encoding", "chunked")]
    for number in range(4):
        page = f"<p>{number}</p>".encode() * 20
        record = writer.create_warc_record(
            f"http://x/{number}",
            "response",
            payload=BytesIO(b"%x\r\n%s\r\n0\r\n\r\n" % (len(page), page)),
            http_headers=StatusAndHeaders("200 OK", headers, protocol="HTTP/1.1"),
        )
        writer.write_record(record)
    return out.getvalue()


CONTAINERS: dict[str, Callable[[], bytes]] = {
    "a.zip": _zip,
    "a.jsonl": _lines,
    "a.jsonl.gz": lambda: gzip.compress(_lines()),
    "a.warc": lambda: _warc(False),
    "a.warc.gz": lambda: _warc(True),
    "a.html.gz": lambda: gzip.compress(b"<p>x</p>" * 50),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_damage_is_a_documents_error_or_nothing(tmp_path: Path, name: str) -> None:
    whole = CONTAINERS[name]()
    path = tmp_path / name
    rng = random.Random(0)
    assert _readable(path, whole) > 0
    for _ in range(MUTANTS):
        mutant = bytearray(whole)
        for _ in range(rng.randrange(1, 4)):
            place = rng.randrange(len(mutant))
            match rng.randrange(3):
                case 0:
                    mutant[place] ^= 1 << rng.randrange(8)
                case 1:
                    del mutant[place : place + rng.randrange(1, 20)]
                case _:
                    mutant[place:place] = rng.randbytes(rng.randrange(1, 20))
            if not mutant:
                break
        _readable(path, bytes(mutant))


def _readable(path: Path, data: bytes) -> int:
    """How many documents a container gives."""
    path.write_bytes(data)
    count = 0
    for source in inputs.sources([str(path)], stdin=lambda: path):
        try:
            count += bool(source.read())
        except DocumentError as error:
            assert str(error).endswith(".")
    return count
