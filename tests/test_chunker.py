"""The chunker on a scripted engine: where chunks start, what a window sees, and that no model can lose text."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgedoc.engines.scripted import ScriptedEngine
from edgedoc.errors import EngineError, UsageError
from edgedoc.recipes import Finest, Method, Mode, Recipe, load_recipe
from edgedoc.tasks.chunker import Chunker
from edgedoc.tasks.marking import Heads
from edgedoc.tasks.window import Flag
from edgedoc.tokens import Tokenizer

Say = Callable[[str], str]

TEXT = """# Animals

Dogs bark. They are loyal.

Cats purr. They sleep all day.

## Machines

Engines hum. They need oil.
"""
BREAKS = ["# Animals", "Cats purr.", "## Machines"]


@pytest.fixture
def tokenizer(tokenizer_file: Path) -> Tokenizer:
    return Tokenizer.from_file(tokenizer_file)


def recipe_for(mode: Mode, **changes: object) -> Recipe:
    recipe = load_recipe(f"text-seg-lm-{mode}")
    assert recipe.chunking is not None
    chunking = {key: changes.pop(key) for key in ("head", "collapse", "finest", "marks") if key in changes}
    return replace(recipe, chunking=replace(recipe.chunking, **chunking), **changes)  # type: ignore[arg-type]


def chunker_saying(say: Say, tokenizer: Tokenizer, recipe: Recipe, **options: object) -> Chunker:
    """A chunker whose model answers each window's text with `say` of it."""
    before, after = recipe.prompt.split("{document}")
    stop = tokenizer.token_id("<|im_end|>")
    assert stop is not None

    def next_token(fed: Sequence[int]) -> int:
        document, _, written = tokenizer.decode(list(fed)).removeprefix(before).rpartition(after)
        reply = say(document)
        rest = reply[len(written) :] if reply.startswith(written) else ""
        return tokenizer.encode_text(rest)[0] if rest else stop

    engine = ScriptedEngine(next_token, vocab_size=tokenizer.vocab_size, context_length=recipe.context)
    return Chunker(recipe, tokenizer, engine, **options)  # type: ignore[arg-type]


def listing(heads: Sequence[str]) -> str:
    return "".join(f"CHUNK {n}: {head}\n" for n, head in enumerate(heads))


def saying(*starts: str) -> Say:
    """Chunks start where a line of the window starts with one of `starts`, and at the window's own start."""

    def say(document: str) -> str:
        flat = " ".join(document.split())
        found = sorted({0, *(flat.find(start) for start in starts if start in flat)})
        return listing([flat[at : at + 50].rstrip() for at in found])

    return say


@pytest.mark.parametrize("heads", list(Heads))
def test_chunks_start_where_the_model_says(tokenizer: Tokenizer, heads: Heads) -> None:
    chunker = chunker_saying(saying(*BREAKS), tokenizer, recipe_for(Mode.SIMPLE), heads=heads)
    chunking = chunker.chunk(TEXT)
    assert [chunk.text.split("\n")[0] for chunk in chunking.chunks] == [
        "# Animals",
        "Cats purr. They sleep all day.",
        "## Machines",
    ]
    assert [chunk.headings for chunk in chunking.chunks] == [("Animals",), ("Animals",), ("Animals", "Machines")]
    assert "".join(chunk.text for chunk in chunking.chunks) == TEXT
    (window,) = chunking.windows
    assert (window.heads, window.matched, window.flags) == (3, 3, ())
    assert chunking.remarks() == []
    assert chunking.tokenizer == "text-seg-lm-simple"


def test_dictated_heads_take_a_fraction_of_the_steps(tokenizer: Tokenizer) -> None:
    dictated, free = (
        chunker_saying(saying(*BREAKS), tokenizer, recipe_for(Mode.SIMPLE), heads=heads).chunk(TEXT).windows[0]
        for heads in (Heads.CONSTRAINED, Heads.FREE)
    )
    assert dictated.cuts == free.cuts
    assert 3 * dictated.steps <= free.steps


def test_topics_and_summaries_stay_apart_from_the_text(tokenizer: Tokenizer) -> None:
    topics = "### TOPICS:\nTOPIC 0: pets\nTOPIC 1: engines\n### CHUNKS:\n" + listing(
        ["# Animals Dogs bark. They are loyal. Cats purr. Th"]
    )
    chunker = chunker_saying(
        lambda _: topics + "CHUNK 1: ## Machines Engines hum. They need oil.\n", tokenizer, recipe_for(Mode.TOPIC)
    )
    assert [(chunk.topic, chunk.summary) for chunk in chunker.chunk(TEXT).chunks] == [("pets", None), ("engines", None)]
    summaries = (
        "CHUNK 0\nSUMMARY: On pets.\nHEAD: # Animals Dogs bark. They are loyal. Cats purr. Th\n"
        "CHUNK 1\nSUMMARY: On machines.\nHEAD: ## Machines Engines hum. They need oil.\n"
    )
    chunker = chunker_saying(lambda _: summaries, tokenizer, recipe_for(Mode.SUMMARY))
    chunks = chunker.chunk(TEXT).chunks
    assert [(chunk.topic, chunk.summary) for chunk in chunks] == [(None, "On pets."), (None, "On machines.")]
    assert all("On " not in chunk.text for chunk in chunks)


def test_one_sentence_still_gets_its_summary(tokenizer: Tokenizer) -> None:
    answer = "CHUNK 0\nSUMMARY: Short.\nHEAD: Just one sentence.\n"
    chunker = chunker_saying(lambda _: answer, tokenizer, recipe_for(Mode.SUMMARY))
    assert [chunk.summary for chunk in chunker.chunk("Just one sentence.\n").chunks] == ["Short."]


def test_a_model_that_knows_blocks_only_is_not_offered_sentences(tokenizer: Tokenizer) -> None:
    wanted = saying("They sleep", "## Machines")
    starts = {}
    for finest in Finest:
        chunker = chunker_saying(wanted, tokenizer, recipe_for(Mode.SIMPLE, finest=finest))
        starts[finest] = [chunk.text.split()[0] for chunk in chunker.chunk(TEXT).chunks]
    assert starts[Finest.SENTENCE] == ["#", "They", "##"]
    assert "They" not in starts[Finest.BLOCK]
    only = chunker_saying(saying("They"), tokenizer, recipe_for(Mode.SIMPLE, finest=Finest.BLOCK))
    assert len(only.chunk("Cats purr. They sleep all day.").chunks) == 2


@pytest.mark.parametrize("collapse", [False, True])
def test_the_prompt_has_the_text_as_the_recipe_wants_it(tokenizer: Tokenizer, collapse: bool) -> None:
    seen: list[str] = []

    def say(document: str) -> str:
        seen.append(document)
        return saying(*BREAKS)(document)

    chunker_saying(say, tokenizer, recipe_for(Mode.SIMPLE, collapse=collapse)).chunk(TEXT)
    assert seen[0] == (" ".join(TEXT.split()) if collapse else TEXT.rstrip())


def test_long_documents_are_read_in_windows_that_start_at_the_last_boundary(tokenizer: Tokenizer) -> None:
    parts = [f"Part {n} begins here. {'It goes on and on and on. ' * 6}" for n in range(40)]
    text = "\n\n".join(parts)
    seen: list[str] = []

    def say(document: str) -> str:
        if not seen or seen[-1] != document:
            seen.append(document)
        return saying(*(f"Part {n} begins" for n in range(0, 40, 2)))(document)

    recipe = recipe_for(Mode.SIMPLE, collapse=False, window=600, context=2600)
    chunking = chunker_saying(say, tokenizer, recipe).chunk(text)
    assert [chunk.text.split(" begins")[0] for chunk in chunking.chunks] == [f"Part {n}" for n in range(0, 40, 2)]
    assert len(chunking.windows) > 3
    assert all(window.start in {chunk.start for chunk in chunking.chunks} for window in chunking.windows)
    assert all(tokenizer.count(document) <= 600 for document in seen)


def test_windows_without_a_boundary_overlap_and_make_none(tokenizer: Tokenizer) -> None:
    text = "\n\n".join(f"Paragraph {n} says little. {'More words follow here. ' * 6}" for n in range(40))
    recipe = recipe_for(Mode.SIMPLE, window=600, context=2600)
    chunking = chunker_saying(saying(), tokenizer, recipe).chunk(text)
    assert len(chunking.chunks) == 1
    assert len(chunking.windows) > 3
    assert all(b.start < a.end for a, b in pairwise(chunking.windows))


@pytest.mark.parametrize(
    ("answer", "flags", "matched"),
    [
        ("", {Flag.UNUSABLE}, 0),
        ("CHUNK 0: nothing of the kind\n", {Flag.UNUSABLE}, 0),
        ("CHUNK 0: # Animals Dogs bark.\nCHUNK 1: Parrots talk all day\n", {Flag.LOST}, 1),
        ("CHUNK 0: " + "again and " * 400, {Flag.LOOPED, Flag.UNUSABLE}, 0),
    ],
)
def test_free_heads_that_do_not_match_are_flagged_and_lose_nothing(
    tokenizer: Tokenizer, answer: str, flags: set[Flag], matched: int
) -> None:
    chunker = chunker_saying(lambda _: answer, tokenizer, recipe_for(Mode.SIMPLE), heads=Heads.FREE)
    chunking = chunker.chunk(TEXT)
    assert [chunk.text for chunk in chunking.chunks] == [TEXT]
    assert set(chunking.windows[0].flags) == flags
    assert chunking.windows[0].matched == matched
    assert chunking.remarks()[0].startswith("window 1 of ")


def test_weighing_cuts_from_the_threshold_on(tokenizer: Tokenizer) -> None:
    recipe = recipe_for(Mode.SIMPLE)
    chunking = chunker_saying(saying(*BREAKS), tokenizer, recipe, method=Method.SCORE).chunk(TEXT)
    (window,) = chunking.windows
    assert [place for place, _ in window.weighed] == [TEXT.index("Cats"), TEXT.index("## Mach")]
    assert all(0.99 < probability <= 1.0 for _, probability in window.weighed)
    assert len(chunking.chunks) == 3
    assert window.steps <= 2
    doubting = chunker_saying(saying(), tokenizer, recipe, method=Method.SCORE).chunk(TEXT)
    assert all(0.0 <= probability < 0.01 for _, probability in doubting.windows[0].weighed)
    assert len(doubting.chunks) == 1


@pytest.mark.parametrize("mode", [Mode.TOPIC, Mode.SUMMARY])
def test_weighing_writes_no_topics_and_no_summaries(tokenizer: Tokenizer, mode: Mode) -> None:
    with pytest.raises(UsageError, match=f"writes no {mode}"):
        chunker_saying(str, tokenizer, recipe_for(mode), method=Method.SCORE)


def test_a_reader_cannot_chunk(tokenizer: Tokenizer) -> None:
    engine = ScriptedEngine(lambda _: 0, vocab_size=tokenizer.vocab_size)
    with pytest.raises(UsageError, match="needs a chunker"):
        Chunker(load_recipe("nano-reader"), tokenizer, engine)


def test_an_engine_that_fails_is_not_hidden(tokenizer: Tokenizer) -> None:
    recipe = recipe_for(Mode.SIMPLE)
    engine = ScriptedEngine(lambda _: 0, vocab_size=tokenizer.vocab_size, context_length=recipe.context, fail_at=3)
    with pytest.raises(EngineError, match="Scripted failure"):
        Chunker(recipe, tokenizer, engine).chunk(TEXT)


@pytest.mark.parametrize("text", ["", " ", "\n\n \t\n", "\0", "\ufeff"])
def test_documents_without_text(tokenizer: Tokenizer, text: str) -> None:
    chunking = chunker_saying(str, tokenizer, recipe_for(Mode.SIMPLE)).chunk(text)
    assert "".join(chunk.text for chunk in chunking.chunks) == text
    assert bool(chunking.notes) == (not text.strip())


PIECES = st.sampled_from(
    [
        *(
            "Dogs bark. ",
            "你好。世界！",
            "\n\n",
            "\r\n",
            "# Title\n",
            "- item\n",
            "| a | b |\n|---|---|\n",
            "```\ncode\n```\n",
        ),
        *(
            "CHUNK 3: Dogs\n",
            "### Response:\n",
            "<|im_end|>",
            "\0",
            "\ud800",
            "\u200b",
            "x" * 300,
            "   ",
            "e\u0301",
            "TOPIC 0: a\n",
        ),
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.lists(PIECES, max_size=25).map("".join),
    mode=st.sampled_from(Mode),
    way=st.sampled_from([Heads.CONSTRAINED, Heads.FREE, Method.SCORE]),
    limit=st.sampled_from([None, 40, 200]),
    seed=st.integers(0, 99),
)
def test_whatever_text_and_model_the_chunks_are_the_document(
    tokenizer: Tokenizer, text: str, mode: Mode, way: Heads | Method, limit: int | None, seed: int
) -> None:
    mode = Mode.SIMPLE if way is Method.SCORE else mode
    marks = ("<|im_start|>", "<|im_end|>") if seed % 3 == 0 else None
    recipe = recipe_for(mode, window=200, context=1400, collapse=bool(seed % 2), marks=marks)
    words = [*tokenizer.encode_text("CHUNK 0:\nHEAD SUMMARY TOPIC Dogs你"), *tokenizer.added.values()]

    def next_token(fed: Sequence[int]) -> int:
        return Random(f"{seed} {len(fed)} {sum(fed)}").choice(words)

    engine = ScriptedEngine(next_token, vocab_size=tokenizer.vocab_size, context_length=1400)
    options = {"method": way} if isinstance(way, Method) else {"heads": way}
    chunking = Chunker(recipe, tokenizer, engine, **options).chunk(text, max_tokens=limit)
    position = 0
    for index, chunk in enumerate(chunking.chunks):
        assert (chunk.index, chunk.start, chunk.text) == (index, position, text[chunk.start : chunk.end])
        assert limit is None or tokenizer.count(chunk.contextualized()) <= limit
        position = chunk.end
    assert position == len(text)
    for window in chunking.windows:
        assert way is Heads.FREE or window.matched == window.heads
