"""The rendered tree: two dialects of one document are one tree, and nothing a model may write breaks it."""

import pytest

from edgedoc_bench.markdown_tree import Item, render, same_target

pytest.importorskip("markdown_it")


def test_structure_by_hand() -> None:
    found = render(
        "# A *b*\n\none [x y](/c#d)\n\n- p\n  - q\n\n```py\nx = 1\n\ny\n```\n\n| a | b |\n|---|---|\n| 1 | **2** |\n"
    )

    assert found.headings == ((1, "A b"),)
    assert found.links == (("x y", "/c#d"),)
    assert found.items == (Item(1, "p"), Item(2, "q"))
    assert found.code == ("x = 1\n\ny",)
    assert found.tables == ((("a", "b"), ("1", "2")),)
    assert found.text.splitlines()[:3] == ["A b", "one x y", "p"]


def test_dialects_render_alike() -> None:
    one = render("Title\n=====\n\n* a\n* b\n\n__bold__ [l][1]\n\n    code\n\n[1]: /x\n")
    other = render("# Title\n\n- a\n- b\n\n**bold** [l](/x)\n\n```\ncode\n```\n")

    assert one == other


def test_html_within_markdown_is_what_it_stands_for() -> None:
    found = render('<table><tr><td>a<td>b</table>\n\n<a href="/x">y</a> line<br>two\nthree\n')

    assert found.tables == ((("a", "b"),),)
    assert found.links == (("y", "/x"),)
    assert found.text.splitlines()[-2:] == ["y line", "two three"]


def test_scripts_and_comments_are_not_text() -> None:
    assert render("<script>alert(1)</script>\n\n<!-- no -->\n\nyes\n").text == "yes"


@pytest.mark.parametrize(
    "text",
    ["", " \n", "\x00\x0b\ud800", "<", "</body></html>", "<frameset>", "> " * 500 + "x", "- " * 200 + "x", "[" * 2000],
)
def test_nothing_a_model_writes_breaks_it(text: str) -> None:
    render(text)


def test_text_behind_a_closing_tag_is_kept() -> None:
    assert "after" in render("</body>\n\nafter").text


def test_same_target() -> None:
    assert same_target("a%20b/#c") == same_target("a b") == "a b"
    assert same_target("#c") == "#c"
    assert same_target("/") == "/"
