"""What differs between the settings a job was begun with and those it is to go on with, in words. Knows no job."""

from collections.abc import Iterator, Mapping


def differences(before: object, now: object) -> list[str]:
    """One entry a difference, "name: was A, is B"; names within names are joined by dots."""
    return list(_differences("", before, now))


def _differences(name: str, before: object, now: object) -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys((*before, *now)):
            yield from _differences(f"{name}.{key}" if name else str(key), before.get(key), now.get(key))
    elif before != now:
        yield f"{name}: was {_text(before)}, is {_text(now)}"


def _text(value: object) -> str:
    # Checksums are told apart by their beginning.
    return "not set" if value is None else f"{str(value)[:16]}"
