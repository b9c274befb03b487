"""Windows: every word in exactly one, none much over the budget, each readable alone, the page whole when joined."""

import random
import re
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgedoc.documents import rules
from edgedoc.documents.clean import clean
from edgedoc.documents.coverage import words
from edgedoc.documents.windows import Join, Window, join_markdown, windows
from trees import Tree

Slowdown = Callable[[Callable[[int], object], int], float]

_TAG = re.compile(r"<(/?)([a-z0-9]+)[^>]*>")
_VOID = {"br", "hr", "img", "input"}


def count(text: str) -> int:
    """Tokens: every word, every other character; long words are several."""
    return sum(len(token) // 8 + 1 for token in re.findall(r"\w+|\W", text))


def cut(html: str, budget: int) -> tuple[str, list[Window], str]:
    """Canonical HTML, its windows, and their Markdown by rules, joined."""
    cleaned = clean(html).html
    parts = windows(cleaned, budget, count)
    return cleaned, parts, join_markdown(parts, [rules.convert(window.html) for window in parts])


def text_words(html: str) -> Counter[str]:
    """The words of the text of canonical HTML."""
    return words(_TAG.sub(" ", html))


def balanced(html: str) -> bool:
    stack: list[str] = []
    for closing, name in _TAG.findall(html):
        if name not in _VOID and not closing:
            stack.append(name)
        elif name not in _VOID and (not stack or stack.pop() != name):
            return False
    return not stack


def numbered(many: int, start: int = 0) -> str:
    return " ".join(f"w{number}" for number in range(start, start + many))


def nested(tag: str, depth: int) -> str:
    return "".join(f"<{tag}><li>level{level} " + numbered(30, 100 * level) for level in range(depth))


def rows(cells: Callable[[int], list[str]], many: int, head: str = "") -> str:
    return f"<table>{head}" + "".join("<tr><td>" + "<td>".join(cells(row)) for row in range(many)) + "</table><p>end"


PAGES = {
    "one word of 50 KB": "<p>" + "abcdefghij" * 5000,
    "unspaced text": "<p>" + "漢字仮名交じり文、" * 1000,
    "entities without a space": "<p>" + "a&lt;b&amp;c" * 1000,
    "5,000 rows": rows(lambda row: [f"r{row}", f"v{row}"], 5000, "<tr><th>Key<th>Value"),
    "rows without a header": rows(lambda row: [f"r{row}", f"v{row}"], 500),
    "40 columns": rows(
        lambda row: [f"c{row}x{i} <b>b{i}</b>" for i in range(40)],
        5,
        "<tr><th>" + "<th>".join(f"H{i}" for i in range(40)),
    ),
    "a cell over the budget": rows(lambda row: [f"a{row}", numbered(300, 1000 * row)], 3, "<tr><th>H<th>I"),
    "3,000 lines": "<pre>" + "\n".join(f"line {i} = {i * 7}" for i in range(3000)) + "</pre>",
    "lines with blank ones": "<pre>" + "\n\n\n".join(f"  line {i}" for i in range(300)) + "</pre><p>end",
    "one long line": "<pre>" + numbered(2000) + "</pre>",
    "code without a space": "<pre>" + "0123456789" * 1000 + "</pre>",
    "code with fences": "<pre>" + "\n".join(f"{'`' * (i % 6)}line {i}" for i in range(200)) + "</pre><p>end",
    "code in an item": "<ul><li>item<pre>" + "\n".join(f"line {i}" for i in range(300)) + "</pre><li>next</ul>",
    "code in a quote": "<blockquote><pre>" + "\n".join(f"line {i}" for i in range(300)) + "</pre>next</blockquote>",
    "bullets 10 deep": nested("ul", 10),
    "numbers 10 deep": nested("ol", 10),
    "items": "<ol start=7>" + "".join(f"<li>item {i}<ul><li>one<li>two {i}</ul>" for i in range(100)) + "</ol>",
    "an item over the budget": f"<ol><li>one<li>{numbered(500)}<li>three</ol><p>end",
    "a heading over the budget": f"<h2>{numbered(500)}</h2><p>end",
    "a quote": "<blockquote>" + "".join(f"<p>paragraph {i} of some words" for i in range(60)) + "</blockquote>",
    "a quote over the budget": f"<blockquote><p>{numbered(500)}</blockquote><p>end",
    "furniture": f"<nav><ul>{'<li><a href=x>n</a>' * 200}</ul></nav><footer>{numbered(500)}</footer><p>end",
    "line breaks": "<p>" + "<br>".join(f"verse {i} of a poem" for i in range(200)),
    "links and images": "<p>"
    + " ".join(f"<a href=u{i}>link {i} here</a> <img src=s{i} alt='pic {i}'>" for i in range(200)),
    "formatting": f"<p>a <b>bold {numbered(300)} <i>both {numbered(300)}</i> bold</b> plain",
}  # fmt: skip


@pytest.mark.parametrize("budget", [90, 400])
@pytest.mark.parametrize("page", PAGES)
def test_every_word_is_in_one_window_and_the_joined_markdown_is_the_page(page: str, budget: int) -> None:
    html, parts, joined = cut(PAGES[page], budget)
    whole = rules.convert(html)
    header = max((count(row) for row in re.findall(r"<tr><th>.*?</tr>", html)), default=0)
    allowance = min(header, budget // 2) + max((window.html.count("\n") for window in parts), default=0) + 20

    assert words(joined) == words(whole)
    if not any(
        window.repeats_header or (window.glue == "" and window.join in (Join.WORD, Join.CODE)) for window in parts
    ):
        assert sum((text_words(window.html) for window in parts), Counter()) == text_words(html)
    assert max(count(window.html) for window in parts) <= budget + allowance
    assert all(balanced(window.html) for window in parts)


EXACT = [
    "one word of 50 KB", "unspaced text", "5,000 rows", "rows without a header", "3,000 lines", "lines with blank ones",
    "code without a space", "code with fences", "code in a quote", "an item over the budget",
    "a heading over the budget", "a quote", "a quote over the budget", "line breaks", "links and images",
]  # fmt: skip


@pytest.mark.parametrize("page", EXACT)
def test_joined_markdown_is_that_of_the_whole_page_to_the_letter(page: str) -> None:
    html, parts, joined = cut(PAGES[page], 90)

    assert len(parts) > 3
    assert joined == rules.convert(html)


def test_a_page_that_fits_is_one_window_and_an_empty_one_none() -> None:
    html = clean("<h1>a</h1><ul><li>b<li>c</ul><pre>d\ne</pre>").html

    assert windows(html, 1000, count) == [Window(html=html)]
    assert windows("", 1000, count) == []
    assert join_markdown([], []) == ""


def test_windows_reopen_what_they_were_cut_out_of() -> None:
    items = "".join(f"<li>item number {number}</li>" for number in range(3, 20))
    parts = windows(clean(f"<nav><ol start=3>{items}</ol></nav>").html, 60, count)

    assert [window.html.split("\n")[:2] for window in parts[:1]] == [["<nav>", '<ol start="3">']]
    starts = [re.match(r'<nav>\n<ol start="(\d+)">\n<li>item number (\d+)', window.html) for window in parts]
    assert all(start is not None and start[1] == start[2] for start in starts)
    assert all(window.html.endswith("</ol></nav>") for window in parts)
    assert [window.join for window in parts] == [Join.BLOCK] + [Join.ITEM] * (len(parts) - 1)


def test_header_rows_are_repeated_unless_they_are_most_of_a_window() -> None:
    narrow = windows(clean(rows(lambda row: [f"r{row}", "v"], 50, "<tr><th>Key<th>Value")).html, 120, count)
    wide = windows(clean(rows(lambda row: [f"r{row}", "v"], 50, f"<tr><th>{numbered(35)}<th>Value")).html, 120, count)

    assert all("<th>Key</th>" in window.html for window in narrow if "<tr>" in window.html)
    assert [window.repeats_header for window in narrow[:-1]] == [False] + [True] * (len(narrow) - 2)
    assert sum("<th>Value</th>" in window.html for window in wide) == 1


def test_cuts_fall_on_shallow_boundaries() -> None:
    section = "<h2>Head</h2><p>one two three four five</p><ul>" + "<li>six seven" * 4 + "</ul>"
    parts = windows(clean(section * 4).html, 150, count)

    assert len(parts) > 1
    assert all(window.html.startswith(("<h2>", "<p>", "<ul>\n<li>six seven</li>\n<li>")) for window in parts)
    assert all(window.join is Join.BLOCK for window in parts)


def test_a_link_is_not_cut_where_the_cut_can_come_before_it() -> None:
    parts = windows(clean(f'<p>{numbered(40)} <a href="/target">some words of a link</a> end').html, 100, count)

    assert [window.html.count("<a ") for window in parts] == [window.html.count("</a>") for window in parts]
    assert '<a href="/target">some words of a link</a>' in "".join(window.html for window in parts)


def test_a_link_target_larger_than_half_a_window_goes_and_its_text_stays() -> None:
    address, picture = "/a?" + "x=1&" * 500, "data" * 500
    page = f'<p>before <a href="{address}">link text</a> <img src="{picture}.png" alt="the alt"> after'
    text = " ".join(window.html for window in windows(clean(page).html, 90, count))

    assert "x=1" not in text
    assert picture not in text
    assert text_words(text) == words("before link text the alt after")


def test_empty_parts_leave_no_trace() -> None:
    parts = windows(clean("<p>a</p>" * 3).html, 8, count)
    assert len(parts) == 3

    assert join_markdown(parts, ["a", "\n", "c\n"]) == "a\n\nc"
    assert join_markdown(parts, ["", "b", ""]) == "b"


def test_parts_that_are_not_what_their_window_asked_for_are_kept() -> None:
    code = [Window(html="", join=Join.BLOCK), Window(html="", join=Join.CODE, glue="\n")]

    assert join_markdown(code, ["```py\na\n```", "no fence"]) == "```py\na\n```\n\nno fence"
    assert join_markdown(code, ["no fence", "```\nb\n```"]) == "no fence\n\n```\nb\n```"
    assert join_markdown(code, ["```py\na\n```", "````\n```\n````"]) == "````py\na\n```\n````"
    assert join_markdown([Window(html="", join=Join.WORD, glue=" ")], ["first"]) == "first"


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([100, 150, 250]))
def test_any_page_is_whole_in_its_windows(seed: int, budget: int) -> None:
    html, parts, joined = cut(Tree(random.Random(seed), size=80).html, budget)
    marks = re.findall(r"w\d+x", html)

    assert words(joined) == words(rules.convert(html))
    assert sorted(re.findall(r"w\d+x", "".join(window.html for window in parts))) == sorted(marks)
    assert all(balanced(window.html) for window in parts)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.integers(-5, 40))
def test_no_budget_is_too_small(seed: int, budget: int) -> None:
    html, parts, _ = cut(Tree(random.Random(seed)).html, budget)

    found = "".join(re.findall(r"\w", _TAG.sub("", "".join(window.html for window in parts))))
    assert all(mark in found for mark in re.findall(r"w\d+x", html))


@pytest.mark.parametrize("page", ["word", "words", "lines", "rows", "cells", "items", "paragraphs", "nested"])
def test_time_grows_with_length_and_not_faster(page: str, slowdown: Slowdown) -> None:
    make: dict[str, Callable[[int], str]] = {
        "word": lambda n: "<p>" + "abcdefghij" * n,
        "words": lambda n: "<p>" + "word <b>bold</b> " * n,
        "lines": lambda n: "<pre>" + "line of code\n" * n,
        "rows": lambda n: "<table><tr><th>a<th>b" + "<tr><td>a<td>b" * n,
        "cells": lambda n: "<table><tr>" + "<td>cell" * n,
        "items": lambda n: "<ul>" + "<li>an item" * n,
        "paragraphs": lambda n: "<p>some words" * n,
        "nested": lambda n: "<ul><li>item" * n,
    }
    cleaned = {size: clean(make[page](size)).html for size in (500, 2000)}

    def work(size: int) -> str:
        parts = windows(cleaned[size], 200, count)
        return join_markdown(parts, [window.html for window in parts])

    assert slowdown(work, 500) < 10
