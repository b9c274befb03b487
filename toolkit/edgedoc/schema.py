"""Plain tables (parsed TOML or JSON) to frozen dataclasses and back, strictly: every key that does not fit is named.

Knows no file, no recipe and no manifest. Understands the annotations those two use: str, int, float, bool, enums of
strings, `X | None`, `tuple[X, ...]`, `dict[str, X]`, nested dataclasses and `Any`. A field is optional when it may be
None.
"""

import dataclasses
import json
import types
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


class SchemaError(ValueError):
    """A table does not fit its dataclass; the message names the key. Callers translate it and add the file's name."""


def parse_json(text: str) -> Any:
    """The value of a JSON text that means one thing to every reader: no key twice, no NaN. Raises SchemaError."""
    try:
        return json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise SchemaError(f"is not valid JSON: {error}") from error


def from_table(kind: type[T], table: object) -> T:
    """Build the dataclass `kind` from a table of the same shape. Raises SchemaError."""
    value: T = _convert(kind, table, "")
    return value


def to_table(instance: Any) -> dict[str, Any]:
    """The inverse of `from_table`: plain dicts, lists and scalars; fields that are None are left out."""
    table: dict[str, Any] = _plain(instance)
    return table


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        pairs = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
        return {name: _plain(item) for name, item in pairs if item is not None}
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.value if isinstance(value, StrEnum) else value


def _convert(kind: Any, value: Any, key: str) -> Any:
    if kind is Any:
        return value
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (types.UnionType, Union):
        if value is None:
            return None
        (inner,) = (argument for argument in arguments if argument is not type(None))
        return _convert(inner, value, key)
    if origin is tuple:
        items = _expect(list, value, key, "a list")
        return tuple(_convert(arguments[0], item, f"{key}[{index}]") for index, item in enumerate(items))
    if origin is dict:
        table = _expect(dict, value, key, "a table")
        return {name: _convert(arguments[1], item, _join(key, name)) for name, item in table.items()}
    if dataclasses.is_dataclass(kind):
        return _convert_table(kind, value, key)
    if issubclass(kind, StrEnum):
        text = _expect(str, value, key, "a string")
        if text not in list(kind):
            raise SchemaError(f"{key!r} is {text!r}, which is none of {', '.join(kind)}")
        return kind(text)
    # bool is an int and an int may stand for a float; only the second is what a writer of TOML means.
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind is int and isinstance(value, bool):
        raise SchemaError(f"{key!r} should be an integer, not a boolean")
    names = {str: "a string", int: "an integer", float: "a number", bool: "true or false"}
    return _expect(kind, value, key, names[kind])


def _convert_table(kind: Any, value: Any, key: str) -> Any:
    table = _expect(dict, value, key, "a table")
    hints = get_type_hints(kind)
    for name in table:
        if name not in hints:
            raise SchemaError(f"{_join(key, name)!r} is not a key; the keys here are {', '.join(hints)}")
    required = {name for name, hint in hints.items() if type(None) not in get_args(hint)}
    for name in sorted(required - table.keys()):
        raise SchemaError(f"{_join(key, name)!r} is missing")
    return kind(**{name: _convert(hint, table.get(name), _join(key, name)) for name, hint in hints.items()})


def _expect(kind: type, value: Any, key: str, wording: str) -> Any:
    if not isinstance(value, kind):
        raise SchemaError(f"{key or 'the document'!r} should be {wording}, not {type(value).__name__}")
    return value


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a key occurs twice")
    return table


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
