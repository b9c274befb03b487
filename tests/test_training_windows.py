"""What the bundled chunker is taught is what edgedoc asks it: the same tokens, judged at the same places."""

import importlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from edgedoc.engines.scripted import ScriptedEngine
from edgedoc.recipes import Method, load_recipe
from edgedoc.tasks.chunker import Chunker
from edgedoc.tokens import Tokenizer

ROOT = Path(__file__).parents[1] / "models"
TEXTS = [
    *(f"Dogs number {n} bark{' and bark' * (n % 9)}. They are loyal{', very loyal' * (n % 4)}." for n in range(30)),
    "- one\n- two\n- three, which is longer",
    "```\nlisting = [1, 2]\n\nprint(listing)\n```",
    *(f"Engines of the kind {n} hum{', hum' * (n % 7)}. They need oil." for n in range(20)),
]


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, ModuleType]:
    """models/training is no package and is not installed."""
    monkeypatch.syspath_prepend(str(ROOT / "training"))
    return importlib.import_module("sections"), importlib.import_module("windows")


def test_windows_of_the_training_are_those_of_the_device(training: tuple[ModuleType, ModuleType]) -> None:
    sections, windows = training
    tokenizer = Tokenizer.from_file(ROOT / "edgedoc_models" / "checkpoints" / "nano-reader" / "tokenizer.json")
    recipe = load_recipe("nano-chunker-simple")
    assert recipe.chunking is not None and recipe.chunking.marks is not None
    yes, no = (tokenizer.token_id(mark) for mark in recipe.chunking.marks)
    recipe = replace(recipe, window=300)
    assert yes is not None and no is not None
    document = [sections.Block(text, None) for text in TEXTS]
    made = windows.Windows(sections.Examples(recipe, tokenizer), recipe.window)
    taught = [*made.bare(document, [0.5] * len(TEXTS))]
    assert len(taught) > 3
    assert {tokenizer.decode([window.ids[end]]) for window in taught for end in window.ends} == {"\n\n"}
    prompts, ends = [window.ids for window in taught], [set(window.ends) for window in taught]

    def next_token(fed: Sequence[int]) -> int:
        numbers = [n for n, ids in enumerate(prompts) if list(fed) == ids[: len(fed)]]
        return yes if any(len(fed) - 1 in ends[n] for n in numbers) else no

    engine = ScriptedEngine(next_token, vocab_size=tokenizer.vocab_size, context_length=recipe.context)
    chunking = Chunker(recipe, tokenizer, engine, method=Method.SCORE).chunk("\n\n".join(TEXTS))
    assert [window.prompt_tokens for window in chunking.windows] == [len(window.ids) for window in taught]
    assert all(probability > 0.99 for window in chunking.windows for _, probability in window.weighed)
    assert sum(len(window.weighed) for window in chunking.windows) == len(TEXTS) - 1
