"""How much of a block is new: what tells a new section in a text without headings. Knows no network and no labels.

Lexical cohesion between neighbours: Hearst, TextTiling (Computational Linguistics 23, 1997). Tokens weigh by their
inverse document frequency, blocks being the documents.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from edgedoc.tokens import Tokenizer

LONGEST = 500
"""Tokens of a block at most; longer ones are listings."""
NEIGHBOURS = 5
"""Blocks among which a word is looked for."""
Counts = Counter[int]


class Content:
    """Texts as tokens, and those tokens that mean something."""

    def __init__(self, tokenizer: Tokenizer, texts: Iterable[str]) -> None:
        self._tokenizer = tokenizer
        self._means = [
            any(letter.isalnum() for letter in tokenizer.decode((token,))) for token in range(tokenizer.vocab_size)
        ]
        seen: Counts = Counter()
        total = 0
        for text in texts:
            seen.update(set(self.tokens(text)))
            total += 1
        self.weights = [max(0.0, math.log(total / (seen[token] + 1))) for token in range(tokenizer.vocab_size)]

    def tokens(self, text: str) -> list[int]:
        """The first LONGEST tokens of a block."""
        return self._tokenizer.encode_text(text)[:LONGEST]

    def means(self, token: int) -> bool:
        """Whether a token holds a letter or a digit."""
        return self._means[token]

    def counts(self, tokens: Sequence[int]) -> Counts:
        """How often each token that means something occurs."""
        return Counter(token for token in tokens if self._means[token])

    def novelty(self, block: Counts, earlier: Sequence[Counts], reach: int = NEIGHBOURS) -> tuple[float, float]:
        """The weight of what stands in none of the last `reach` blocks: its share of the block's, and in all."""
        known = set().union(*earlier[-reach:])
        whole = sum(self.weights[token] for token in block)
        new = sum(self.weights[token] for token in block if token not in known)
        return (new / whole if whole else 0.5), new

    def cosine(self, block: Counts, other: Counts) -> float:
        """Of the weighted counts of two blocks, 0.3 where one is empty."""
        shared = sum(count * other[token] * self.weights[token] ** 2 for token, count in block.items())
        length = math.sqrt(self._squared(block) * self._squared(other))
        return shared / length if length else 0.3

    def _squared(self, counts: Counts) -> float:
        return sum((count * self.weights[token]) ** 2 for token, count in counts.items())
