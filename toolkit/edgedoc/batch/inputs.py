"""What the arguments of a job stand for: files, folders, patterns and stdin, and the documents in them, in order.

Knows the kinds of containers by their names, and none from inside. The same arguments give the same order every time,
and nothing is held in memory that grows with the number of documents.
"""

import glob
import os
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from edgedoc.batch import json_lines, plain_file, warc, zip_archive
from edgedoc.batch.source import Source, broken
from edgedoc.files import STDIN
from edgedoc.tasks.pipeline import Kind

_KINDS = {
    **dict.fromkeys((".html", ".htm", ".xhtml"), Kind.HTML),
    **dict.fromkeys((".md", ".markdown", ".txt"), Kind.TEXT),
}
_LINES = (".jsonl", ".ndjson")


@dataclass(frozen=True)
class _File:
    path: Path
    locator: str
    size: int


def sources(
    arguments: Collection[str], *, stdin: Callable[[], Path], excluded: Collection[Path] = ()
) -> Iterator[Source]:
    """Every document of `arguments`, in their order and that of names; what cannot be read is a source that says so.

    `stdin` gives a file with all that stdin holds; `excluded` are files and folders that are no input, wherever they
    are, such as the job's own output. Raises what the containers raise besides: MissingPackageError.
    """
    shut = {path.resolve() for path in excluded}
    total = sum(file.size for file in _files(arguments, stdin, shut)) or 1
    before = 0
    for file in _files(arguments, stdin, shut):
        version = plain_file.version(file.path)
        try:
            for source in _documents(file, version):
                yield replace(source, share=min(1.0, (before + source.share * file.size) / total))
        except OSError as error:
            yield broken(file.locator, version, f"It cannot be read: {error.strerror or error}.")
        before += file.size


def kind_of(name: str) -> Kind | None:
    """What a file of that name is as a document; None for containers and everything unknown."""
    return _KINDS.get(_suffix(name))


def countable(arguments: Collection[str]) -> int | None:
    """How many documents there are, where every argument is one; None where that takes reading."""
    single = all(
        argument != STDIN and Path(argument).is_file() and _container(_File(Path(argument), argument, 0)) is None
        for argument in arguments
    )
    return len(arguments) if single else None


def _documents(file: _File, version: str) -> Iterator[Source]:
    container = _container(file)
    if container is not None:
        yield from container(file.path, file.locator, version)
        return
    yield Source(
        locator=file.locator,
        version=version,
        kind=kind_of(file.path.name) or Kind.HTML,
        read=partial(plain_file.read, file.path),
    )


def _container(file: _File) -> Callable[[Path, str, str], Iterator[Source]] | None:
    suffix = _suffix(file.path.name)
    if file.locator == STDIN:
        with file.path.open("rb") as opened:
            beginning = opened.read(64)
        if beginning.startswith(b"PK\x03\x04"):
            suffix = ".zip"
        elif beginning.lstrip().startswith(b"{"):
            suffix = ".jsonl"
        elif beginning.startswith((b"WARC/", b"\x1f\x8b")):
            suffix = ".warc"
    if suffix in _LINES:
        return json_lines.sources
    if suffix == ".warc":
        return warc.sources
    if suffix == ".zip":
        return partial(zip_archive.sources, kind_of=kind_of)
    return None


def _suffix(name: str) -> str:
    return Path(name.lower().removesuffix(".gz")).suffix


def _files(arguments: Collection[str], stdin: Callable[[], Path], shut: Collection[Path]) -> Iterator[_File]:
    for argument in arguments:
        path = Path(argument)
        if argument == STDIN:
            yield _file(stdin(), STDIN)
        elif path.is_dir():
            yield from _below(path, shut)
        elif not os.path.lexists(path) and glob.has_magic(argument):
            # Path.glob takes no absolute pattern.
            names = sorted(glob.iglob(argument, recursive=True))  # noqa: PTH207
            for name in names or [argument]:
                if not Path(name).is_dir() and Path(name).resolve() not in shut:
                    yield _file(Path(name), name)
        else:
            yield _file(path, argument)


def _below(folder: Path, shut: Collection[Path]) -> Iterator[_File]:
    """Files of known kinds below a folder, by name; hidden ones, links to folders and `shut` are left out.

    A folder that cannot be read stands for itself: reading it says so.
    """
    if not os.access(folder, os.R_OK | os.X_OK):
        yield _file(folder, str(folder))
        return
    for name in _names(folder):
        path = folder / name
        if name.startswith(".") or path.resolve() in shut:
            continue
        if path.is_dir():
            if not path.is_symlink():
                yield from _below(path, shut)
        elif kind_of(name) is not None or _container(_File(path, name, 0)) is not None:
            yield _file(path, str(path))


def _names(folder: Path) -> Iterator[str]:
    # Sorted on disk: a folder may hold a million files. SQLite keeps a database without a name in a temporary file.
    with closing(sqlite3.connect("")) as database:
        database.execute("CREATE TABLE names (name BLOB PRIMARY KEY) WITHOUT ROWID")
        with os.scandir(folder) as entries:
            database.executemany("INSERT INTO names VALUES (?)", ((os.fsencode(entry.name),) for entry in entries))
        for (name,) in database.execute("SELECT name FROM names ORDER BY name"):
            yield os.fsdecode(name)


def _file(path: Path, locator: str) -> _File:
    try:
        size = path.stat().st_size
    except OSError:
        size = 0
    return _File(path, locator, size)
