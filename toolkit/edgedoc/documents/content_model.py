"""Which canonical block may stand in which, and which start tags end others: the content model, mostly as data.

After "The elements of HTML" and "optional tags" (html.spec.whatwg.org, 4 and 13.1.2.4), reduced to what Markdown can
say.
"""

HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
REGIONS = frozenset({"nav", "header", "footer", "aside"})
CELLS = frozenset({"td", "th"})
LISTS = frozenset({"ul", "ol"})
BLOCKS = HEADINGS | REGIONS | CELLS | LISTS | {"p", "li", "blockquote", "pre", "table", "tr"}
HOLDS_TEXT_ONLY = HEADINGS | CELLS | {"p", "pre"}
ENDS_LAYOUT_TABLE = HEADINGS | REGIONS | {"table", "pre"}
"""Found in a cell, one of these shows that the table is page layout and no data: Markdown's cells hold text only."""

IMPLIED_END = {
    "li": (frozenset({"li"}), LISTS),
    "tr": (frozenset({"tr"}), frozenset({"table"})),
    "td": (CELLS, frozenset({"tr", "table"})),
    "th": (CELLS, frozenset({"tr", "table"})),
}
"""Start tag: what it ends, and what hides an outer one of those from it."""


def allowed(tag: str, container: str | None) -> bool:
    """Whether block `tag` may be written directly inside `container` ("" for the page)."""
    if tag in CELLS:
        return container == "tr"
    if tag == "tr":
        return container == "table"
    if tag == "li":
        return container in LISTS
    return container not in HOLDS_TEXT_ONLY and container not in ("table", "tr")
