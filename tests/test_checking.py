"""The judgement on a window's answer: what passes, what is flagged, in long windows and in very short ones."""

import pytest

from edgedoc.decoding.loop import FinishReason
from edgedoc.documents import rules
from edgedoc.tasks.checking import Flag, Verdict, judge

PARAGRAPH = "<p>The quick brown fox jumps over the lazy dog near the old river.</p>"


def _judge(answer: str, html: str, finish: FinishReason = FinishReason.STOP) -> Verdict:
    return judge(answer, html=html, expected=rules.convert(html), finish=finish)


@pytest.mark.parametrize(
    "html",
    [
        PARAGRAPH,
        "<h1>Price list</h1>",
        "<ol>\n<li>Go</li>\n<li>Stop</li>\n</ol>",
        '<ol start="41">\n<li>Go</li>\n</ol>',
        '<pre><code class="language-python">x = 1</code></pre>',
        '<p><a href="https://example.org/a/b">Read on</a></p>',
        '<p><img src="cat.jpg" alt="A cat"></p>',
        "<p>R&amp;D &lt;b&gt; AT&amp;T</p>",
        "<p>早上六点，老街还没有醒来。</p>",
        "<p>✓ ✗ →</p>",
        "<table>\n<tr><th>A</th></tr>\n<tr><td>1</td></tr>\n</table>",
    ],
)
def test_the_expected_markdown_passes(html: str) -> None:
    assert _judge(rules.convert(html), html) == Verdict(kept=1.0, found=1.0, flags=())


@pytest.mark.parametrize("answer", ["", "  \n "])
def test_an_empty_answer_drops_text(answer: str) -> None:
    assert _judge(answer, PARAGRAPH) == Verdict(kept=0.0, found=1.0, flags=(Flag.DROPPED,))


def test_symbols_are_text_too() -> None:
    assert _judge("", "<p>✓ ✗ →</p>").flags == (Flag.DROPPED,)


@pytest.mark.parametrize(
    ("finish", "flag"),
    [
        (FinishReason.LOOP, Flag.LOOPED),
        (FinishReason.LENGTH, Flag.CUT_OFF),
        (FinishReason.CONTEXT, Flag.CUT_OFF),
    ],
)
def test_an_answer_that_did_not_end_by_itself_is_flagged_however_good(finish: FinishReason, flag: Flag) -> None:
    assert _judge(rules.convert(PARAGRAPH), PARAGRAPH, finish).flags == (flag,)


@pytest.mark.parametrize(
    ("answer", "flags"),
    [
        ("one two three", ()),
        ("**one** two", ()),
        ("one", (Flag.DROPPED,)),
        ("one two three and", ()),
        ("one four five", (Flag.DROPPED, Flag.INVENTED)),
        ("one two three and much more that nobody said", (Flag.INVENTED,)),
    ],
)
def test_three_words(answer: str, flags: tuple[Flag, ...]) -> None:
    assert _judge(answer, "<p>one two three</p>").flags == flags


def test_text_that_the_rules_leave_out_is_not_invented() -> None:
    html = "<nav>\n<p>Home and contact</p>\n</nav>"
    assert _judge("Home and contact", html).flags == ()
    assert _judge("", html) == Verdict(kept=1.0, found=1.0, flags=())


def test_element_names_do_not_vouch_for_invented_words() -> None:
    html = "<p>one</p>\n<p>two</p>\n<p>three</p>\n<p>four</p>"
    assert _judge("one two p p p p", html).found == pytest.approx(1 / 3)
    assert Flag.INVENTED in _judge("one two p p p p", html).flags


def test_repeats_count() -> None:
    assert _judge("fox fox fox fox fox fox", PARAGRAPH).found == pytest.approx(1 / 6)
