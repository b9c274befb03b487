"""The repetition penalty of CTRL (https://arxiv.org/abs/1909.05858, section 4.1), as Hugging Face has it.

Knows no engine.
Definition: transformers, `generation/logits_process.py`, `RepetitionPenaltyLogitsProcessor`: every distinct id of
prompt and output so far has its score divided by the penalty if positive and multiplied by it if negative.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgedoc.errors import UsageError


class RepetitionPenalty:
    """Penalises in place and touches only the ids seen: a thousand numbers a step, not a whole vocabulary."""

    def __init__(self, penalty: float) -> None:
        """`penalty` 1.0 changes nothing, above 1.0 discourages repeats. Raises UsageError unless it is positive."""
        if not 0.0 < penalty < float("inf"):
            raise UsageError(f"A repetition penalty must be a positive number, not {penalty}.")
        self.penalty = penalty
        self._seen: set[int] = set()
        self._ids: NDArray[np.int64] = np.empty(0, np.int64)

    def start(self, prompt: Sequence[int]) -> None:
        """Forget the last document and count every id of `prompt` as seen."""
        self._seen = set(prompt)
        self._ids = np.empty(2 * len(self._seen) + 256, np.int64)
        self._ids[: len(self._seen)] = list(self._seen)

    def add(self, token: int) -> None:
        """Count `token` as seen from the next row on."""
        if token in self._seen:
            return
        count = len(self._seen)
        if count == len(self._ids):
            self._ids = np.concatenate([self._ids, np.empty(count + 256, np.int64)])
        self._ids[count] = token
        self._seen.add(token)

    def apply(self, row: NDArray[np.float32], extra: Sequence[int] = ()) -> None:
        """Penalise `row` (vocabulary,) in place for all ids seen and for `extra`, the drafted ids that precede it."""
        if self.penalty == 1.0:
            return
        ids = self._ids[: len(self._seen)]
        unseen = set(extra) - self._seen
        if unseen:
            ids = np.concatenate([ids, np.fromiter(unseen, np.int64, len(unseen))])
        scores = row[ids]
        row[ids] = np.where(scores < 0, scores * self.penalty, scores / self.penalty)
