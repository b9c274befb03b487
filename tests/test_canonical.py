"""The writer of canonical HTML, fed by hand: where blocks go, what implies what, how formatting is balanced."""

from edgedoc.documents.canonical import MAX_DEPTH, CanonicalWriter


def test_blocks_are_on_lines_of_their_own_and_loose_text_has_a_paragraph() -> None:
    writer = CanonicalWriter()
    writer.text("loose ")
    writer.open_block("h2", "h2")
    writer.text("head")
    writer.close_block("h2")
    writer.text("tail")

    assert writer.finish() == "<p>loose</p>\n<h2>head</h2>\n<p>tail</p>"


def test_white_space_folds_outside_code_only() -> None:
    writer = CanonicalWriter()
    writer.text("  a \n\t b ")
    writer.text(" c")
    writer.open_block("pre", "pre", language="python")
    writer.text("\n  if x:\r\n\ty\n")

    assert writer.finish() == '<p>a b c</p>\n<pre><code class="language-python">  if x:\n\ty</code></pre>'


def test_items_rows_and_cells_end_each_other() -> None:
    writer = CanonicalWriter()
    writer.open_block("ol", "ol", start=3)
    for word in ("a", "b"):
        writer.open_block("li", "li")
        writer.text(word)
    writer.close_block("ol")
    writer.open_block("table", "table")
    for row in ("cd", "ef"):
        writer.open_block("tr", "tr")
        for cell in row:
            writer.open_block("td", "td")
            writer.text(cell)

    assert writer.finish() == (
        '<ol start="3">\n<li>a</li>\n<li>b</li></ol>\n'
        "<table>\n<tr><td>c</td><td>d</td></tr>\n<tr><td>e</td><td>f</td></tr></table>"
    )


def test_misplaced_text_gets_what_it_needs_around_it() -> None:
    writer = CanonicalWriter()
    writer.open_block("ul", "ul")
    writer.text("item")
    writer.close_block("ul")
    writer.open_block("table", "table")
    writer.text("cell")

    assert writer.finish() == "<ul>\n<li>item</li></ul>\n<table>\n<tr><td>cell</td></tr></table>"


def test_empty_blocks_are_gone_and_empty_cells_are_not() -> None:
    writer = CanonicalWriter()
    writer.open_block("ul", "ul")
    writer.open_block("li", "li")
    writer.close_block("ul")
    writer.open_block("table", "table")
    writer.open_block("td", "td")
    writer.open_block("tr", "tr")
    writer.open_block("td", "td")
    writer.open_block("td", "td")
    writer.text("x")

    assert writer.finish() == "<table>\n<tr><td></td><td>x</td></tr></table>"


def test_formatting_is_balanced_in_every_block_it_crosses() -> None:
    writer = CanonicalWriter()
    writer.open_block("p", "p")
    writer.open_inline("strong")
    writer.open_inline("em")
    writer.text("a")
    writer.close_inline("strong")
    writer.text("b")
    writer.open_block("p", "p")
    writer.text("c")
    writer.close_inline("em")
    writer.text("d")

    assert writer.finish() == "<p><strong><em>a</em></strong><em>b</em></p>\n<p><em>c</em>d</p>"


def test_formatting_is_open_once_of_a_kind_and_never_empty() -> None:
    writer = CanonicalWriter()
    for _ in range(50):
        writer.open_inline("strong")
        writer.open_inline("em")
    writer.text("a")
    writer.open_block("div", None)
    writer.open_inline("del")

    assert writer.finish() == "<p><strong><em>a</em></strong></p>"


def test_a_link_of_only_a_pilcrow_is_taken_back() -> None:
    writer = CanonicalWriter()
    writer.open_block("h1", "h1")
    writer.text("Title ")
    writer.open_inline("a", ' href="#x"')
    writer.text("¶")
    writer.drop_inline("a", frozenset({"¶"}))

    assert writer.finish() == "<h1>Title</h1>"


def test_a_table_with_blocks_in_it_is_layout_and_is_dissolved() -> None:
    writer = CanonicalWriter()
    writer.open_block("table", "table")
    writer.open_block("tr", "tr")
    writer.open_block("td", "td")
    writer.text("side")
    writer.open_block("td", "td")
    writer.text("main")
    writer.open_block("h1", "h1")
    writer.text("head")

    assert writer.finish() == "<p>side</p>\n<p>main</p>\n<h1>head</h1>"


def test_code_that_cannot_be_code_here_is_text() -> None:
    writer = CanonicalWriter()
    writer.open_block("h1", "h1")
    writer.open_block("pre", "pre")
    writer.text("a\n  b")

    assert writer.finish() == "<h1>a b</h1>"


def test_nothing_but_text_is_written_into_code() -> None:
    writer = CanonicalWriter()
    writer.open_block("li", "li")
    writer.open_block("pre", "pre")
    writer.open_inline("strong")
    writer.text("a")
    writer.checkbox(True)
    writer.image("x.png", "alt")
    writer.line_break()
    writer.text("<b>")

    assert writer.finish() == "<pre><code>a\n&lt;b&gt;</code></pre>"


def test_deep_blocks_are_dissolved_and_said_so() -> None:
    writer = CanonicalWriter()
    for depth in range(MAX_DEPTH * 3):
        writer.open_block("blockquote", "blockquote")
        writer.text(f"w{depth}.")
    html = writer.finish()

    assert writer.too_deep
    assert html.count("<blockquote>") == MAX_DEPTH == html.count("</blockquote>")
    assert all(f"w{depth}." in html for depth in range(MAX_DEPTH * 3))
