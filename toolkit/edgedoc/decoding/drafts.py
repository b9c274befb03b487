"""Guesses how an answer goes on, by following texts it is likely to copy. Knows token ids only: no model, no costs.

A trail is such a text: the Markdown that rules make of the same page, or the page itself. A cursor moves along with the
answer; when the answer leaves the trail (a dropped paragraph, a moved link, `*` for `_`), the n-gram it wrote last says
where to join it again, the nearest place first. Verifying copied spans in blocks: Yang et al., "Inference with
Reference" (arXiv 2304.04487); n-grams of the prompt: Saxena, prompt-lookup-decoding.
"""

from bisect import bisect_left
from collections.abc import Sequence

LONGEST_GRAM = 3
"""Tokens that decide where a trail is joined; longer ones rarely decide differently, shorter ones are tried after."""

DRIFT = 4
"""Tokens replaced one for one before the cursor waits to be found again."""


class Trail:
    """One text to follow. The index is built once, in O(n); a step costs a few lookups."""

    def __init__(self, tokens: Sequence[int], *, agreed: int = 0) -> None:
        """`tokens`: ids of the text, with the stop token behind it where the answer should end with it.

        `agreed` is what standing at its beginning is worth, in tokens of agreement: much if the answer begins like it.
        """
        self._tokens = list(tokens)
        self._cursor = 0
        self._agreed = agreed
        self._missed = 0
        self._recent: tuple[int, ...] = ()
        # After which positions each n-gram was seen; positions ascend.
        self._after: dict[tuple[int, ...], list[int]] = {}
        for size in range(1, LONGEST_GRAM + 1):
            shifted = (self._tokens[offset:] for offset in range(size))
            for end, gram in enumerate(zip(*shifted, strict=False), size):
                self._after.setdefault(gram, []).append(end)

    @property
    def agreed(self) -> int:
        """Tokens in a row on which the answer and the trail agreed, up to now; after joining it again, the n-gram's."""
        return self._agreed

    def propose(self, most: int) -> list[int]:
        """The next tokens if the answer follows the trail, at most `most`."""
        return self._tokens[self._cursor : self._cursor + most]

    def add(self, token: int) -> bool | None:
        """The answer goes on with `token`: whether that was the trail's next, None where the trail had none."""
        guess = self._tokens[self._cursor] if self._cursor < len(self._tokens) else None
        self._recent = (*self._recent[1 - LONGEST_GRAM :], token)
        if guess == token:
            self._cursor += 1
            self._agreed += 1
            self._missed = 0
            return True
        self._join()
        return None if guess is None else False

    def _join(self) -> None:
        for size in range(len(self._recent), 0, -1):
            places = self._after.get(self._recent[-size:])
            if places is not None:
                ahead = bisect_left(places, self._cursor)
                self._cursor = places[ahead] if ahead < len(places) else places[-1]
                self._agreed = size
                self._missed = 0
                return
        self._agreed = 0
        if self._missed < DRIFT:
            self._cursor = min(self._cursor + 1, len(self._tokens))
        self._missed += 1
