"""Scores of cuts in a text: by hand, and at the edges."""

import pytest

from edgedoc_bench.chunk_scores import block_integrity, boundary_scores, chunk_lengths, paragraphs, size_compliance

TEXT = "# A\n\none\n\ntwo\n\n## B\n\nthree\n\n```\nx\n\ny\n```\n\nfour\n"


def test_the_gold_itself_is_perfect() -> None:
    found = boundary_scores(TEXT, paragraphs(TEXT), [TEXT.index("## B")], [0, TEXT.index("## B")])

    assert found == {
        **{"boundary_similarity": 1, "boundary_f1": 1, "boundary_f1_near": 1, "segment_ratio": 1, "cuts_inside": 0},
        **{"pk": 0, "window_diff": 0},
    }


def test_a_cut_one_paragraph_off_is_near() -> None:
    found = boundary_scores(TEXT, paragraphs(TEXT), [TEXT.index("## B")], [TEXT.index("three")])

    assert (found["boundary_f1"], found["boundary_f1_near"], found["boundary_similarity"]) == (0, 1, 0.5)


def test_cuts_inside_items_and_too_many_of_them() -> None:
    found = boundary_scores(TEXT, paragraphs(TEXT), [TEXT.index("## B")], [TEXT.index("hree"), TEXT.index("four")])

    assert found["cuts_inside"] == 0.5
    assert found["segment_ratio"] == 1.5


def test_a_document_without_a_window_has_no_pk() -> None:
    assert "pk" not in boundary_scores("one", [(0, 3)], [], [])


def test_blocks_are_whole_unless_a_chunk_starts_inside() -> None:
    assert block_integrity(TEXT, [TEXT.index("```"), TEXT.index("four")]) == 1
    assert block_integrity(TEXT, [TEXT.index("y\n")]) == 0
    assert block_integrity("no blocks", [3]) is None


def test_sizes() -> None:
    assert size_compliance([10, 20, 30, 31], 30) == 0.75
    assert size_compliance([2000, 2001]) == 0.5
    assert size_compliance([]) is None
    assert chunk_lengths("0123456789", [4]) == [4, 6]


def test_paragraphs_are_without_the_blanks_around() -> None:
    assert [TEXT[start:end] for start, end in paragraphs(TEXT)][:4] == ["# A", "one", "two", "## B"]
    assert paragraphs(" \n\n") == []


def test_a_cut_outside_the_text_is_no_boundary() -> None:
    found = boundary_scores("one\n\ntwo", [(0, 3), (5, 8)], [5], [5, 99])

    assert found["boundary_f1"] == pytest.approx(1)
