"""What documents and tokens cost, from measured seconds and stated prices. Knows no default price.

Three conventions, never mixed: a rented machine by the hour, a bought one over the hours of its life that it works, and
the electricity alone. Prompt and answer are charged apart, by the seconds that prefill and decoding took, since a token
in is far cheaper than a token out.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from edgedoc_bench.prices import Owned, Prices

HOURS_A_YEAR = 8766.0
NO_ENERGY = "energy is unknown here: no counter could be read"


def bill(cell: Mapping[str, Any], prices: Prices) -> Iterator[dict[str, Any]]:
    """The `money` rows of a finished `cell` row, one for each convention the price file has."""
    summary = cell.get("summary")
    if summary is None or cell["measure"] != "documents":
        return
    joules = summary["joules_per_document"]
    watts = joules / summary["seconds"]["mean"] if joules is not None else None
    if prices.cloud is not None:
        yield _row(cell, prices, "cloud", prices.cloud.per_hour / prices.cloud.utilisation)
    if prices.owned is not None:
        yield _row(cell, prices, "owned", _owned_hour(prices.owned, watts))
    if prices.energy is not None:
        yield _row(cell, prices, "energy", watts / 1000 * prices.energy.per_kwh if watts is not None else None)


def _owned_hour(owned: Owned, watts: float | None) -> float | None:
    """Price of an hour of work; None without a figure for what it draws."""
    drawn = owned.watts if owned.watts is not None else watts
    if drawn is None:
        return None
    return owned.price / (owned.life_years * HOURS_A_YEAR * owned.duty) + drawn / 1000 * owned.per_kwh


def _row(cell: Mapping[str, Any], prices: Prices, convention: str, hour: float | None) -> dict[str, Any]:
    summary = cell["summary"]
    rates = {
        "per_million_tokens_in": summary["prefill_tokens_per_second"],
        "per_million_tokens_out": summary["decode_tokens_per_second"],
    }
    per_second = hour / 3600 if hour is not None else None
    return {
        "cell": cell["cell"],
        "convention": convention,
        "currency": prices.currency,
        "per_1000_documents": 1000 * summary["seconds"]["mean"] * per_second if per_second is not None else None,
        **{
            name: 1e6 / rate["median"] * per_second if rate is not None and per_second is not None else None
            for name, rate in rates.items()
        },
        "reason": NO_ENERGY if hour is None else None,
    }
