"""The event stream of HTML: what is a tag, what is text, and that nothing unclosed swallows the page."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgedoc.documents.markup import RAW_TEXT, End, Event, Lost, Start, Text, events


def merged(html: str) -> list[Event]:
    """The events of `html`; neighbouring texts are one, since where text is cut says nothing."""
    found: list[Event] = []
    for event in events(html):
        if isinstance(event, Text) and found and isinstance(found[-1], Text):
            found[-1] = Text(found[-1].text + event.text)
        else:
            found.append(event)
    return found


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("a<b>c</b>", [Text("a"), Start("b", {}), Text("c"), End("b")]),
        ("<A HREF='x' Title=\"y&amp;z\" q=1 e>", [Start("a", {"href": "x", "title": "y&z", "q": "1", "e": ""})]),
        ("<a x=1 x=2>", [Start("a", {"x": "1"})]),
        ("<br/>", [Start("br", {}, True)]),
        ("<svg width='1' />", [Start("svg", {"width": "1"}, True)]),
        ("<a href=x/>", [Start("a", {"href": "x/"})]),
        ("<a b='>'>c", [Start("a", {"b": ">"}), Text("c")]),
        ("a &lt; b &amp;&nbsp;c &unknown; &#65;", [Text("a < b &\xa0c &unknown; A")]),
        ("<!doctype html><!-- x -->y<?php z ?>", [Text("y")]),
        ("<!-->a<!--->b<!-- c --!>d<!-- e -->", [Text("abd")]),
        ("1 < 2 <3 a<", [Text("1 < 2 <3 a<")]),
        ("<script>if (a<b) '</p>'</script>c", [Start("script", {}), End("script"), Text("c")]),
        ("<script>'</scripture>'</script\n>c", [Start("script", {}), End("script"), Text("c")]),
        ("<script src='x'/>a", [Start("script", {"src": "x"}, True), Text("a")]),
        ("<xmp>a<b>&lt;</xmp>c", [Start("xmp", {}), Text("a<b>&lt;"), End("xmp"), Text("c")]),
        ("<plaintext>a<b>", [Start("plaintext", {}), Text("a<b>")]),
        ("<STYLE>p{}</Style>a", [Start("style", {}), End("style"), Text("a")]),
        ("<script>abc", [Start("script", {}), Lost("script", 3)]),
    ],
)
def test_events(html: str, expected: list[Event]) -> None:
    assert merged(html) == expected


@pytest.mark.parametrize(
    "unclosed", ["<!-- ", "<!doctype ", "</p ", "<?", "<![CDATA[", "<a href=", '<a b="', "<a b='x", "<"]
)
def test_unclosed_markup_keeps_the_text_behind_it(unclosed: str) -> None:
    text = "".join(event.text for event in events(f"before {unclosed}behind") if isinstance(event, Text))

    assert text.startswith("before ")
    assert "behind" in text


@pytest.mark.parametrize("name", sorted(RAW_TEXT - {"plaintext"}))
def test_markup_in_raw_text_is_no_markup(name: str) -> None:
    found = merged(f"<{name}><b>x</b><!-- </{name}>after")

    assert Start("b", {}) not in found
    assert found[-1] == Text("after")


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([*"<>/!-='\" \nab&;?", "<a", "<script", "</script>", "<!--", "-->", "<p>", "&lt;"])).map(
        "".join
    )
)
def test_any_string_has_events_and_names_are_lower_case(html: str) -> None:
    for event in events(html):
        if isinstance(event, Start | End):
            assert event.name == event.name.lower()
            assert event.name[0].isalpha()


@given(st.text(alphabet=st.characters(exclude_characters="<&", exclude_categories=["Cs"])))
def test_text_without_markup_is_text(text: str) -> None:
    assert merged(text) == ([Text(text)] if text else [])
