"""How close one text is to another as a run of words or characters. Knows no Markdown and no document.

Every function takes the gold first. With both sides empty a similarity is 1 and an error 0; where only the gold is
empty, a similarity is 0. Words are those of `edgedoc.documents.coverage`: case folded, NFC, punctuation left out, each
character of Chinese, Japanese and Thai a word of its own, since a metric that splits at blanks sees one word there.
"""

import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, TypeVar

from edgedoc.documents.coverage import word_list
from edgedoc.errors import MissingPackageError

T = TypeVar("T")

MOST_PAIRS = 4_000_000_000
"""Cells of an alignment beyond which it is not made: 63,000 characters against as many take about a second."""


class Overlap(NamedTuple):
    """Shares of the answer that is gold's, of the gold that the answer has, and their harmonic mean, all 0 to 1."""

    precision: float
    recall: float
    f1: float


def overlap(gold: Counter[T], answer: Counter[T]) -> Overlap:
    """Of two bags, repeats counted, order not."""
    common = (gold & answer).total()
    if not gold and not answer:
        return Overlap(1.0, 1.0, 1.0)
    precision = common / answer.total() if answer else 0.0
    recall = common / gold.total() if gold else 0.0
    return Overlap(precision, recall, 2 * common / (gold.total() + answer.total()))


def token_f1(gold: Sequence[str], answer: Sequence[str]) -> Overlap:
    """Of the words, repeats counted, wherever they are (SQuAD's F1; Rajpurkar et al. 2016, arXiv 1606.05250).

    Blind to order: a page upside down scores 1. Long pages weigh no more than short ones in a mean of it.
    """
    return overlap(Counter(gold), Counter(answer))


def rouge_l(gold: Sequence[str], answer: Sequence[str]) -> float | None:
    """F1 of the longest common subsequence of words (Lin 2004, https://aclanthology.org/W04-1013, beta 1).

    The whole text is one sequence: ROUGE-Lsum would cut at line ends, which Markdown has for other reasons.
    rouge-score drops everything that is not ASCII. Bit-parallel by rapidfuzz, exact: time grows with the product of the
    lengths divided by 64. None for texts too long to align.
    """
    if not gold or not answer:
        return float(not gold and not answer)
    if len(gold) * len(answer) > MOST_PAIRS:
        return None
    common = _rapidfuzz().LCSseq.similarity(gold, answer)
    return float(2 * common / (len(gold) + len(answer)))


def levenshtein_similarity(gold: str, answer: str) -> float | None:
    """1 - edits / longer length, over characters in NFC: insert, delete, replace count 1 each.

    Sensitive to order: a paragraph moved counts twice. None for texts too long to align.
    """
    gold, answer = unicodedata.normalize("NFC", gold), unicodedata.normalize("NFC", answer)
    if len(gold) * len(answer) > MOST_PAIRS:
        return None
    return float(_rapidfuzz().Levenshtein.normalized_similarity(gold, answer))


def word_error_rate(gold: Sequence[str], answer: Sequence[str]) -> float | None:
    """Edits of words over the number of gold words, 0 the best and **without an upper limit**.

    An answer that repeats itself makes it any number: compare medians, never means. With no gold word it is the number
    of words written, as if there had been one. None for texts too long to align.
    """
    if len(gold) * len(answer) > MOST_PAIRS:
        return None
    return float(_rapidfuzz().Levenshtein.distance(gold, answer) / max(1, len(gold)))


def token_error_rate(source: Collection[str], answer: Sequence[str]) -> float:
    """Jina's TER: the share of the answer's words that are nowhere in the source, 0 (best) to 1.

    Token Error Rate, what a reader invents (https://jina.ai/news/reader-lm-small-language-models-for-cleaning-and-
    converting-html-to-markdown). **Not** translation edit rate, which sacrebleu calls TER. `source` is all the page's
    text, furniture included. Repeats are not counted: a loop over a real sentence invents nothing, see
    `repeated_share` for it. An empty answer invents nothing: read it beside recall.
    """
    known = source if isinstance(source, (set, frozenset)) else set(source)
    return sum(word not in known for word in answer) / len(answer) if answer else 0.0


def repeated_share(words: Sequence[str], n: int = 10) -> float:
    """Share of the runs of `n` words that were there before, 0 to 1; 0 for a text of no more than `n` words.

    Degeneration shows as a value far above the gold's own: tables and licence texts repeat themselves too.
    """
    runs = list(zip(*(words[start:] for start in range(n)), strict=False))
    return 1 - len(set(runs)) / len(runs) if len(runs) > 1 else 0.0


def words(text: str) -> list[str]:
    """The words of a text in order."""
    return word_list(text)


def _rapidfuzz() -> Any:
    try:
        from rapidfuzz import distance
    except ImportError as error:
        raise MissingPackageError("rapidfuzz", "bench") from error
    return distance
