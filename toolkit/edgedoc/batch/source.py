"""A place a document can be had from, and what makes two documents the same. Knows no container and no model."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

from edgedoc.errors import DocumentError
from edgedoc.tasks.pipeline import Kind


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """One document's place.

    `locator` names it to people and is the same in every run; `version` changes when what holds it does. `read` gives
    its bytes, or raises DocumentError saying why it cannot; it is good until the next source is asked for. `charset` is
    what its transport declared. `share`, 0 to 1, says how much of all input lies before it.
    """

    locator: str
    version: str
    kind: Kind
    read: Callable[[], bytes]
    charset: str | None = None
    url: str | None = None
    share: float = 0.0


def held(data: bytes) -> Callable[[], bytes]:
    """A `Source.read` for bytes that had to be read to find the document."""
    return lambda: data


def broken(locator: str, version: str, reason: str, share: float = 0.0) -> Source:
    """A source that only says what is wrong at its place: a loss gets a row, like a document that fails."""
    return Source(locator=locator, version=version, kind=Kind.HTML, read=partial(_refuse, reason), share=share)


def _refuse(reason: str) -> NoReturn:
    raise DocumentError(reason)


def identity(source: Source, data: bytes) -> str:
    """SHA-256 of a document, hexadecimal: of its bytes, and of kind and declared charset where they are not HTML's.

    A plain HTML file's is what `sha256sum` prints.
    """
    digest = hashlib.sha256(data)
    if source.kind is not Kind.HTML or source.charset is not None:
        digest.update(f"\0{source.kind}\0{source.charset or ''}".encode())
    return digest.hexdigest()


def too_large(size: int, limit: int) -> DocumentError:
    """The refusal of a document of `size` bytes, which need not have been read."""
    return DocumentError(
        f"The document has {size / 2**20:.1f} MiB or more; the limit is {limit / 2**20:.0f} MiB. "
        "Split it, or convert its parts."
    )
