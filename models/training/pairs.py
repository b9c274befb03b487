"""Pairs of canonical HTML and Markdown, as token ids: synthetic without end, real ones from a file. Knows no network.

Both go the way a document goes on the device: `clean`, `windows`; the answer is what `rules` says. A pair is drawn from
its number alone, so a training run that was killed goes on with the very next one.
"""

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pages import Page
from tokenizers import Tokenizer

from edgedoc.documents.clean import clean
from edgedoc.documents.rules import convert
from edgedoc.documents.windows import windows

PREFIX = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
MIDDLE = "<|im_end|>\n<|im_start|>assistant\n"
END = "<|im_end|>"
CONTEXT = 2048
WINDOW = 640


def synthetic(number: int, real_words: list[str], size: int, count: Callable[[str], int]) -> tuple[str, str]:
    """(canonical HTML, Markdown) of a window of synthetic page `number`, a page of about `size` characters.

    Every other page is a dense one.
    """
    rng = random.Random(number)
    parts = windows(clean(Page(rng, real_words, size, dense=number % 2 == 1).html()).html, WINDOW, count)
    html = rng.choice(parts).html if parts else ""
    return html, convert(html)


def words_of(path: Path, limit: int = 60_000) -> list[str]:
    """Distinct words of the text of a JSON-lines file of pages; frequent and rare ones count the same."""
    found: dict[str, None] = {}
    with gzip.open(path, "rt") as lines:
        for line in lines:
            text = json.loads(line).get("markdown") or ""
            for word in text.split():
                if len(word) < 24 and word.strip("*_`#|()[]<>.,;:!\"'").isalpha():
                    found[word.strip("*_`#|()[]<>.,;:!\"'")] = None
            if len(found) > limit:
                break
    return list(found)


def real(path: Path, tokenizer: Tokenizer, seed: int) -> list[tuple[str, str]]:
    """Pairs of windows of the pages in `path`, cut at varying budgets; windows of furniture only are thinned out."""
    rng = random.Random(seed)
    pairs: list[tuple[str, str]] = []

    def count(text: str) -> int:
        return len(tokenizer.encode(text, add_special_tokens=False).ids)

    with gzip.open(path, "rt") as lines:
        for line in lines:
            page = clean(json.loads(line)["html"][:120_000]).html
            for window in windows(page, rng.choice([160, 240, 320, 480, WINDOW, WINDOW]), count)[:24]:
                answer = convert(window.html)
                if answer or rng.random() < 0.08:
                    pairs.append((window.html, answer))
    rng.shuffle(pairs)
    return pairs


def encode(pair: tuple[str, str], tokenizer: Tokenizer, document: Tokenizer) -> tuple[NDArray[np.uint16], int] | None:
    """Token ids of prompt and answer, and where the answer starts; None where it does not fit the context."""
    html, markdown = pair
    prompt = tokenizer.encode(PREFIX).ids + document.encode(html).ids + tokenizer.encode(MIDDLE).ids
    ids = prompt + document.encode(markdown).ids + tokenizer.encode(END).ids
    return (np.array(ids, dtype=np.uint16), len(prompt)) if len(ids) <= CONTEXT else None
