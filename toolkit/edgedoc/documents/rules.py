"""The deterministic converter: canonical HTML to Markdown by rules, through html-to-markdown (MIT). Knows no model.

It is the teacher of the bundled reader, the text that stands in for a window the model failed on, and the yardstick
for what a window holds. Page furniture (nav, header, footer, aside) is left out, as Readability does for reader-lm.
"""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from html_to_markdown import ConversionOptions


def convert(html: str) -> str:
    """Markdown of canonical HTML (ATX headings, `-` bullets, fenced code, compact tables); "" for furniture only."""
    import html_to_markdown

    markdown: str = html_to_markdown.convert(html, _options()).content
    return _quotes_apart(markdown.strip())


def _quotes_apart(markdown: str) -> str:
    # html-to-markdown 3.21 leaves out the blank line before a quote that follows a heading or a code block.
    lines: list[str] = []
    fence = ""
    for line in markdown.split("\n"):
        if fence:
            fence = "" if line.startswith(fence) and not line.strip("`") else fence
        elif line.startswith("```"):
            fence = line[: len(line) - len(line.lstrip("`"))]
        elif line.startswith(">") and lines and lines[-1] and not lines[-1].startswith(">"):
            lines.append("")
        lines.append(line)
    return "\n".join(lines)


@cache
def _options() -> "ConversionOptions":
    from html_to_markdown import ConversionOptions

    return ConversionOptions(
        bullets="-", compact_tables=True, extract_metadata=False, exclude_selectors=["nav", "header", "footer", "aside"]
    )
