"""Where a block of raw HTML in Markdown ends. Knows no other block, and judges no HTML."""

import re

from edgedoc.documents.lines import line_at

# CommonMark 0.31, 4.6 (spec.commonmark.org/0.31.2/#html-blocks): what opens a block, and what closes it; those of the
# last two patterns close at a blank line.
_VERBATIM = "script|pre|style|textarea"
_CLOSED_BY = (
    (re.compile(rf"<(?:{_VERBATIM})(?:[\s>]|$)", re.IGNORECASE), re.compile(rf"</(?:{_VERBATIM})>", re.IGNORECASE)),
    (re.compile(r"<!--"), re.compile(r"-->")),
    (re.compile(r"<\?"), re.compile(r"\?>")),
    (re.compile(r"<!\[CDATA\["), re.compile(r"\]\]>")),
    (re.compile(r"<![A-Za-z]"), re.compile(r">")),
)
_BLOCK_TAG = re.compile(
    r"</?(?:address|article|aside|base|basefont|blockquote|body|caption|center|col|colgroup|dd|details|dialog|dir|div|dl"
    r"|dt|fieldset|figcaption|figure|footer|form|frame|frameset|h[1-6]|head|header|hr|html|iframe|legend|li|link|main|menu"
    r"|menuitem|nav|noframes|ol|optgroup|option|p|param|search|section|summary|table|tbody|td|tfoot|th|thead|title|tr"
    r"|track|ul)(?:\s|/?>|$)",
    re.IGNORECASE,
)
_LONE_TAG = re.compile(r"</?[A-Za-z][A-Za-z0-9-]*(?:\s[^<>]*)?/?>[ \t]*$")


def html_block_end(text: str, start: int, *, interrupting: bool) -> int:
    """Where the HTML block ends whose line starts at `start`, blank lines not included; 0 where there is none.

    `interrupting`: the line follows one of a paragraph, which a tag that stands alone does not end.
    """
    line, position = line_at(text, start)
    content = line.lstrip(" \t")
    for opening, closing in _CLOSED_BY:
        if opening.match(content):
            closed = closing.search(text, start)
            return line_at(text, closed.end())[1] if closed else len(text)
    if not _BLOCK_TAG.match(content) and (interrupting or not _LONE_TAG.match(content)):
        return 0
    while position < len(text):
        line, following = line_at(text, position)
        if not line.strip():
            break
        position = following
    return position
