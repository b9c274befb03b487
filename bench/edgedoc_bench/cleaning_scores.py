"""One page at each level of cleaning: what goes into the model, what comes out, what of the gold is gone for good.

Knows no file and no other page. What is gone is counted in runs of five words, as WebMainBench compares pages
(opendatalab/WebMainBench, ROUGE-5): a single word that was cut with the text often stands in a menu too.
"""

import re
import time
from collections import Counter
from dataclasses import dataclass
from html import unescape

from edgedoc.documents import rules
from edgedoc.documents.clean import clean
from edgedoc.documents.cleaning import Cleaning
from edgedoc.documents.windows import windows
from edgedoc.tasks.reader import Reader
from edgedoc.tokens import Tokenizer
from edgedoc_bench import markdown_tree
from edgedoc_bench.cleaning_pages import Page
from edgedoc_bench.text_scores import Overlap, token_f1, words

RUN = 5

_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True, kw_only=True)
class Score:
    """What a level leaves of a page: sizes, seconds of cleaning, words of the rules' Markdown against the gold.

    `gold_runs` are those of the gold that the lowest level shows, `lost_runs` the ones of them that this one does not.
    """

    characters: int
    tokens: int
    windows: int
    seconds: float
    rules: Overlap
    gold_runs: int
    lost_runs: int


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a reader made of a page at a level, rules standing in for flagged windows; tokens, seconds, words."""

    windows: int
    flagged: int
    prompt_tokens: int
    output_tokens: int
    prefill_seconds: float
    seconds: float
    words: Overlap


def score(page: Page, tokenizer: Tokenizer, budget: int) -> dict[Cleaning, Score]:
    """The page at every level, cut into windows of `budget` tokens. Raises MissingPackageError."""
    found = {}
    wanted: Counter[tuple[str, ...]] | None = None
    for level in Cleaning:
        started = time.perf_counter()
        html = clean(page.html, level).html
        seconds = time.perf_counter() - started
        seen = runs(unescape(_TAG.sub(" ", html)))
        wanted = runs(page.gold) & seen if wanted is None else wanted
        found[level] = Score(
            characters=len(html),
            tokens=tokenizer.count(html),
            windows=len(windows(html, budget, tokenizer.count)),
            seconds=seconds,
            rules=against(page.gold, rules.convert(html)),
            gold_runs=wanted.total(),
            lost_runs=(wanted - seen).total(),
        )
    return found


def ask(reader: Reader, page: Page, turn: int) -> dict[Cleaning, Answer]:
    """The reader's answer at every level, which come first in turns. Raises EngineError, MissingPackageError."""
    levels = list(Cleaning)
    found = {}
    for level in levels[turn % len(levels) :] + levels[: turn % len(levels)]:
        reader.cleaning = level
        conversion = reader.convert(page.html)
        found[level] = Answer(
            windows=len(conversion.windows),
            flagged=conversion.flagged,
            prompt_tokens=sum(window.prompt_tokens for window in conversion.windows),
            output_tokens=sum(window.output_tokens for window in conversion.windows),
            prefill_seconds=sum(window.prefill_seconds for window in conversion.windows),
            seconds=conversion.seconds,
            words=against(page.gold, conversion.markdown),
        )
    return found


def runs(text: str) -> Counter[tuple[str, ...]]:
    """The runs of RUN words of a text, with their counts."""
    found = words(text)
    return Counter(zip(*(found[start:] for start in range(RUN)), strict=False))


def against(gold: str, markdown: str) -> Overlap:
    """Words of the Markdown as it renders against the gold's. Raises MissingPackageError."""
    return token_f1(words(gold), words(markdown_tree.render(markdown).text))
