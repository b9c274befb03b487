"""Prices the user states, dated, from a TOML file. Knows no measurement and has no prices of its own.

currency = "EUR"
date = 2026-11-01                  # when these prices held
source = "my provider's list"

[cloud]                            # any of the three; what is left out is not in the bill
per_hour = 0.096                   # price of the machine for an hour
utilisation = 0.8                  # share of the paid time it works

[owned]
price = 900.0                      # of the machine, once
life_years = 4.0
duty = 0.25                        # share of its life it works
watts = 15.0                       # drawn while it works, as you measured it; left out: the counters of this run
per_kwh = 0.30

[energy]                           # nothing but the electricity of the run itself, from the machine's counters
per_kwh = 0.30
"""

import datetime
import hashlib
import math
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgedoc.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """A rented machine. `per_hour` in the currency; `utilisation` above 0, at most 1."""

    per_hour: float
    utilisation: float


@dataclass(frozen=True, kw_only=True)
class Owned:
    """A bought machine, paid off over the hours it works. `watts` None: what the counters say."""

    price: float
    life_years: float
    duty: float
    watts: float | None
    per_kwh: float


@dataclass(frozen=True, kw_only=True)
class Energy:
    """The electricity alone, for a machine that is there anyway."""

    per_kwh: float


@dataclass(frozen=True, kw_only=True)
class Prices:
    """A price file; conventions that it leaves out are None."""

    currency: str
    date: str
    source: str
    cloud: Cloud | None
    owned: Owned | None
    energy: Energy | None
    file: str
    sha256: str

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


_SHARES = ("utilisation", "duty")


def load(path: Path) -> Prices:
    """Read a price file. Raises UsageError that names the field which is missing, unknown, negative or no number."""
    try:
        text = path.read_text("utf-8")
        table = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"The price file {path} cannot be read: {error}.") from error
    _only(table, ("currency", "date", "source", "cloud", "owned", "energy"), "", path)
    for key in ("currency", "date", "source"):
        if key not in table:
            raise UsageError(f"{path}: '{key}' is missing. A price without it means nothing later.")
    if not isinstance(table["date"], datetime.date):
        raise UsageError(f"{path}: 'date' is the day the prices held, written 2026-11-01, not {table['date']!r}.")
    cloud, owned, energy = (table.get(key) for key in ("cloud", "owned", "energy"))
    if cloud is None and owned is None and energy is None:
        raise UsageError(f"{path} has none of [cloud], [owned] and [energy], so there is nothing to charge.")
    return Prices(
        currency=str(table["currency"]),
        date=table["date"].isoformat(),
        source=str(table["source"]),
        cloud=Cloud(**_numbers(cloud, ("per_hour", "utilisation"), "cloud", path)) if cloud is not None else None,
        owned=_owned(owned, path) if owned is not None else None,
        energy=Energy(**_numbers(energy, ("per_kwh",), "energy", path)) if energy is not None else None,
        file=str(path),
        sha256=hashlib.sha256(text.encode()).hexdigest(),
    )


def _owned(table: Any, path: Path) -> Owned:
    needed = ("price", "life_years", "duty", "per_kwh")
    if isinstance(table, dict) and "watts" in table:
        return Owned(**_numbers(table, (*needed, "watts"), "owned", path))
    return Owned(watts=None, **_numbers(table, needed, "owned", path))


def _numbers(table: Any, needed: tuple[str, ...], section: str, path: Path) -> dict[str, float]:
    if not isinstance(table, dict):
        raise UsageError(f"{path}: '{section}' is a table, written [{section}].")
    _only(table, needed, f"{section}.", path)
    found = {}
    for key in needed:
        value = table.get(key)
        if value is None:
            raise UsageError(f"{path}: '{section}.{key}' is missing.")
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise UsageError(f"{path}: '{section}.{key}' is {value!r}, which is no number.")
        if value < 0:
            raise UsageError(f"{path}: '{section}.{key}' is {value}, and cannot be negative.")
        if key in (*_SHARES, "life_years") and value == 0:
            raise UsageError(f"{path}: '{section}.{key}' is 0: the machine would never work.")
        if key in _SHARES and value > 1:
            raise UsageError(f"{path}: '{section}.{key}' is {value}, and is a share of the time, at most 1.")
        found[key] = float(value)
    return found


def _only(table: dict[str, Any], known: tuple[str, ...], prefix: str, path: Path) -> None:
    for key in table:
        if key not in known:
            raise UsageError(f"{path}: '{prefix}{key}' is not a field; there is {', '.join(known)}.")
