"""The samples of a cell as the figures of its row. Knows no file and no machine beyond the limits it is given.

A rate is that of a whole round (all documents once), and its spread is over rounds; a document's seconds are its median
over rounds. Shares say how near the machine's own limits decoding and prefill came.
"""

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgedoc_bench.spread import Spread

Sample = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """What a step of decoding reads, in bytes, and what a token of prefill computes, in multiplications and additions.

    The weights once a step (a tied embedding counts as the head), the cache of every position before.
    """

    weights: float
    cache_per_position: float
    operations_per_token: float


def summarise(
    samples: Sequence[Sample],
    *,
    traffic: Traffic | None = None,
    bandwidth: float | None = None,
    arithmetic: float | None = None,
    idle_watts: float | None = None,
) -> dict[str, Any]:
    """The `summary` of a `cell` row; `bandwidth` in bytes/s, `arithmetic` in operations/s, None where unknown.

    At least one sample, the warm-up left out.
    """
    rounds = _grouped(samples, "round")
    # A document that failed later on is in some rounds only, and those would not be comparable.
    documents = {name: rows for name, rows in _grouped(samples, "document").items() if len(rows) == len(rounds)}
    whole = [[row for row in rows if row["document"] in documents] for rows in rounds.values()]
    seconds = [statistics.median(row["seconds"] for row in rows) for rows in documents.values()]
    found: dict[str, Any] = {
        "seconds": {"mean": statistics.fmean(seconds), **_quantiles(seconds)},
        "documents_per_second": _spread([len(rows) / _sum(rows, "seconds") for rows in whole]),
        "unsteady": sorted(name for name, rows in documents.items() if len({row["digest"] for row in rows}) > 1),
        "joules_per_document": None,
        "joules_per_document_above_idle": None,
    }
    counted = [row for rows in whole for row in rows]
    if all(row.get("joules") is not None for row in counted):
        joules = _sum(counted, "joules") / len(counted)
        found["joules_per_document"] = joules
        if idle_watts is not None:
            found["joules_per_document_above_idle"] = joules - idle_watts * _sum(counted, "seconds") / len(counted)
    return found | (_model(whole, documents, traffic, bandwidth, arithmetic) if "steps" in samples[0] else _NO_MODEL)


_NO_MODEL: dict[str, Any] = dict.fromkeys(
    (
        *("prefill_tokens_per_second", "decode_tokens_per_second", "steps_per_second", "first_token", "windows"),
        *("flagged", "fallbacks", "steps", "drafted", "accepted", "acceptance", "tokens_in", "tokens_out"),
        *("bandwidth_share", "arithmetic_share"),
    )
)


def _model(
    rounds: Sequence[Sequence[Sample]],
    documents: Mapping[str, Sequence[Sample]],
    traffic: Traffic | None,
    bandwidth: float | None,
    arithmetic: float | None,
) -> dict[str, Any]:
    first = rounds[0]
    firsts = [
        statistics.median(row["first_token"] for row in rows)
        for rows in documents.values()
        if all(row["first_token"] is not None for row in rows)
    ]
    # The first token of every window comes with its prompt, and its last step gives the stop token.
    steps = [_rate(rows, _sum(rows, "steps") - _sum(rows, "windows"), "decode_seconds") for rows in rounds]
    prefill = _spread([_rate(rows, _sum(rows, "prefill_tokens"), "prefill_seconds") for rows in rounds])
    decode = [_rate(rows, _sum(rows, "output_tokens"), "decode_seconds") for rows in rounds]
    drafted = _sum(first, "drafted")
    found = {
        "prefill_tokens_per_second": prefill,
        "decode_tokens_per_second": _spread(decode),
        "steps_per_second": _spread(steps),
        "first_token": _quantiles(firsts) if firsts else None,
        "acceptance": _sum(first, "accepted") / drafted if drafted else None,
        "tokens_in": _sum(first, "prefill_tokens"),
        "tokens_out": _sum(first, "output_tokens"),
        "bandwidth_share": None,
        "arithmetic_share": None,
    }
    found |= {name: _sum(first, name) for name in ("windows", "flagged", "fallbacks", "steps", "drafted", "accepted")}
    if traffic is not None and found["steps_per_second"] and bandwidth:
        depth = (found["tokens_in"] + found["tokens_out"] / 2) / max(1, found["windows"])
        read = traffic.weights + depth * traffic.cache_per_position
        found["bandwidth_share"] = read * statistics.median(filter(None, steps)) / bandwidth
    if traffic is not None and prefill and arithmetic:
        found["arithmetic_share"] = traffic.operations_per_token * prefill["median"] / arithmetic
    return found


def _grouped(samples: Sequence[Sample], key: str) -> dict[Any, list[Sample]]:
    found: dict[Any, list[Sample]] = defaultdict(list)
    for row in samples:
        found[row[key]].append(row)
    return found


def _sum(rows: Sequence[Sample], key: str) -> Any:
    return sum(row[key] for row in rows)


def _rate(rows: Sequence[Sample], count: float, seconds: str) -> float | None:
    spent = _sum(rows, seconds)
    return count / spent if spent > 0 and count > 0 else None


def _spread(values: Sequence[float | None]) -> dict[str, float] | None:
    known = [value for value in values if value is not None]
    return dict(vars(Spread.of(known))) if known else None


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    half, most = np.quantile(np.asarray(values), (0.5, 0.95))
    return {"p50": float(half), "p95": float(most)}
