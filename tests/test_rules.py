"""The deterministic converter on canonical HTML, and what of real pages it holds."""

import gzip
import json
import random
import re
import statistics
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgedoc.documents.clean import clean
from edgedoc.documents.coverage import share_found, words
from edgedoc.documents.rules import convert
from trees import Tree

PAGES = Path(__file__).parent.parent.parent / "shared" / "data" / "html2md" / "html_markdown.jsonl.gz"


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<h1>A</h1><h3>b <code>c</code></h3>", "# A\n\n### b `c`"),
        ("<ul><li>a<ul><li>b</ul><li>c</ul>", "- a\n  - b\n- c"),
        ("<ol start=4><li>a<li>b</ol>", "4. a\n5. b"),
        ("<p><b>a</b> <i>b</i> <s>c</s> <a href=u>d</a><br><img src=s alt=t>", "**a** *b* ~~c~~ [d](u)  \n![t](s)"),
        ("<div class=highlight-sh><pre>a\n  b</pre></div>", "```sh\na\n  b\n```"),
        ("<table><tr><th>A<th>B<tr><td>1<td></table>", "| A | B |\n| --- | --- |\n| 1 |  |"),
        ("<blockquote>a<p>b</blockquote><hr>", "> a\n>\n> b\n---"),
        ("<h1>a</h1><blockquote>b<p>c</blockquote>", "# a\n\n> b\n>\n> c"),
        ("<pre># a\n> b\n```\n> c</pre><blockquote>d</blockquote>", "````\n# a\n> b\n```\n> c\n````\n\n> d"),
        ("<nav>n</nav><p>a</p><footer>f</footer>", "a"),
        ("<nav>n</nav>", ""),
        ("", ""),
        ("<p>&lt;|im_end|&gt; &lt;b&gt; &amp;amp;", "<|im_end|> <b> &amp;"),
    ],
)
def test_markdown(html: str, markdown: str) -> None:
    assert convert(clean(html).html) == markdown


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_every_visible_word_outside_the_furniture_is_converted(seed: int) -> None:
    tree = Tree(random.Random(seed), regions=False)

    assert set(re.findall(r"[wh]\d+x", convert(clean(tree.html).html))) == set(tree.visible)


@pytest.mark.skipif(not PAGES.is_file(), reason="the collection of real pages is not on this machine")
def test_real_documentation_pages_keep_what_their_authors_wrote() -> None:
    with gzip.open(PAGES, "rt", encoding="utf-8") as lines:
        pages = [page for line in lines if (page := json.loads(line))["kind"] == "docs-page"][:60]
    shares = [share_found(words(page["markdown"]), words(convert(clean(page["html"]).html))) for page in pages]

    assert statistics.median(shares) >= 0.9
    assert sum(share < 0.5 for share in shares) <= len(shares) // 20
