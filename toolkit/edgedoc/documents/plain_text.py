"""Bytes of plain text or Markdown to text that encodes to the same bytes again. Knows no HTML; `charset` does.

A byte order mark stays in the text as U+FEFF, line ends and NUL stay what they are: what chunks are made of is the
file, so they concatenate to it byte for byte wherever the charset is known.
"""

import codecs

from edgedoc.documents.charset import Decoded, is_binary, refuse, undeclared, utf16_unmarked
from edgedoc.errors import DocumentError

# UTF-32's mark begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decode(data: bytes) -> Decoded:
    """Decode a text: marked UTF-16 or UTF-32, else UTF-8, else a guess, which the note tells. Empty text is text.

    Raises DocumentError when it is too large, a file of another kind, or binary data.
    """
    refuse(data, "text")
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return _marked(data, codec)
    if (wide := utf16_unmarked(data[:4096])) is not None:
        return Decoded(data.decode(wide, "replace"), wide, "UTF-16 without a byte order mark")
    try:
        return Decoded(data.decode("utf-8"), "utf-8")
    except UnicodeDecodeError:
        pass
    if is_binary(data):
        raise DocumentError("The document is binary data, not text. Convert it to text first.")
    return undeclared(data, "not UTF-8")


def _marked(data: bytes, codec: str) -> Decoded:
    try:
        return Decoded(data.decode(codec), codec)
    except UnicodeDecodeError as error:
        note = f"byte {error.start} is not {codec.upper()}; it and the like were replaced"
        return Decoded(data.decode(codec, "replace"), codec, note)
