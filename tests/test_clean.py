"""Cleaning: what is kept, what is cut, and that nothing a reader would have seen is lost without a word."""

import random
import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgedoc.documents.canonical import MAX_DEPTH
from edgedoc.documents.clean import clean
from edgedoc.documents.content_model import BLOCKS
from trees import Tree

Slowdown = Callable[[Callable[[int], object], int], float]

_TAG = re.compile(r"<(/?)([a-z0-9]+)[^>]*>")
MARKUP = st.lists(
    st.sampled_from(
        [f"<{name}>" for name in sorted(BLOCKS)]
        + [f"</{name}>" for name in sorted(BLOCKS)]
        + [
            "<div>",
            "</div>",
            "<b>",
            "</b>",
            "<a href=x>",
            "</a>",
            "<code>",
            "</code>",
            "<br>",
            "<hr>",
            "<img src=i alt=j>",
        ]
        + [
            "<input type=checkbox>",
            "<span hidden>",
            "</span>",
            "<!--",
            "-->",
            "<svg/>",
            "<xmp>",
            "</xmp>",
            "<td hidden>",
        ]
        + ["word ", " word", "\n", "&lt;p&gt;", "<", ">", '"', "&amp;lt;", "\x00", "\u200b", "\ud800", "漢字"]
    ),
    max_size=60,
).map("".join)


def balanced(html: str) -> bool:
    """Whether the tags of canonical HTML are, and its blocks start lines and nest no deeper than they may."""
    stack: list[str] = []
    for closing, name in _TAG.findall(html):
        if name in ("br", "hr", "img", "input"):
            continue
        if not closing:
            stack.append(name)
        elif not stack or stack.pop() != name:
            return False
        if sum(tag in BLOCKS for tag in stack) > MAX_DEPTH + 1:
            return False
    starts = BLOCKS | {"hr"}
    return not stack and all(name in starts for name in re.findall(r"^<([a-z][a-z0-9]*)", html, re.MULTILINE))


@pytest.mark.parametrize(
    ("html", "must_include", "must_not_include"),
    [
        ("<title>T</title><p>a<script>s</script>b<style>c</style>", ["<p>ab</p>"], ["T", "s<", "c"]),
        ("<p>a<br>b &lt; c</p>", ["<p>a<br>b &lt; c</p>"], []),
        ("<div>one<div>two</div>three</div>", ["<p>one</p>\n<p>two</p>\n<p>three</p>"], ["div"]),
        (
            "<b>bold</b><i>it</i><s>no</s><kbd>k</kbd>",
            ["<strong>bold</strong><em>it</em><del>no</del><code>k</code>"],
            [],
        ),
        (
            "<a href='/x?a=1&amp;b=2' onclick=f() class=c>l</a>",
            ['<a href="/x?a=1&amp;b=2">l</a>'],
            ["onclick", "class"],
        ),
        ("<a href='javascript:f()'>l</a><a>m</a>", ["<p>lm</p>"], ["<a"]),
        (
            "<img src=p.png alt='a  b' width=3><img src='data:image/png;base64,AAAA' alt=d>",
            ['<img src="p.png" alt="a b">', 'src="#" alt="d"'],
            ["AAAA", "width"],
        ),
        ("<h2>Head<a class=headerlink href=#h>¶</a></h2>", ["<h2>Head</h2>"], ["¶"]),
        ("<div role=navigation>n</div><main><header>h</header></main>", ["<nav>", "<p>h</p>"], ["<header>"]),
        (
            "<ul><li><input type=checkbox checked> a<li><input type=checkbox> b</ul>",
            ['<input type="checkbox" checked> a', '<input type="checkbox"> b'],
            [],
        ),
        ("<pre><code class='language-rust'>fn</code></pre>", ['<pre><code class="language-rust">fn</code></pre>'], []),
        ("<pre>b<code class='language-c'>fn</code></pre>", ['<pre><code class="language-c">bfn</code></pre>'], []),
        ("<div class='highlight-c'><pre><code class='language-rust'>fn</code></pre></div>", ["language-c"], ["rust"]),
        ("<p><code class='language-rust'>fn</code></p>", ["<p><code>fn</code></p>"], ["rust"]),
        ("<div class='highlight-rust'><pre>fn</pre></div>", ['<pre><code class="language-rust">fn</code></pre>'], []),
        ("<pre class=x>  a\n\n  b</pre>", ["<pre><code>  a\n\n  b</code></pre>"], []),
        ("<xmp><b>raw</b></xmp>", ["<pre><code>&lt;b&gt;raw&lt;/b&gt;</code></pre>"], []),
        ("<table><thead><tr><th>A<tbody><tr><td>1</table>", ["<tr><th>A</th></tr>\n<tr><td>1</td></tr>"], ["thead"]),
        ("<details><summary>s</summary>body</details>", ["<p>s</p>", "<p>body</p>"], []),
        ("soft\u00adhy\u200bphen\ufeff\x00", ["<p>softhyphen</p>"], []),
        ("<dl><dt>t<dd>d</dl><ruby>漢<rt>kan</rt></ruby>", ["<p>t</p>", "<p>d</p>", "漢kan"], []),
        ("<svg/>a<svg><title/><text>no</text></svg>b", ["<p>ab</p>"], ["no"]),
        ("<h3><button aria-expanded=false>Shipping</button></h3><button>Buy</button>", ["<h3>Shipping</h3>"], ["Buy"]),
        ("<p>a <template>t</template><select><option>o</select>b", ["<p>a b</p>"], ["t<", "o"]),
    ],
)
def test_what_is_kept(html: str, must_include: list[str], must_not_include: list[str]) -> None:
    cleaned = clean(html)

    assert [text for text in must_include if text not in cleaned.html] == []
    assert [text for text in must_not_include if text in cleaned.html] == []
    assert cleaned.notes == ()


def test_notes_stay_few() -> None:
    html = "".join(f"<div><i-{number} hidden>lost</div>seen" for number in range(2000))

    (note,) = (note for note in clean(html).notes if "never closed" in note)
    assert "<i-0>, <i-1>, <i-2> and others" in note
    assert "8000 characters" in note


@pytest.mark.parametrize("spelling", ["<|im_end|>", "&lt;|im_end|&gt;", "<|im_start|>system", "<|endoftext|>"])
def test_control_tokens_are_text_like_any_other(spelling: str) -> None:
    cleaned = clean(f'<p>a {spelling} b <a href="{spelling}" title="{spelling}">c</a></p>').html

    token = spelling.replace("<", "&lt;").replace(">", "&gt;")
    assert cleaned == f'<p>a {token} b <a href="{token}">c</a></p>'


@settings(max_examples=150, deadline=None)
@given(MARKUP | st.text(max_size=80))
def test_any_string_gives_canonical_html(html: str) -> None:
    cleaned = clean(html)

    assert balanced(cleaned.html), cleaned.html
    assert not re.search(r"<(p|li|ul|ol|strong|em|a|h[1-6])(?: [^>]*)?></\1>", cleaned.html)


@settings(max_examples=150, deadline=None)
@given(MARKUP)
def test_canonical_html_stays_as_it_is(html: str) -> None:
    once = clean(html).html

    assert clean(once).html == once


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_no_visible_word_is_lost_and_no_hidden_one_kept(seed: int) -> None:
    tree = Tree(random.Random(seed))
    found = set(re.findall(r"[wh]\d+x", clean(tree.html).html))

    assert found == set(tree.visible), tree.html


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_sloppy_pages_lose_no_word_without_a_note(seed: int) -> None:
    tree = Tree(random.Random(seed), sloppy=0.5)
    cleaned = clean(tree.html)
    lost = set(tree.visible) - set(re.findall(r"w\d+x", cleaned.html))

    assert not lost or any("never closed" in note for note in cleaned.notes), (lost, tree.html)
    assert balanced(cleaned.html)


@pytest.mark.parametrize("depth", [300, 100_000])
@pytest.mark.parametrize(
    "tags",
    [
        ["<div>"],
        ["<b>", "<i>"],
        ["<ul>", "<li>"],
        ["<table>", "<tr>", "<td>"],
        ["<blockquote>"],
        ["<span>", "<p>"],
        ["<x-y>"],
        ["<pre>"],
        ["<a href=x>"],
    ],
)
def test_words_survive_at_any_depth(tags: list[str], depth: int) -> None:
    rng = random.Random(depth)
    parts = [tags[level % len(tags)] for level in range(depth)]
    marks = {rng.randrange(depth): f"w{number}x" for number in range(20)}
    html = "".join(part + (f" {marks[level]} " if level in marks else "") for level, part in enumerate(parts)) + " end"
    cleaned = clean(html)

    assert set(re.findall(r"w\d+x|end", cleaned.html)) == {*marks.values(), "end"}
    assert balanced(cleaned.html)


GENERATORS: dict[str, Callable[[int], str]] = {
    "nested": lambda n: "<div>" * n + "x" + "</div>" * n,
    "items": lambda n: "<ul><li>" * n + "x",
    "quotes": lambda n: "<blockquote>" * n + "x" + "</blockquote>" * n,
    "formatting": lambda n: "<b><i>x" * n,
    "unmatched": lambda n: "<div>" * n + "</p>" * n,
    "attributes": lambda n: "<a " + " ".join(f"a{i}=1" for i in range(4 * n)) + ">x",
    "comments": lambda n: "<!--" * 8 * n + "text",
    "cdata": lambda n: "<![" * 4 * n + "text",
    "unclosed quotes": lambda n: '<a b="' * (8 * n + 1) + "text",
    "scripts": lambda n: "<script/>" * 4 * n + "<script>" * n + "text",
    "tables": lambda n: "<table><tr><td>" * n + "x",
    "layout tables": lambda n: "<table><tr><td><h1>x" * n,
    "items in divs": lambda n: "<ul><li>" + "<div>" * n + "<li></li>" * n,
    "links": lambda n: "<a href=x>y<p>" * n,
    "no end tags": lambda n: "<p>para<li>item<td>cell" * n,
    "less than": lambda n: "<" * 50 * n,
    "ampersands": lambda n: "&" * 50 * n,
    "code": lambda n: "<pre>" * n + "x\n" * n,
    "spaces": lambda n: "<a " + " " * 50 * n,
    "hidden": lambda n: "<div hidden>" * 2 * n + "x",
    "hidden paragraphs": lambda n: "<p hidden>x<div>" * n,
    "names": lambda n: "".join(f"<x-{i} hidden>t" for i in range(2 * n)),
    "half tables": lambda n: "<table><tr>" + "<td>a<b>c" * n,
}


@pytest.mark.parametrize("name", GENERATORS)
def test_time_grows_with_length_and_not_faster(name: str, slowdown: Slowdown) -> None:
    pages = {size: GENERATORS[name](size) for size in (600, 2400)}

    assert slowdown(lambda size: clean(pages[size]), 600) < 10
