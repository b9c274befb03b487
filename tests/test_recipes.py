"""edgedoc.recipes: the catalogue says what the facts say, and the loader forgives nothing."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedoc.errors import UsageError
from edgedoc.recipes import Decoding, Licence, Mode, Recipe, Task, list_recipes, load_recipe, parse_recipe

NAMES = [
    "nano-chunker-simple",
    "nano-chunker-summary",
    "nano-chunker-topic",
    "nano-reader",
    "reader-lm-0.5b",
    "reader-lm-1.5b",
    "text-seg-lm-simple",
    "text-seg-lm-summary",
    "text-seg-lm-topic",
]
# ggml docs/gguf.md: without version or with a second suffix a file name does not validate.
GGUF_NAME = re.compile(
    r"^(?P<BaseName>[A-Za-z0-9\s]*(?:(?:-(?:(?:[A-Za-z\s][A-Za-z0-9\s]*)|(?:[0-9\s]*)))*))"
    r"-(?:(?P<SizeLabel>(?:\d+x)?(?:\d+\.)?\d+[A-Za-z](?:-[A-Za-z]+(\d+\.)?\d+[A-Za-z]+)?)(?:-(?P<FineTune>[A-Za-z0-9\s-]+))?)?"
    r"-(?:(?P<Version>v\d+(?:\.\d+)*))(?:-(?P<Encoding>(?!LoRA|vocab)[\w_]+))?(?:-(?P<Type>LoRA|vocab))?\.gguf$"
)


def test_catalogue() -> None:
    recipes = list_recipes()
    assert [recipe.name for recipe in recipes] == NAMES
    assert {recipe.name: recipe.mode for recipe in recipes if recipe.task is Task.CHUNKER} == {
        f"{family}-{mode}": mode for family in ("nano-chunker", "text-seg-lm") for mode in Mode
    }


@pytest.mark.parametrize("name", NAMES)
def test_shipped_recipes_round_trip_and_name_valid_files(name: str) -> None:
    recipe = load_recipe(name)
    assert parse_recipe(recipe.to_toml(), "copy") == recipe
    identity = recipe.identity
    parts = [identity.basename, identity.size_label, identity.finetune, identity.version, "Q4_K_M"]
    assert GGUF_NAME.match("-".join(part for part in parts if part) + ".gguf")


@pytest.mark.parametrize("mode", list(Mode))
def test_nano_chunkers_are_asked_as_jinas_are(mode: Mode) -> None:
    nano, jina = load_recipe(f"nano-chunker-{mode}"), load_recipe(f"text-seg-lm-{mode}")
    assert (nano.prompt, nano.stop, nano.parser) == (jina.prompt, jina.stop, jina.parser)
    assert nano.chunking is not None and jina.chunking is not None
    assert nano.chunking.head == jina.chunking.head


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("head = 50", "head = 0", "head' should be positive"),
        ("threshold = 0.5", "threshold = 1.0", "between 0 and 1"),
        ("threshold = 0.5", "threshold = nan", "between 0 and 1"),
        ("threshold = 0.5", 'threshold = 0.5\nmarks = ["yes"]', "two tokens, one for yes and one for no"),
        ("threshold = 0.5", 'threshold = 0.5\nmarks = ["same", "same"]', "two tokens"),
        ('method = "generate"', 'method = "guess"', "'guess'"),
        ('task = "chunker"\nmode = "simple"', 'task = "reader"', "'chunking' belongs to a chunker"),
    ],
)
def test_how_a_chunker_is_asked_must_make_sense(old: str, new: str, message: str) -> None:
    text = load_recipe("text-seg-lm-simple").to_toml().replace('mode = "simple"\n', "", 1)
    text = text.replace('task = "chunker"\n', 'task = "chunker"\nmode = "simple"\n')
    assert old in text
    with pytest.raises(UsageError, match=message):
        parse_recipe(text.replace(old, new), "mine")


def test_readers_use_stock_chatml_and_the_cards_penalty() -> None:
    for name in ("reader-lm-0.5b", "reader-lm-1.5b", "nano-reader"):
        recipe = load_recipe(name)
        assert recipe.prompt == (
            "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
            "<|im_start|>user\n{document}<|im_end|>\n<|im_start|>assistant\n"
        )
        assert recipe.stop == ("<|im_end|>", "<|endoftext|>")
    assert load_recipe("reader-lm-0.5b").decoding.repetition_penalty == 1.08
    assert load_recipe("reader-lm-1.5b").decoding.repetition_penalty == 1.08
    assert load_recipe("nano-reader").decoding.repetition_penalty == 1.0


def test_chunker_prompts_keep_their_typos_and_no_indentation() -> None:
    for name in ("text-seg-lm-simple", "text-seg-lm-summary", "text-seg-lm-topic"):
        prompt = load_recipe(name).prompt
        assert prompt.startswith("Below is an instruction that describes a task, paired with an input. Write")
        assert prompt.endswith("\n### Input:\n{document}\n### Response:\n")
        assert "\n " not in prompt
        assert "<|" not in prompt
    assert (
        "1. Topics should short and concise.\n2. Chunk heads should be the begining text"
        in load_recipe("text-seg-lm-topic").prompt
    )
    assert "up to 50 characters long.\n\nThe topics and chunks should" in load_recipe("text-seg-lm-topic").prompt
    assert (
        "CHUNK 0\nSUMMARY: [chunk_summary]\nHEAD: [chunk_head]\nCHUNK 1\n" in load_recipe("text-seg-lm-summary").prompt
    )


def test_no_licence_is_invented() -> None:
    for name in ("text-seg-lm-simple", "text-seg-lm-summary", "text-seg-lm-topic"):
        licence = load_recipe(name).licence
        assert (licence.id, licence.link, licence.commercial) == (None, None, None)
    assert load_recipe("reader-lm-0.5b").licence.id == "CC-BY-NC-4.0"
    assert load_recipe("reader-lm-0.5b").licence.commercial is False


def test_output_budget() -> None:
    decoding = Decoding(repetition_penalty=1.0, max_output_tokens=1000, output_ratio=1.5)
    assert [decoding.budget(tokens) for tokens in (0, 100, 10_000)] == [64, 214, 1000]


def _base() -> Recipe:
    return load_recipe("nano-reader")


@given(note=st.text(), title=st.text(), tag=st.text(min_size=1))
def test_any_text_survives_toml(note: str, title: str, tag: str) -> None:
    recipe = replace(_base(), title=title, languages=(tag, "en"), licence=Licence(id=None, note=note))
    assert parse_recipe(recipe.to_toml(), "copy") == recipe


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"'reader-lm-05b'. Did you mean 'reader-lm-0.5b'\?"):
        load_recipe("reader-lm-05b")
    with pytest.raises(UsageError, match="nano-reader, reader-lm-0.5b"):
        load_recipe("zzzzzz")


def test_recipe_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(replace(_base(), name="mine").to_toml(), "utf-8")
    assert load_recipe(path).name == "mine"
    assert load_recipe(str(path)).name == "mine"
    with pytest.raises(UsageError, match=r"Cannot read the recipe .*absent\.toml"):
        load_recipe(tmp_path / "absent.toml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("context = 2048", "contxt = 2048", "'contxt' is not a key"),
        ("context = 2048", "", "'context' is missing"),
        ("context = 2048", 'context = "2048"', "'context' should be an integer"),
        ("window = 640", "window = 4096", "'window' should be positive and not above 'context'"),
        ("{document}", "{doc}", "exactly once"),
        ('task = "reader"', 'task = "chunker"', "a chunker needs one"),
        ('task = "reader"', 'task = "poet"', "none of reader, chunker"),
        ("repetition_penalty = 1.0", "repetition_penalty = nan", "between 1"),
        ("output_ratio = 1.5", "output_ratio = inf", "between 0 and 100"),
        ('bundled = "nano-reader"', 'revision = "main"', "full commit hash"),
        ('name = "nano-reader"', 'name = "../up"', "becomes a folder"),
        ("[source]", "[source", "line"),
    ],
)
def test_broken_recipes_name_the_key_and_the_file(old: str, new: str, message: str) -> None:
    text = _base().to_toml()
    assert old in text
    with pytest.raises(UsageError, match=r"broken\.toml: .*" + message):
        parse_recipe(text.replace(old, new), "broken.toml")


def test_the_terms_of_a_licence_are_one_harmless_line() -> None:
    assert load_recipe("reader-lm-0.5b").licence.terms == (
        "CC-BY-NC-4.0 Not for commercial use without an agreement with Jina AI. "
        "https://creativecommons.org/licenses/by-nc/4.0/"
    )
    assert Licence(note="Free\x1b[2J\nto use").terms == "Free?[2J?to use"
