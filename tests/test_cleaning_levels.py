"""Levels of cleaning: what each cuts, that it is told, and that a higher one only leaves out what a lower one shows."""

import hashlib
import importlib.resources
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgedoc.documents import rules
from edgedoc.documents.attributes import LONGEST
from edgedoc.documents.clean import clean
from edgedoc.documents.cleaning import Cleaning
from edgedoc.documents.coverage import words
from edgedoc.documents.windows import windows
from edgedoc.engines.scripted import ScriptedEngine
from edgedoc.recipes import load_recipe
from edgedoc.tasks.reader import Reader
from edgedoc.tokens import Prompt, Tokenizer
from trees import Tree

Slowdown = Callable[[Callable[[int], object], int], float]

MARKUP, ATTRIBUTES, FURNITURE = Cleaning.MARKUP, Cleaning.ATTRIBUTES, Cleaning.FURNITURE
TEXT = "<p>" + "the text of the page " * 20
MARK = re.compile(r"[wh]\d+x")


def shown(html: str, level: Cleaning) -> list[str]:
    """The marked words that stay at a level, in order."""
    return MARK.findall(clean(html, level).html)


def in_order(some: list[str], all_: list[str]) -> bool:
    """Whether `some` is `all_` with words left out."""
    rest: Iterator[str] = iter(all_)
    return all(word in rest for word in some)


def test_the_default_is_what_the_bundled_reader_was_trained_on() -> None:
    samples = importlib.resources.files("edgedoc_models") / "samples"
    pages = [
        samples.joinpath(name).read_text("utf-8") for name in ("article.html", "chinese.html", "documentation.html")
    ]
    pages += [Tree(random.Random(seed), sloppy=seed % 3 / 4).html for seed in range(300)]
    digest = hashlib.sha256()
    for page in pages:
        assert clean(page) == clean(page, ATTRIBUTES)
        digest.update("\n".join([clean(page).html, *clean(page).notes]).encode())

    # As of the commit before there were levels.
    assert digest.hexdigest() == "d1ac1add55042575d249c80a2182f4f1570cb7158c767ade460fc60cbd8693b4"


@pytest.mark.parametrize(
    ("html", "markup", "attributes"),
    [
        ("<!-- h1x --><style>h2x</style><script>h3x</script><p>w1x", "w1x", "w1x"),
        ("<p>w1x<template>h1x</template><svg><text>h2x</svg><object>h3x</object>", "w1x", "w1x"),
        ("<p hidden>w1x</p><p style='display:none'>w2x</p>w3x", "w1x w2x w3x", "w3x"),
        ("<p class=w1x title=w2x onclick=h1x>w3x", "w1x w2x w3x", "w3x"),
        ("<button>w1x</button><select><option>w2x<option>w3x</select> w4x", "w1x w2x w3x w4x", "w4x"),
        ("<p><span class=lineno>w1x</span> w2x <a href=x title=w3x>#</a>", "w1x w2x w3x", "w2x"),
    ],
)
def test_what_the_lower_levels_keep(html: str, markup: str, attributes: str) -> None:
    assert shown(html + TEXT, MARKUP) == markup.split()
    assert "xw" not in clean(html, MARKUP).html
    assert shown(html + TEXT, ATTRIBUTES) == shown(html + TEXT, FURNITURE) == attributes.split()


@pytest.mark.parametrize(
    ("html", "left"),
    [
        ("<nav>w1x</nav><header>w2x</header>w3x<aside>w4x</aside><footer>w5x</footer>", "w3x"),
        ("<main><header>w1x</header><aside>w2x</aside><nav>w3x</nav><footer>w4x</footer></main>", "w1x w2x"),
        ("<div role=navigation>w1x</div><div role=dialog>w2x</div><body role=banner>w3x", "w3x"),
        ("<div class='site-menu'>w1x</div><p id=cookieBanner>w2x</p><ul class=pagination2><li>w3x</ul>", ""),
        ("<div class='page-sidebar'>w1x</div><div class='VPDoc has-sidebar'>w2x</div>", "w1x w2x"),
        ("<div class=x--nav>w1x</div><div class='ad269af0 c-9ad gradient'>w2x</div>", "w1x w2x"),
        ("<div id=sharing-on-social-media>w1x</div><div id=social-media>w2x</div>", "w1x"),
        ("<div id=share>w1x</div><span class=menu>w2x</span> <article class=related>w3x", "w2x w3x"),
    ],
)
def test_what_is_left_without_furniture(html: str, left: str) -> None:
    every = re.findall(r"w\d+x", html)

    assert shown(html + TEXT, MARKUP) == shown(html + TEXT, ATTRIBUTES) == every
    assert shown(html + TEXT, FURNITURE) == left.split()


def test_attributes_that_stay_are_escaped_and_bounded_and_no_handlers() -> None:
    page = f"<p class='a\"b>c\nd' onload=f() 1 data-x={'y' * LONGEST} id=e><b lang=de>t</b><table><td width=3>u"

    paragraph, table = clean(page, MARKUP).html.split("\n", 1)
    assert paragraph == '<p class="a&quot;b&gt;c d" id="e"><strong lang="de">t</strong></p>'
    assert "<td>u</td>" in table
    half = "y" * (LONGEST // 2)
    assert re.findall(r" (\w)=", clean(f"<p a={half} b={half} c=1>t", MARKUP).html) == ["a", "c"]


def test_what_stands_around_furniture_stays_apart() -> None:
    page = f"one<div class=share>x</div>two<table><tr><td>three<td><nav>y</nav><td>four</table>{TEXT}"

    assert clean(page, FURNITURE).html.startswith("<p>one</p>\n<p>two</p>\n<p>three</p>\n<p>four</p>")


def test_furniture_that_is_cut_is_counted_and_named() -> None:
    cleaned = clean(
        f"<nav>four</nav>{TEXT}<div class=sidebar>seven77<i>two</i></div><footer>ten1234567</footer>", FURNITURE
    )

    assert cleaned.notes == ("24 characters of furniture were not read: <nav>, sidebar, <footer>",)
    assert clean(TEXT + "<nav></nav>", FURNITURE).notes == ()


@pytest.mark.parametrize(
    "page",
    [
        f"<div class=menu>{TEXT}</div>",
        f"<nav>{TEXT}</nav><p>a few words",
        f"{TEXT}<nav>w1x <main>w2x",
        f"{TEXT}<div><aside>w1x</div><p>w2x",
        f"{TEXT}<nav>w1x<script>w2x",
    ],
)
def test_where_furniture_may_be_the_text_none_is_cut(page: str) -> None:
    assert clean(page, FURNITURE) == clean(page, ATTRIBUTES)


def test_hidden_parts_stay_hidden_when_furniture_is_most_of_what_is_shown() -> None:
    page = f"<nav>{TEXT}{TEXT}</nav>{TEXT}<p hidden>{'h1x ' * 2000}</p>"

    assert shown(page, FURNITURE) == shown(page, ATTRIBUTES) == []


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_a_level_leaves_out_words_of_the_one_below_and_moves_none(seed: int) -> None:
    tree = Tree(random.Random(seed))
    page = f"{tree.html}<main>{TEXT}</main>"
    markup, attributes, furniture = (shown(page, level) for level in Cleaning)

    assert set(tree.visible) <= set(markup)
    assert [word for word in attributes if word.startswith("w")] == attributes
    assert set(attributes) == set(tree.visible)
    assert in_order(attributes, markup)
    assert in_order(furniture, attributes)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(list(Cleaning)))
def test_sloppy_pages_lose_no_word_without_a_note(seed: int, level: Cleaning) -> None:
    tree = Tree(random.Random(seed), sloppy=0.5)
    page = TEXT + tree.html
    lost = set(tree.visible) - set(shown(page, level))

    assert not lost or any("never closed" in note or "furniture" in note for note in clean(page, level).notes)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_without_furniture_nothing_is_cut(seed: int) -> None:
    page = Tree(random.Random(seed), regions=False).html + TEXT

    assert clean(page, FURNITURE) == clean(page, ATTRIBUTES)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(list(Cleaning)), st.sampled_from([100, 200]))
def test_every_level_is_canonical_and_whole_in_its_windows(seed: int, level: Cleaning, budget: int) -> None:
    once = clean(
        Tree(random.Random(seed), size=60).html.replace("<p>", '<p class="a b" title="<q>">') + TEXT, level
    ).html
    parts = windows(once, budget, lambda text: len(text.split()) * 2)

    assert clean(once, MARKUP).html == once
    assert sorted(MARK.findall("".join(part.html for part in parts))) == sorted(MARK.findall(once))
    assert words(rules.convert(once)).keys() >= words("the text of the page").keys()


@pytest.mark.parametrize("level", Cleaning)
def test_a_reader_cleans_at_its_level(tokenizer_file: Path, level: Cleaning) -> None:
    page = f"<nav>Home</nav><p class=a>{'the brown fox went home ' * 12}"
    recipe, tokenizer = load_recipe("nano-reader"), Tokenizer.from_file(tokenizer_file)
    stop = tokenizer.added["<|im_end|>"]
    engine = ScriptedEngine(lambda _: stop, vocab_size=tokenizer.vocab_size, context_length=2048)
    reader = Reader(recipe, tokenizer, engine, cleaning=level)
    ((prompt, _),) = reader.answers(page)

    assert prompt == Prompt(recipe, tokenizer).render(clean(page, level).html)
    assert any("furniture" in note for note in reader.convert(page).notes) == (level is FURNITURE)


@pytest.mark.parametrize("level", [MARKUP, FURNITURE])
@pytest.mark.parametrize(
    "page",
    [
        lambda n: "<nav>" * n + "x",
        lambda n: "<nav>x</nav>" * n,
        lambda n: "<aside><div>" * n + "x</aside>" * n,
        lambda n: f"<div class='{'a-b ' * n}'>" + "x" * 300,
        lambda n: f"<div class={'aB' * n} id={'menu-' * n}>" + "x" * 300,
        lambda n: "<p " + " ".join(f"a{i}='{'v' * 9}'" for i in range(n)) + ">x",
        lambda n: "<b title=t>" * n + "x",
        lambda n: f"<p class='{'--' * n}'>" + "x" * 300,
    ],
)
def test_hostile_pages_take_linear_time(page: Callable[[int], str], level: Cleaning, slowdown: Slowdown) -> None:
    pages = {size: page(size) for size in (1500, 6000)}

    assert slowdown(lambda size: clean(pages[size], level), 1500) < 10
