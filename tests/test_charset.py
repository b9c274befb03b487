"""Bytes to text: every charset of a vector, wrong declarations, damaged bytes, and what is no text at all."""

import codecs
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgedoc.documents.charset import MAX_BYTES, Decoded, decode
from edgedoc.errors import DocumentError

FRENCH = "<p>Voilà l'été à la forêt, où le garçon a rêvé d'une crème brûlée près du café.</p>\n" * 20
CHINESE = "<p>设备离线运行,无需网络,文档就地转换,结果可供核对。</p>\n" * 20
JAPANESE = "<p>文書はこの機械の上で変換され、ネットワークには出ません。</p>\n" * 20
RUSSIAN = "<p>Документ преобразуется на этой машине, без сети, за одну секунду.</p>\n" * 20
KOREAN = "<p>문서는 이 장치에서 변환되며 네트워크가 필요하지 않습니다.</p>\n" * 20


def declared(charset: str, body: str) -> str:
    return f'<meta http-equiv="Content-Type" content="text/html; charset={charset}">{body}'


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        (declared("utf-8", CHINESE), "utf-8"),
        (declared("gb2312", CHINESE), "gb18030"),
        (declared("GBK", CHINESE), "gbk"),
        (declared("x-gbk", CHINESE), "gbk"),
        (declared("big5", "<p>文件在本機轉換</p>"), "big5"),
        (declared("Shift_JIS", JAPANESE), "cp932"),
        (declared("x-sjis", JAPANESE), "cp932"),
        (declared("euc-jp", JAPANESE), "euc-jp"),
        (declared("iso-2022-jp", JAPANESE), "iso-2022-jp"),
        (declared("hz-gb-2312", CHINESE), "hz"),
        (declared("euc-kr", KOREAN), "euc-kr"),
        (declared("windows-949", KOREAN), "cp949"),
        (declared("windows-1251", RUSSIAN), "cp1251"),
        (declared("x-cp1251", RUSSIAN), "cp1251"),
        (declared("koi8-r", RUSSIAN), "koi8-r"),
        (declared("iso-8859-1", FRENCH + "€ “quoted”"), "cp1252"),
        (declared("windows-874", "<p>เอกสาร</p>"), "cp874"),
        (declared("iso-8859-8-i", "<p>מסמך</p>"), "iso-8859-8"),
    ],
)
def test_a_declared_charset_is_believed(text: str, codec: str) -> None:
    decoded = decode(text.encode(codec))

    assert decoded.text == text
    assert decoded.note == ""


@pytest.mark.parametrize("label", ["iso-8859-1", "shift_jis", "windows-1251", "utf-16", "nonsense", "gb2312"])
def test_utf8_with_a_wrong_declaration_is_utf8_and_told(label: str) -> None:
    decoded = decode(declared(label, CHINESE).encode())

    assert decoded == Decoded(declared(label, CHINESE), "utf-8", f"declared as {label}, read as UTF-8, which it is")


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        (FRENCH, "cp1252"),
        (RUSSIAN, "cp1251"),
        (CHINESE, "gb18030"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc-jp"),
        (KOREAN, "euc-kr"),
    ],
)
def test_an_undeclared_charset_is_guessed_and_told(text: str, codec: str) -> None:
    decoded = decode(text.encode(codec))

    assert decoded.text == text
    assert decoded.note.startswith("no charset declared")


def test_undeclared_iso_2022_jp_shows_by_its_escapes() -> None:
    assert decode(JAPANESE.encode("iso-2022-jp")).text == JAPANESE


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", [FRENCH, "<html><head><title>t</title></head><body>\n" + CHINESE])
def test_byte_order_marks_and_utf16_without_one(codec: str, text: str) -> None:
    decoded = decode(declared("iso-8859-1", text).encode(codec))

    assert decoded.text == declared("iso-8859-1", text)


@pytest.mark.parametrize(("mark", "codec"), [(codecs.BOM_UTF16_BE, "utf-16-be"), (codecs.BOM_UTF16_LE, "utf-16-le")])
def test_a_mark_outranks_everything(mark: bytes, codec: str) -> None:
    assert decode(mark + CHINESE.encode(codec)).text == CHINESE


@pytest.mark.parametrize("position", ["start", "end"])
@pytest.mark.parametrize("head", ["", "<p>plain words</p>" * 5000])
def test_one_bad_byte_costs_one_character(position: str, head: str) -> None:
    good = declared("utf-8", head + CHINESE)
    data = good.encode() + b"\xff" if position == "end" else good.encode().replace(b"<p>\xe8", b"<p>\xff\xe8", 1)
    decoded = decode(data)

    assert decoded.text.replace("\ufffd", "") == good
    assert decoded.charset == "utf-8"
    assert "1 bytes are not UTF-8" in decoded.note


@pytest.mark.parametrize(
    "label", ["undefined", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "base64", "utf-7", "hex"]
)
def test_labels_of_codecs_that_are_no_charsets_do_no_harm(label: str) -> None:
    assert decode(declared(label, FRENCH).encode("cp1252")).text == declared(label, FRENCH)


@pytest.mark.parametrize("data", [b"", b" \r\n\t ", b"\n" * 1000])
def test_empty_documents_are_refused(data: bytes) -> None:
    with pytest.raises(DocumentError, match="empty"):
        decode(data)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", "a PDF"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "a PNG image"),
        (b"PK\x03\x04\x14\x00", "a zip archive"),
        (b"\x1f\x8b\x08\x00", "gzip data"),
        (b"GGUF\x03\x00\x00\x00", "a GGUF model"),
        (random.Random(1).randbytes(5000), "binary data"),
        (b"\x00" * 5000, "binary data"),
    ],
)
def test_what_is_no_text_is_refused_by_name(data: bytes, kind: str) -> None:
    with pytest.raises(DocumentError, match=f"{kind}, not"):
        decode(data)


def test_fifty_megabytes_are_refused_with_the_numbers_and_twenty_are_not() -> None:
    paragraph = b"<p>some text of a very long page</p>\n"
    with pytest.raises(DocumentError, match=r"50\.0 MiB; the limit is 32 MiB"):
        decode((paragraph * (50 * 2**20 // len(paragraph) + 1))[: 50 * 2**20])

    page = (paragraph * (MAX_BYTES // len(paragraph)))[: 20 * 2**20]
    assert len(decode(page).text) == 20 * 2**20


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_decoded_or_refused(data: bytes) -> None:
    try:
        decoded = decode(data)
    except DocumentError:
        return
    assert decoded.text
    decoded.text.encode()  # no lone surrogates
