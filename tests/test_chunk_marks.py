"""Scoring by marks: a model trained to say where a block ends whether it opened a section, on a scripted engine."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from edgedoc.engines.scripted import ScriptedEngine
from edgedoc.errors import ArtifactError
from edgedoc.recipes import Finest, Method, Recipe, load_recipe
from edgedoc.tasks.chunker import Chunker
from edgedoc.tokens import Tokenizer

TEXT = """# Animals

Dogs bark. They are loyal.

Cats purr. They sleep all day.

## Machines

Engines hum. They need oil.
"""
MARKS = ("<|im_start|>", "<|im_end|>")


@pytest.fixture
def tokenizer(tokenizer_file: Path) -> Tokenizer:
    return Tokenizer.from_file(tokenizer_file)


class Judge(ScriptedEngine):
    """After every token: whether the text so far ends with a block that starts with one of `starts`."""

    def __init__(self, tokenizer: Tokenizer, starts: Sequence[str], context_length: int) -> None:
        yes, no = (tokenizer.added[mark] for mark in MARKS)

        def next_token(fed: Sequence[int]) -> int:
            block = tokenizer.decode(list(fed)).rstrip("\n").rpartition("\n\n")[2]
            return yes if block.startswith(tuple(starts)) else no

        super().__init__(next_token, vocab_size=tokenizer.vocab_size, context_length=context_length)


def marked(*, marks: tuple[str, str] = MARKS, finest: Finest = Finest.SENTENCE, window: int = 500) -> Recipe:
    recipe = load_recipe("text-seg-lm-simple")
    assert recipe.chunking is not None
    chunking = replace(recipe.chunking, marks=marks, finest=finest, collapse=False)
    return replace(recipe, chunking=chunking, window=window)


def judging(
    tokenizer: Tokenizer,
    *starts: str,
    marks: tuple[str, str] = MARKS,
    finest: Finest = Finest.SENTENCE,
    window: int = 500,
) -> Chunker:
    recipe = marked(marks=marks, finest=finest, window=window)
    return Chunker(recipe, tokenizer, Judge(tokenizer, starts, recipe.context), method=Method.SCORE)


def test_a_model_trained_to_mark_blocks_writes_nothing(tokenizer: Tokenizer) -> None:
    chunking = judging(tokenizer, "## Machines").chunk(TEXT)
    (window,) = chunking.windows
    assert [place for place, _ in window.weighed] == [TEXT.index("Cats"), TEXT.index("## Mach")]
    assert [probability > 0.99 for _, probability in window.weighed] == [False, False]
    # A heading belongs to what follows: the place before it is judged where that ends.
    assert (window.written_tokens, window.asked) == (0, 2)
    chunking = judging(tokenizer, "Cats", "Engines").chunk(TEXT)
    assert [chunk.text[:8] for chunk in chunking.chunks] == ["# Animal", "Cats pur", "## Machi"]


def test_every_place_is_judged_once_with_what_was_before_it_in_sight(tokenizer: Tokenizer) -> None:
    blocks = [f"{'Cats' if n % 5 == 3 else 'Dogs'} number {n} {'bark ' * (n % 7)}." for n in range(60)]
    text = "\n\n".join(blocks)
    chunking = judging(tokenizer, "Cats", window=120).chunk(text)
    places = [place for window in chunking.windows for place, _ in window.weighed]
    assert places == [text.index(block) for block in blocks[1:]]
    assert [chunk.text.rstrip() for chunk in chunking.chunks][1].startswith("Cats number 3 ")
    assert len(chunking.chunks) == 13
    assert len(chunking.windows) > 3
    # The first place a later window judges has some of the window before it.
    assert all(window.weighed[0][0] > window.start for window in chunking.windows[1:])


@pytest.mark.parametrize("end", ["", "\n", "\n\n\n"])
def test_the_last_block_is_judged_at_a_line_break_as_the_others_are(tokenizer: Tokenizer, end: str) -> None:
    yes, no = (tokenizer.added[mark] for mark in MARKS)
    fed: list[str] = []

    def next_token(ids: Sequence[int]) -> int:
        fed.append(tokenizer.decode(list(ids)))
        return yes if fed[-1].endswith("Engines hum.\n\n") else no

    recipe = marked()
    engine = ScriptedEngine(next_token, vocab_size=tokenizer.vocab_size, context_length=recipe.context)
    chunking = Chunker(recipe, tokenizer, engine, method=Method.SCORE).chunk(f"Dogs bark.\n\nEngines hum.{end}")
    assert [chunk.text.strip() for chunk in chunking.chunks] == ["Dogs bark.", "Engines hum."]
    # No answer is asked for, so nothing of the prompt comes after the document.
    assert not any("### Response" in text for text in fed)


def test_a_window_that_goes_on_begins_with_a_sign_of_it(tokenizer: Tokenizer) -> None:
    yes, no = (tokenizer.added[mark] for mark in MARKS)
    shown: list[str] = []

    def next_token(ids: Sequence[int]) -> int:
        shown.append(tokenizer.decode(list(ids)).partition("### Input:\n")[2])
        return yes if shown[-1].rstrip().endswith("Cats purr.") else no

    recipe = marked(window=60)
    engine = ScriptedEngine(next_token, vocab_size=tokenizer.vocab_size, context_length=recipe.context)
    text = "\n\n".join([*(f"Dogs number {n} bark and bark." for n in range(20)), "Cats purr."])
    chunking = Chunker(recipe, tokenizer, engine, method=Method.SCORE).chunk(text)
    assert len(chunking.windows) > 3
    starts = {one.partition(" number")[0] for one in shown}
    # Only the document's own start looks like one, and what is put there moves no cut.
    assert starts == {"Dogs", "[...]\n\nDogs"}
    assert shown[0].startswith("Dogs number 0 ")
    assert [chunk.text.strip() for chunk in chunking.chunks][1:] == ["Cats purr."]


def test_marks_the_tokenizer_lacks_are_named(tokenizer: Tokenizer) -> None:
    with pytest.raises(ArtifactError, match=r"lacks a token of <\|yes\|>, <\|im_end\|>"):
        judging(tokenizer, marks=("<|yes|>", "<|im_end|>"))


def test_places_between_blocks_that_fill_a_window_are_judged(tokenizer: Tokenizer) -> None:
    listings = [f"```\n{'print(1)' * 9}\n{start}\n```" for start in "abcd"]
    text = "\n\n".join(listings)
    assert 60 < tokenizer.count(listings[0]) < 120
    chunking = judging(tokenizer, window=120).chunk(text)
    assert [place for window in chunking.windows for place, _ in window.weighed] == [
        text.index(listing) for listing in listings[1:]
    ]


def test_windows_end_where_a_block_does(tokenizer: Tokenizer) -> None:
    text = "\n\n".join(f"Dogs number {n} bark. {'They are loyal. ' * (n % 5)}Cats purr." for n in range(30))
    windows = judging(tokenizer, finest=Finest.BLOCK, window=150).chunk(text).windows
    assert len(windows) > 3
    assert all(text[: window.end].endswith("\n\n") for window in windows[:-1])
