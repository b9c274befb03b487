"""Which model formats this machine can both make and run. Knows no model."""

import importlib.util

from edgedoc.engines import ENGINES, installed


def runnable() -> tuple[str, ...]:
    """Formats with an engine and an exporter here, the preferred first; none of either imported to find out."""
    # An exporter's package is named as its format.
    return tuple(name for name in installed() if importlib.util.find_spec(name) is not None)


def usable() -> tuple[str, ...]:
    """As `runnable`; without any the preferred one alone: its exporter says what is missing."""
    return runnable() or tuple(ENGINES)[:1]
