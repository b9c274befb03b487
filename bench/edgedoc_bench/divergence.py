"""How far the next-token distributions of two models lie apart, and at which positions. Knows no engine and no text.

Top-1 agreement and Kullback-Leibler divergence as llama.cpp's llama-perplexity defines them (tools/perplexity).
"""

import math
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
    worst: tuple[Place, ...]

    def as_dict(self) -> dict[str, object]:
        """Plain data, without the places."""
        return {name: value for name, value in asdict(self).items() if name != "worst"}


def divergence(reference: NDArray[np.float32], candidate: NDArray[np.float32]) -> NDArray[np.float64]:
    """KL(reference || candidate) of each row, in nats; both (rows, vocabulary) logits."""
    # Row by row: in float64 a slab of both would be ten times a slab of float32.
    return np.array([_row_divergence(p, q) for p, q in zip(reference, candidate, strict=True)], np.float64)


class Tally:
    """Collects rows of logits, slab by slab, and keeps a few numbers of each."""

    def __init__(self) -> None:
        self._kl: list[NDArray[np.float64]] = []
        self._agreed = 0
        self._places: list[Place] = []

    def add(self, reference: NDArray[np.float32], candidate: NDArray[np.float32], window: int, row: int) -> None:
        """Rows of both models, (rows, vocabulary) logits; the first is row `row` of window `window`.

        Raises EngineError for logits that are no numbers.
        """
        kl = divergence(reference, candidate)
        if np.isnan(kl).any():
            raise EngineError("The model's output is not a number: the weights are damaged. Export the model again.")
        first, second = reference.argmax(-1), candidate.argmax(-1)
        self._kl.append(kl)
        self._agreed += int((first == second).sum())
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
        return Agreement(
            positions=len(kl),
            top1_agreement=self._agreed / len(kl),
            kl_mean=float(kl.mean()),
            kl_p99=float(np.quantile(kl, 0.99)),
            kl_max=float(kl.max()),
            kl_tail_share=float(tail.sum() / kl.sum()) if kl.any() else 0.0,
            worst=tuple(self._places),
        )


def _row_divergence(reference: NDArray[np.float32], candidate: NDArray[np.float32]) -> float:
    p, q = _log_softmax(reference), _log_softmax(candidate)
    # Rounding can bring the sum of equal rows a hair below zero. NaN passes through both.
    return float(np.maximum(np.exp(p) @ (p - q), 0.0))


def _probability(logits: NDArray[np.float32]) -> float:
    return float(np.exp(_log_softmax(logits).max()))


def _log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    shifted = logits.astype(np.float64) - logits.max()
    result: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum())
    return result
