"""Bytes of text files: whatever charset they are in, what comes out encodes to them again."""

import pytest

from edgedoc.documents.plain_text import decode
from edgedoc.errors import DocumentError

MIXED = "# Grüße\r\n\r\n日本語 — text\x00with NUL\n"


@pytest.mark.parametrize(
    ("codec", "mark"),
    [("utf-8", ""), ("utf-8", "\ufeff"), ("utf-16-le", "\ufeff"), ("utf-16-be", "\ufeff"), ("utf-32-le", "\ufeff")],
)
def test_text_encodes_to_the_same_bytes(codec: str, mark: str) -> None:
    data = (mark + MIXED).encode(codec)
    decoded = decode(data)

    assert decoded.text == mark + MIXED
    assert decoded.text.encode(decoded.charset) == data
    assert decoded.note == ""


def test_empty_and_blank_text_is_text() -> None:
    assert decode(b"").text == ""
    assert decode(b"\r\n \x00").text == "\r\n \x00"


def test_utf16_without_a_mark_shows_by_its_zero_bytes() -> None:
    decoded = decode("plain words in sixteen bits".encode("utf-16-le"))
    assert (decoded.text, decoded.note) == ("plain words in sixteen bits", "UTF-16 without a byte order mark")


def test_what_is_not_utf8_is_guessed_and_told() -> None:
    french = "Voilà l'été à la forêt, où le garçon a rêvé d'une crème brûlée près du café.\n" * 20
    decoded = decode(french.encode("cp1252"))
    assert (decoded.text, decoded.note) == (french, "not UTF-8; read as cp1252, a guess")
    damaged = decode(b"\xff" + ("日本語の文章です。" * 100).encode())
    assert damaged.text.endswith("日本語の文章です。")
    assert damaged.note == "not UTF-8; 1 bytes are not UTF-8 and were replaced"


def test_damaged_utf16_is_told() -> None:
    assert decode(b"\xff\xfea\x00\x00\xd8b\x00").note.startswith("byte 4 is not UTF-16-LE")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"%PDF-1.7", "a PDF, not text. Convert it to text first"),
        (bytes(range(256)) * 20, "binary data, not text"),
        (b"a" * (33 << 20), "the limit is 32 MiB"),
    ],
)
def test_what_is_no_text_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        decode(data)
