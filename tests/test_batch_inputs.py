"""What arguments stand for: every document once, in the same order, and every loss a source that says what is wrong."""

import gzip
import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from edgedoc.batch import inputs, json_lines, plain_file, zip_archive
from edgedoc.batch.source import Source, identity
from edgedoc.errors import DocumentError
from edgedoc.tasks.pipeline import Kind

PAGE = b"<p>Hello</p>"


def _no_stdin() -> NoReturn:
    raise AssertionError("stdin was asked for")


def _all(*arguments: str, stdin: Callable[[], Path] = _no_stdin, excluded: tuple[Path, ...] = ()) -> list[Source]:
    return list(inputs.sources(arguments, stdin=stdin, excluded=excluded))


def _contents(*arguments: str) -> list[tuple[Source, bytes | str]]:
    """The sources with what reading them gives, while the archive they are in is open."""
    return [(source, _content(source)) for source in inputs.sources(arguments, stdin=_no_stdin)]


def _content(source: Source) -> bytes | str:
    try:
        return source.read()
    except DocumentError as error:
        return str(error)


def _reason(source: Source) -> str:
    with pytest.raises(DocumentError) as caught:
        source.read()
    return str(caught.value)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_is_its_documents_by_name_without_what_is_none(here: Path) -> None:
    for name in ("b/two.htm", "a.html", "b/notes.md", "b/picture.png", ".hidden.html", "c.txt.gz", "out.jsonl/x.html"):
        (here / "pages" / name).parent.mkdir(parents=True, exist_ok=True)
        (here / "pages" / name).write_bytes(gzip.compress(PAGE) if name.endswith("gz") else PAGE)
    (here / "pages" / "loop").symlink_to(here / "pages")
    found = _all("pages", excluded=(Path("pages/out.jsonl"),))
    names = ("a.html", "b/notes.md", "b/two.htm", "c.txt.gz")
    assert [source.locator for source in found] == [f"pages/{name}" for name in names]
    assert [source.kind for source in found] == [Kind.HTML, Kind.TEXT, Kind.HTML, Kind.TEXT]
    assert {source.read() for source in found} == {PAGE}
    assert [source.share for source in found] == sorted(source.share for source in found)


def test_a_pattern_the_shell_left_is_what_it_matches(here: Path) -> None:
    for name in ("b.html", "a.html", "a.md"):
        (here / name).write_bytes(PAGE)
    assert [source.locator for source in _all("*.html", str(here / "*.md"))] == ["a.html", "b.html", str(here / "a.md")]


def test_what_is_not_there_or_no_file_says_so(here: Path) -> None:
    [missing] = _all("nope.html")
    folder = here / "folder.html"
    folder.mkdir()
    assert "cannot be read" in _reason(missing)
    with pytest.raises(DocumentError, match="is a folder"):
        plain_file.read(folder)


def test_a_folder_that_cannot_be_read_is_not_passed_over(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "pages/shut").mkdir(parents=True)
    (here / "pages/a.html").write_bytes(PAGE)
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "shut" and real(path, mode))
    page, shut = _all("pages")
    assert page.read() == PAGE
    assert shut.locator == "pages/shut" and "permission denied" in _reason(shut)


def test_a_pattern_that_matches_nothing_says_so(here: Path) -> None:
    [source] = _all("nope*.html")
    assert source.locator == "nope*.html" and "cannot be read" in _reason(source)


def test_a_file_that_changes_while_it_is_read_is_refused(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = here / "page.html"
    path.write_bytes(PAGE)
    real = os.fstat
    calls: list[int] = []

    def grows(descriptor: int) -> os.stat_result:
        if calls:
            path.write_bytes(PAGE * 2)
        calls.append(descriptor)
        return real(descriptor)

    monkeypatch.setattr(os, "fstat", grows)
    with pytest.raises(DocumentError, match="changed while it was read"):
        plain_file.read(path)


def test_a_file_that_vanishes_between_listing_and_reading_says_so(here: Path) -> None:
    (here / "page.html").write_bytes(PAGE)
    [source] = _all("page.html")
    (here / "page.html").unlink()
    assert "cannot be read" in _reason(source)


def test_a_large_file_is_refused_unread(here: Path) -> None:
    with (here / "huge.html").open("wb") as file:
        file.truncate(200 * 2**20)
    [source] = _all("huge.html")
    assert "200.0 MiB" in _reason(source) and "32 MiB" in _reason(source)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (gzip.compress(PAGE * 100)[:-9], "cut short"),
        (b"\x1f\x8b" + b"x" * 50, "damaged"),
        (gzip.compress(bytes(33 * 2**20)), "limit is 32 MiB"),
    ],
)
def test_bad_gzip_is_refused(here: Path, data: bytes, reason: str) -> None:
    (here / "page.html.gz").write_bytes(data)
    [source] = _all("page.html.gz")
    assert reason in _reason(source)


def test_json_lines_are_documents_and_bad_lines_say_what_is_wrong(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lines, "LONGEST_LINE", 1000)
    lines = [
        json.dumps({"html": "<meta charset=gb2312><p>é", "url": "http://x"}),
        "",
        json.dumps({"text": "é", "url": 3}),
        '{"html": "<p>',
        "[]",
        json.dumps({"html": 5}),
        json.dumps({"html": "x" * 5000}),
        json.dumps({"html": "last \ud800"}),
    ]
    (here / "pages.jsonl").write_text("\n".join(lines), "utf-8")
    found = _all("pages.jsonl")
    first, second, *bad, last = found
    assert [source.locator for source in found] == [f"pages.jsonl:{number}" for number in (1, 3, 4, 5, 6, 7, 8)]
    assert (first.read(), first.kind, first.charset, first.url) == (
        "<meta charset=gb2312><p>é".encode(), Kind.HTML, "utf-8", "http://x"
    )  # fmt: skip
    assert (second.read(), second.kind, second.charset, second.url) == ("é".encode(), Kind.TEXT, None, None)
    reasons = [_reason(source) for source in bad]
    assert "not JSON" in reasons[0] and 'no "html"' in reasons[1] and 'no "html"' in reasons[2]
    assert "limit of 0 MiB" in reasons[3]
    assert last.read() == b"last ?"


def test_truncated_json_lines_gz_ends_with_a_source_that_says_so(here: Path) -> None:
    whole = gzip.compress("".join(json.dumps({"html": f"<p>{number}"}) + "\n" for number in range(5000)).encode())
    (here / "pages.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    *good, last = _all("pages.jsonl.gz")
    assert good and [source.read() for source in good[:2]] == [b"<p>0", b"<p>1"]
    assert "damaged from here on" in _reason(last)


def _zip(path: Path, entries: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)


def test_a_zip_is_its_documents_and_a_bomb_is_refused(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_archive, "MAX_BYTES", 5 * 2**20)
    bombs = {"bomb.html": bytes(2**22), "big.html": bytes(2**23)}
    _zip(here / "a.zip", {"b.html": PAGE, "a/x.md": b"# Hi", "a/": b"", "p.png": b"", **bombs})
    (page, html), (text, markdown), (_, bomb), (_, big) = _contents("a.zip")
    assert (page.locator, page.kind, html) == ("a.zip!/b.html", Kind.HTML, PAGE)
    assert (text.kind, markdown) == (Kind.TEXT, b"# Hi")
    assert "200 times" in str(bomb)
    assert "limit is 5 MiB" in str(big)


def test_a_damaged_zip_says_so(here: Path) -> None:
    _zip(here / "a.zip", {"a.html": PAGE * 50, "b.html": PAGE * 50})
    whole = (here / "a.zip").read_bytes()
    (here / "cut.zip").write_bytes(whole[:-30])
    flipped = bytearray(whole)
    flipped[40] ^= 0xFF
    (here / "flipped.zip").write_bytes(flipped)
    (_, cut), (_, damaged), (_, good) = _contents("cut.zip", "flipped.zip")
    assert "damaged or cut short" in str(cut)
    assert "damaged" in str(damaged)
    assert good == PAGE * 50


def test_stdin_is_what_it_looks_like(here: Path) -> None:
    spool = here / "spool"
    for data, locators in (
        (PAGE, ["-"]),
        (b'{"html": "a"}\n{"text": "b"}\n', ["-:1", "-:2"]),
    ):
        spool.write_bytes(data)
        assert [source.locator for source in _all("-", stdin=lambda: spool)] == locators
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.html", PAGE)
    spool.write_bytes(packed.getvalue())
    assert [source.locator for source in _all("-", stdin=lambda: spool)] == ["-!/a.html"]


def test_identity_is_of_the_content_and_what_decides_its_reading() -> None:
    def source(kind: Kind, charset: str | None = None) -> Source:
        return Source(locator="x", version="", kind=kind, read=lambda: PAGE, charset=charset)

    plain = identity(source(Kind.HTML), PAGE)
    assert plain == hashlib.sha256(PAGE).hexdigest()
    read_otherwise = {identity(source(Kind.TEXT), PAGE), identity(source(Kind.HTML, "utf-8"), PAGE)}
    assert len({plain, identity(source(Kind.HTML), b""), *read_otherwise}) == 4
