"""How far the next-token distributions of two models lie apart, and at which positions. Knows no engine and no text.

Top-1 agreement, Kullback-Leibler divergence and the ratio of perplexities as llama.cpp's llama-perplexity defines them
(tools/perplexity).
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from edgedoc.errors import EngineError, UsageError

WORST = 5
"""Positions that are told one by one."""

TAIL = 0.01
"""The share of positions whose part of all divergence is told."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A position: row `row` of window `window`, both from 0; token ids that each model holds likeliest after it."""

    window: int
    row: int
    kl: float
    reference: int
    reference_probability: float
    candidate: int
    candidate_probability: float


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Over `positions` positions; divergence in nats a token."""

    positions: int
    top1_agreement: float
    kl_mean: float
    kl_p99: float
    kl_max: float
    kl_tail_share: float
    """Part of all divergence that the worst hundredth of the positions has, 0 to 1."""
    perplexity_ratio: float | None
    """The candidate's perplexity of the text over the reference's: above 1 it expects the text less. None where no
    row's next token was given."""
    agreement_length: float
    """Mean over windows of the rows before the first whose likeliest token differs: what greedy decoding shares."""
    agreement_share: float
    """The same over the rows of the window, 0 to 1; 1 where every window agrees to its end."""
    worst: tuple[Place, ...]

    def as_dict(self) -> dict[str, object]:
        """Plain data, without the places."""
        return {name: value for name, value in asdict(self).items() if name != "worst"}


def divergence(reference: NDArray[np.float32], candidate: NDArray[np.float32]) -> NDArray[np.float64]:
    """KL(reference || candidate) of each row, in nats; both (rows, vocabulary) logits."""
    return _read(reference, candidate, ())[0]


class Tally:
    """Collects rows of logits, slab by slab, and keeps a few numbers of each."""

    def __init__(self) -> None:
        self._kl: list[NDArray[np.float64]] = []
        self._agreed = 0
        self._places: list[Place] = []
        self._surprise: list[float] = []
        self._windows: dict[int, _Run] = {}

    def add(
        self,
        reference: NDArray[np.float32],
        candidate: NDArray[np.float32],
        window: int,
        row: int,
        following: Sequence[int] = (),
    ) -> None:
        """Rows of both models, (rows, vocabulary) logits; the first is row `row` of window `window`.

        `following` are the tokens of the text behind the rows, fewer where it ends. Rows of a window come in order.
        Raises EngineError for logits that are no numbers.
        """
        kl, surprise = _read(reference, candidate, following)
        if np.isnan(kl).any():
            raise EngineError("The model's output is not a number: the weights are damaged. Export the model again.")
        first, second = reference.argmax(-1), candidate.argmax(-1)
        self._kl.append(kl)
        self._agreed += int((first == second).sum())
        self._windows.setdefault(window, _Run()).add(first == second)
        self._surprise += surprise
        found = [
            Place(
                window=window,
                row=row + int(index),
                kl=float(kl[index]),
                reference=int(first[index]),
                reference_probability=_probability(reference[index]),
                candidate=int(second[index]),
                candidate_probability=_probability(candidate[index]),
            )
            for index in np.argsort(-kl, kind="stable")[:WORST]
            if kl[index] > 0
        ]
        self._places = sorted([*self._places, *found], key=lambda place: -place.kl)[:WORST]

    def agreement(self) -> Agreement:
        """What all rows amount to. Raises UsageError when there was none."""
        if not any(map(len, self._kl)):
            raise UsageError("There is nothing to compare: no window of the pages has text.")
        kl = np.concatenate(self._kl)
        tail = np.sort(kl)[-math.ceil(TAIL * len(kl)) :]
        runs = [run for run in self._windows.values() if run.rows]
        return Agreement(
            positions=len(kl),
            top1_agreement=self._agreed / len(kl),
            kl_mean=float(kl.mean()),
            kl_p99=float(np.quantile(kl, 0.99)),
            kl_max=float(kl.max()),
            kl_tail_share=float(tail.sum() / kl.sum()) if kl.any() else 0.0,
            perplexity_ratio=math.exp(sum(self._surprise) / len(self._surprise)) if self._surprise else None,
            agreement_length=sum(run.agreed for run in runs) / len(runs),
            agreement_share=sum(run.agreed / run.rows for run in runs) / len(runs),
            worst=tuple(self._places),
        )


@dataclass
class _Run:
    """Rows of a window so far, and those before the first that differs."""

    rows: int = 0
    agreed: int = 0

    def add(self, same: NDArray[np.bool_]) -> None:
        if self.agreed == self.rows:
            self.agreed += int(same.argmin()) if not same.all() else len(same)
        self.rows += len(same)


def _read(
    reference: NDArray[np.float32], candidate: NDArray[np.float32], following: Sequence[int]
) -> tuple[NDArray[np.float64], list[float]]:
    """Divergence of each row, and by how many nats the candidate expects the token that follows less."""
    kl, surprise = np.empty(len(reference), np.float64), []
    # Row by row: in float64 a slab of both would be ten times a slab of float32.
    for index, rows in enumerate(zip(reference, candidate, strict=True)):
        p, q = map(_log_softmax, rows)
        # Rounding can bring the sum of equal rows a hair below zero. NaN passes through both.
        kl[index] = np.maximum(np.exp(p) @ (p - q), 0.0)
        if index < len(following):
            surprise.append(float(p[following[index]] - q[following[index]]))
    return kl, surprise


def _probability(logits: NDArray[np.float32]) -> float:
    return float(np.exp(_log_softmax(logits).max()))


def _log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    shifted = logits.astype(np.float64) - logits.max()
    result: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum())
    return result
