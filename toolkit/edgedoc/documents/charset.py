"""Bytes of an HTML page to text, whatever charset they are in or claim to be in. Knows no HTML beyond <meta charset>.

Order: byte order mark, a declared or marked charset of escape sequences, valid UTF-8, the declared charset, a guess by
charset-normalizer, Windows-1252. UTF-8 comes before the declaration because bytes that are valid UTF-8 by accident
hardly exist, and wrong declarations do. Labels follow the WHATWG Encoding Standard (encoding.spec.whatwg.org) where it
differs from Python's codecs.
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
    "iso-8859-1": "cp1252", "latin1": "cp1252", "latin-1": "cp1252", "ascii": "cp1252", "us-ascii": "cp1252",
    "iso-8859-9": "cp1254", "iso-8859-8-i": "iso-8859-8", "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932",
    "shift-jis": "cp932", "sjis": "cp932", "euc-kr": "cp949", "ks_c_5601-1987": "cp949", "big5": "big5hkscs",
    "tis-620": "cp874", "utf-16": "utf-8", "utf-16le": "utf-8", "utf-16be": "utf-8",
}  # fmt: skip
_ESCAPES = {"iso-2022-jp": b"\x1b", "hz-gb-2312": b"~{"}
_JAPANESE = re.compile(rb"\x1b\$[@B]")
# Python's own codecs that are no charsets of pages: some raise what decoding never should, some run escapes.
_NOT_CHARSETS = frozenset({"utf-7", "idna", "punycode", "undefined", "unicode-escape", "unicode_escape",
                           "raw-unicode-escape", "raw_unicode_escape", "mbcs", "oem"})  # fmt: skip
_ASCII = bytes(range(128))
_HIGH = re.compile(rb"[\x80-\xff]")
_SAMPLE = 65536
_NOT_TEXT = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f]")
_MAGIC = {
    b"%PDF-": "a PDF", b"PK\x03\x04": "a zip archive", b"\x89PNG": "a PNG image", b"\xff\xd8\xff": "a JPEG image",
    b"\x1f\x8b": "gzip data", b"GIF8": "a GIF image", b"\x7fELF": "a program", b"GGUF": "a GGUF model",
}  # fmt: skip


@dataclass(frozen=True)
class Decoded:
    """Text of a document, the codec that read it, and remarks for the reader ("" when all went as declared)."""

    text: str
    charset: str
    note: str = ""


def decode(data: bytes, *, declared: str | None = None, limit: int = MAX_BYTES) -> Decoded:
    """Decode a page; `declared` is the charset its transport gave it, which goes before the page's own word for it.

    Raises DocumentError when it is empty, over `limit` bytes or not text.
    """
    if not data.strip():
        raise DocumentError("The document is empty.")
    refuse(data, "HTML", limit)
    for bom, codec in _BOMS:
        if data.startswith(bom):
            return Decoded(data.decode(codec, "replace"), codec.removesuffix("-sig"))
    if (wide := utf16_unmarked(data[:4096])) is not None:
        return Decoded(data.decode(wide, "replace"), wide, "UTF-16 without a byte order mark")
    if is_binary(data):
        raise DocumentError("The document is binary data, not text. Convert it to HTML first.")
    return _decode_text(data, declared.strip().lower() if declared else _declared(data))


def refuse(data: bytes, wanted: str, limit: int = MAX_BYTES) -> None:
    """Raise DocumentError for what is over `limit` bytes or a file of another kind than the `wanted` one."""
    if len(data) > limit:
        raise DocumentError(
            f"The document has {len(data) / 2**20:.1f} MiB; the limit is {limit / 2**20:.0f} MiB. "
            "Split it, or convert its parts."
        )
    for magic, kind in _MAGIC.items():
        if data.startswith(magic):
            raise DocumentError(f"The document is {kind}, not {wanted}. Convert it to {wanted} first.")


def is_binary(data: bytes) -> bool:
    """Whether more than one byte in fifty at its beginning is a control character that no text has."""
    head = data[:_SAMPLE]
    return len(_NOT_TEXT.findall(head)) * 50 > len(head)


def _decode_text(data: bytes, declared: str | None) -> Decoded:
    stateful = "iso-2022-jp" if declared is None and _JAPANESE.search(data[:_SAMPLE]) else declared
    if stateful in _ESCAPES and _ESCAPES[stateful] in data:
        return Decoded(data.decode(stateful, "replace"), stateful)
    try:
        text = data.decode("utf-8")
        wrong = declared not in (None, "utf-8", "utf8") and not data.isascii()
        return Decoded(text, "utf-8", f"declared as {declared}, read as UTF-8, which it is" if wrong else "")
    except UnicodeDecodeError:
        pass
    note = f"declared as {declared}, which it is not" if declared else "no charset declared"
    codec = _codec(declared)
    if codec not in (None, "utf-8"):
        try:
            return Decoded(data.decode(codec), declared or codec)
        except UnicodeError:
            pass
    return undeclared(data, note)


def undeclared(data: bytes, note: str) -> Decoded:
    """Bytes that are not valid UTF-8 and are of a charset nobody knows; `note` begins the remark on it."""
    # One bad byte in a page of good UTF-8 must not turn the rest into another alphabet.
    text = data.decode("utf-8", "replace")
    bad, high = text.count("\ufffd"), len(data.translate(None, _ASCII))
    guess = "utf-8" if bad * 100 < high else _guess(data)
    if guess == "utf-8":
        return Decoded(text, "utf-8", f"{note}; {bad} bytes are not UTF-8 and were replaced")
    return Decoded(data.decode(guess, "replace"), guess, f"{note}; read as {guess}, a guess")


def _declared(data: bytes) -> str | None:
    match = _META.search(data[:2048])
    label = match[1].decode("ascii").lower() if match else None
    return None if label == "utf-7" else label


def _codec(label: str | None) -> str | None:
    """Python's codec for a declared label; None where there is none."""
    if label is None:
        return None
    name = _WHATWG.get(label.removeprefix("x-"), label.removeprefix("x-"))
    for candidate in (name, name.replace("windows-", "cp")):
        try:
            known = codecs.lookup(candidate).name
            b"a".decode(candidate)  # raises LookupError for codecs between bytes, such as base64
        except (LookupError, UnicodeError):
            continue
        return None if known in _NOT_CHARSETS else known
    return None


def _guess(data: bytes) -> str:
    from charset_normalizer import from_bytes

    # ASCII says nothing about the charset of what follows it.
    first = _HIGH.search(data)
    start = max(0, first.start() - _SAMPLE // 2) if first else 0
    matches = from_bytes(data[start : start + _SAMPLE])
    best = matches.best()
    # Western European words look no less likely to it in the code pages of their neighbours.
    if best is None or any("cp1252" in (match.encoding, *match.could_be_from_charset) for match in matches):
        return "cp1252"
    return best.encoding.replace("_", "-")


def utf16_unmarked(head: bytes) -> str | None:
    """The codec of UTF-16 without a mark, by its zero bytes: in ASCII every other byte is one, and markup is ASCII."""
    pairs = len(head) // 2
    even, odd = head[0 : 2 * pairs : 2].count(0), head[1 : 2 * pairs : 2].count(0)
    for zeros, others, bracket, codec in ((odd, even, b"<\x00", "utf-16-le"), (even, odd, b"\x00<", "utf-16-be")):
        share = 0.05 if bracket in head else 0.7
        if pairs >= 2 and zeros > share * pairs and others * 10 < zeros:
            return codec
    return None
