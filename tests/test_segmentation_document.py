"""Cuts in a text become boundaries between items, whatever is between the items."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedoc.errors import DocumentError
from edgedoc_bench.segmentation_document import Document, Layout

DOCUMENT = Document(
    id="x",
    items=("aaaa", "bbbb", "aaaa"),
    boundaries=(0, 2),
    titles=None,
    unit="paragraph",
    joiner="\n\n",
    markdown="# T\n\naaaa\n\n## S\n\nbbbb\n\naaaa\n",
    level=2,
)
# aaaa..bbbb..aaaa: items at 0, 6 and 12.
STRIPPED = Layout.stripped(DOCUMENT)


@pytest.mark.parametrize(
    ("cuts", "boundaries", "inside"),
    [
        ([6], {0}, 0),
        ([4], {0}, 0),
        ([5, 12], {0, 1}, 0),
        ([7], {0}, 1),
        ([8], {0}, 1),
        ([9], {1}, 1),
        ([1], set(), 1),
        ([3], {0}, 1),
        ([13], {1}, 1),
        ([15], set(), 1),
        ([0, 16], set(), 0),
        ([4, 5, 6], {0}, 0),
        ([], set(), 0),
    ],
)
def test_cuts_go_to_the_nearest_edge(cuts: list[int], boundaries: set[int], inside: int) -> None:
    assert STRIPPED.boundaries(cuts) == (frozenset(boundaries), inside)


def test_a_cut_before_a_heading_or_behind_it_is_the_same_boundary() -> None:
    kept = Layout.kept(DOCUMENT)

    assert [kept.text[start:end] for start, end in kept.spans] == list(DOCUMENT.items)
    heading, body = kept.text.index("## S"), kept.text.index("bbbb")
    assert (
        kept.boundaries([heading]) == kept.boundaries([body]) == kept.boundaries([heading, body]) == (frozenset({0}), 0)
    )
    assert kept.boundaries([kept.text.index("aaaa")]) == (frozenset(), 0)


def test_markdown_that_lacks_an_item_is_named() -> None:
    with pytest.raises(DocumentError, match="lacks 'bbbb'"):
        Layout.kept(replace(DOCUMENT, markdown="aaaa\n\naaaa"))
    with pytest.raises(DocumentError, match="without Markdown"):
        Layout.kept(replace(DOCUMENT, markdown=None))


@given(st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=8), st.data())
def test_cuts_at_the_true_starts_give_the_true_boundaries(items: list[str], data: st.DataObject) -> None:
    inner = data.draw(st.sets(st.integers(0, len(items) - 1))) | {len(items) - 1}
    one = replace(DOCUMENT, items=tuple(items), boundaries=tuple(sorted(inner)), markdown=None)
    layout = Layout.stripped(one)
    starts = [layout.spans[boundary + 1][0] for boundary in one.boundaries[:-1]]

    assert layout.boundaries(starts) == (frozenset(one.boundaries[:-1]), 0)
    assert one.joiner.join(one.segments()) == layout.text
