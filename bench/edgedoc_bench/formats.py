"""Which model formats this machine can both make and run. Knows no model."""

import importlib.util

from edgedoc.engines import ENGINES, installed


def usable() -> tuple[str, ...]:
    """Formats with an engine and an exporter here, the preferred first.

    Without any it is the preferred one alone: its exporter says what is missing.
    """
    # An exporter's package is named as its format.
    found = tuple(name for name in installed() if importlib.util.find_spec(name) is not None)
    return found or tuple(ENGINES)[:1]
