"""Lines of a text by position: LF, CRLF and CR end one, tabs stop at every fourth column. Knows no Markdown."""

import re

_LINE = re.compile(r"([^\r\n]*+)(?:\r\n?|\n|\Z)")
_BLANK_LINES = re.compile(r"(?:[^\S\r\n]*+(?:\r\n?|\n))*+(?:\s*+\Z)?")
_INDENT = re.compile(r"[ \t]*")


def line_at(text: str, position: int) -> tuple[str, int]:
    """The line that starts at `position` without its end, and where the next one starts."""
    found = _LINE.match(text, position)
    return (found[1], found.end()) if found else ("", len(text))


def after_blank(text: str, position: int) -> int:
    """Where the first line that is not blank starts, from the line start `position` on."""
    found = _BLANK_LINES.match(text, position)
    return found.end() if found else position


def indent(line: str) -> int:
    """Columns of white space that `line` starts with."""
    found = _INDENT.match(line)
    return len(found[0].expandtabs(4)) if found else 0
