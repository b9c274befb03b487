"""What of a page counts as hidden, how far an element reaches that is never closed, and what is told of it."""

import pytest

from edgedoc.documents.clean import clean


@pytest.mark.parametrize(
    "start",
    [
        "<pre class='line-numbers language-css'>",
        "<div class='language-js line-numbers-mode'>",
        "<div class='show-line-numbers'>",
        "<div style='-webkit-backface-visibility: hidden'>",
        "<div style='--x-display: none'>",
        "<div hidden=until-found>",
        "<div class=no-gutters>",
        "<body hidden>",
    ],
)
def test_what_only_looks_hidden_is_kept(start: str) -> None:
    assert "seen" in clean(f"{start}seen").html


@pytest.mark.parametrize(
    "element",
    [
        "<div hidden>no</div>",
        "<p aria-hidden=TRUE>no</p>",
        "<i style='DISPLAY:NONE'>no</i>",
        "<p style='color:red;visibility : hidden'>no</p>",
        "<td class=gutter>no</td>",
        "<td class='rouge-gutter gl'>no</td>",
        "<span class=linenos>no</span>",
        "<pre class=lineno>no</pre>",
        "<div hidden><div>no</div>no</div>",
        "<ul hidden><li>no<li>no</ul>",
        "<svg><foreignObject><p>no</p></foreignObject></svg>",
        "<object><div>no</div></object>",
    ],
)
def test_what_is_hidden_is_cut(element: str) -> None:
    cleaned = clean(f"<p>before the element and</p>{element}<p>after</p>")

    assert "no" not in cleaned.html
    assert "before" in cleaned.html
    assert "after" in cleaned.html


@pytest.mark.parametrize(
    ("html", "told"),
    [
        ("<p hidden>no<p>yes</p>", False),
        ("<ul><li hidden>no<ul><li>no</ul><li>yes</ul>", False),
        ("<table><tr><td hidden>no<td>yes</table>", False),
        ("<table><tr hidden><td>no<tr><td>yes</table>", False),
        ("<table><tr><td hidden>no</table>yes", False),
        ("<dl><dt hidden>no<dd>yes</dl>", False),
        ("<div><span hidden>no</div>yes", True),
        ("<section><div hidden><b>no</b></section>yes", True),
        ("<p>a<svg><path><p>yes", False),
        ("<div hidden>no<p>no", True),
        ("<div><template>no</div>no", True),
        ("yes<script>no", True),
    ],
)
def test_an_element_that_is_never_closed_hides_no_more_than_in_a_browser(html: str, told: bool) -> None:
    cleaned = clean(html)

    assert "no" not in cleaned.html
    assert "yes" in cleaned.html or "yes" not in html
    assert ("never closed" in " ".join(cleaned.notes)) is told


def test_a_page_that_is_mostly_hidden_is_told() -> None:
    cleaned = clean("<p hidden>forty characters of text that is not shown</p><p>shown</p>")

    assert cleaned.html == "<p>shown</p>"
    assert cleaned.notes == ("42 characters marked as hidden were not read; 5 are shown",)


@pytest.mark.parametrize(
    "start", ['<div hidden id="S:1">', '<div id="root" aria-hidden="true">', '<div style="display:none">']
)
def test_a_page_that_shows_next_to_nothing_is_read_whole(start: str) -> None:
    article = "<p>An article of many words.</p>" * 20
    cleaned = clean(
        f"<body><p>Loading</p>{start}{article}<td class=gutter>1 2 3</td></div><script>move('S:1')</script>"
    )

    assert cleaned.html.count("An article of many words.") == 20
    assert "1 2 3" not in cleaned.html
    assert "marked as hidden was read too" in cleaned.notes[0]
