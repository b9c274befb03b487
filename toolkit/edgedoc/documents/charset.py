"""Bytes of an HTML page to text, whatever charset they are in or claim to be in. Knows no HTML beyond its <meta charset>.

Order: byte order mark, valid UTF-8, the declared charset, a guess by charset-normalizer, Windows-1252. UTF-8 comes before
the declaration because bytes that are valid UTF-8 by accident hardly exist, and wrong declarations do. Labels follow the
WHATWG Encoding Standard (encoding.spec.whatwg.org) where it differs from Python's codecs.
"""

import codecs
import re
from dataclasses import dataclass

from edgedoc.errors import DocumentError

MAX_BYTES = 32 * 2**20
"""Larger inputs are refused: the largest real pages are below 5 MB."""

_META = re.compile(rb"charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE)
_BOMS = [(codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")]
_WHATWG = {
    "iso-8859-1": "cp1252", "latin1": "cp1252", "latin-1": "cp1252", "ascii": "cp1252", "us-ascii": "cp1252", "iso-8859-9": "cp1254",
    "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "shift-jis": "cp932", "x-sjis": "cp932", "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949", "big5": "big5hkscs", "tis-620": "cp874", "utf-16": "utf-8", "utf-16le": "utf-8", "utf-16be": "utf-8",
}  # fmt: skip
_STATEFUL = frozenset({"iso-2022-jp", "iso2022_jp", "hz-gb-2312"})
_NOT_TEXT = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f]")
_MAGIC = {b"%PDF-": "a PDF", b"PK\x03\x04": "a zip archive", b"\x89PNG": "a PNG image", b"\xff\xd8\xff": "a JPEG image", b"\x1f\x8b": "gzip data",
          b"GIF8": "a GIF image", b"\x7fELF": "a program", b"GGUF": "a GGUF model"}  # fmt: skip


@dataclass(frozen=True)
class Decoded:
    """Text of a document, the codec that read it, and remarks for the reader ("" when all went as declared)."""

    text: str
    charset: str
    note: str = ""


def decode(data: bytes, *, limit: int = MAX_BYTES) -> Decoded:
    """Decode a page. Raises DocumentError when it is empty, over `limit` bytes or not text."""
    if not data.strip():
        raise DocumentError("The document is empty.")
    if len(data) > limit:
        raise DocumentError(
            f"The document has {len(data) / 2**20:.1f} MiB; the limit is {limit / 2**20:.0f} MiB. Split it, or convert its parts."
        )
    for magic, kind in _MAGIC.items():
        if data.startswith(magic):
            raise DocumentError(f"The document is {kind}, not HTML. Convert it to HTML first.")
    for bom, codec in _BOMS:
        if data.startswith(bom):
            return Decoded(data.decode(codec, "replace"), codec.removesuffix("-sig"))
    if (wide := _utf16(data[:4096])) is not None:
        return Decoded(data.decode(wide, "replace"), wide, "UTF-16 without a byte order mark")
    head = data[:65536]
    if len(_NOT_TEXT.findall(head)) * 50 > len(head):
        raise DocumentError("The document is binary data, not text. Convert it to HTML first.")
    return _decode_text(data)


def _decode_text(data: bytes) -> Decoded:
    declared = _declared(data)
    if declared in _STATEFUL and b"\x1b" in data:
        return Decoded(data.decode(declared, "replace"), declared)
    try:
        text = data.decode("utf-8")
        wrong = declared not in (None, "utf-8", "utf8") and not data.isascii()
        return Decoded(text, "utf-8", f"declared as {declared}, read as UTF-8, which it is" if wrong else "")
    except UnicodeDecodeError:
        pass
    note = f"declared as {declared}, which it is not" if declared else "no charset declared"
    if declared not in (None, "utf-8", "utf8"):
        try:
            return Decoded(data.decode(_WHATWG.get(declared, declared)), declared)
        except (UnicodeDecodeError, LookupError):
            pass
    from charset_normalizer import from_bytes

    guess = from_bytes(data[:65536]).best()
    codec = guess.encoding if guess is not None else "cp1252"
    # One bad byte in a page of good UTF-8 must not turn the rest into another alphabet.
    text = data.decode("utf-8", "replace")
    if text.count("\ufffd") * 100 < sum(byte > 127 for byte in data[:65536]) or codec == "utf_8":
        return Decoded(text, "utf-8", f"{note}; {text.count(chr(0xFFFD))} bytes are not UTF-8 and were replaced")
    return Decoded(data.decode(codec, "replace"), codec, f"{note}; read as {codec}, a guess")


def _declared(data: bytes) -> str | None:
    match = _META.search(data[:2048])
    label = match[1].decode("ascii").lower() if match else None
    return None if label == "utf-7" else label


def _utf16(head: bytes) -> str | None:
    """UTF-16 by its zero bytes: markup is mostly ASCII, so every other byte is zero."""
    pairs = len(head) // 2
    if pairs >= 2 and head[1::2].count(0) * 10 > pairs * 7 and head[0::2].count(0) * 10 < pairs:
        return "utf-16-le"
    if pairs >= 2 and head[0::2].count(0) * 10 > pairs * 7 and head[1::2].count(0) * 10 < pairs:
        return "utf-16-be"
    return None
