"""How much of a page is cut before a model reads it: the levels, each cutting what the one before does. Cuts nothing.

What each saves and loses on real pages is measured by bench/edgedoc_bench/cleaning_bench.py; the figures here are those
of bench/results/cleaning.md.
"""

from enum import StrEnum


class Cleaning(StrEnum):
    """What is cut, from least to most."""

    MARKUP = "markup"
    """What holds no text of the page: scripts, styles, comments, drawings, media.

    Costs 6 to 79 % more tokens than ATTRIBUTES, and more of what comes out is not the text. It shows what hides in tabs
    and accordions: 2 % of the text of service pages, 5 % of collections.
    """
    ATTRIBUTES = "attributes"
    """Also what a reader does not see: attributes, hidden parts, labels of controls, line numbers, permalinks."""
    FURNITURE = "furniture"
    """Also what a reader does not come for: navigation, headers and footers of the site, side bars, notices.

    Saves half the tokens of documentation built by a generator, 30 % of articles, 24 % of forums, without a loss there
    and with better Markdown; but service and listing pages lose 2 % of their text beyond what ATTRIBUTES cuts.
    """


DEFAULT = Cleaning.ATTRIBUTES
"""The best trade that no kind of page speaks against, and the level the bundled reader was trained at."""
