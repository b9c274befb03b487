"""The truth about a job: an SQLite database beside its output. Knows no model and no output format.

Two tables. `source`: where each document was found, in the order of the inputs. `document`: the row of each distinct
one, by its identity. A document is done when its row is there, which one transaction decides; the output is made of
both tables at the end and can be made again at any time. So nothing has to be undone after a crash, of whatever: a
document without a row is processed again, and one with a row never is.

Write-ahead log, `synchronous=NORMAL` (https://www.sqlite.org/pragma.html#pragma_synchronous): a commit survives the
death of any process; a power cut may lose the last ones, whose documents are then processed again. Waiting for the disk
at each would cost more than many a document.
"""

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import NamedTuple, Self

from edgedoc.batch.differences import differences
from edgedoc.batch.lock import OutputLock
from edgedoc.batch.messages import Result
from edgedoc.batch.source import Source
from edgedoc.batch.tally import Tally, tally
from edgedoc.errors import OutputError, UsageError

SCHEMA = 1
DATABASE, LOCK = "journal.sqlite", "lock"

_TABLES = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE source (position INTEGER PRIMARY KEY, locator TEXT NOT NULL, version TEXT, url TEXT, id BLOB,"
    " error TEXT, row BLOB)",
    "CREATE INDEX source_id ON source (id, position) WHERE id IS NOT NULL",
    "CREATE TABLE document (id BLOB PRIMARY KEY, status TEXT NOT NULL, error TEXT, chunks INTEGER NOT NULL,"
    " seconds REAL NOT NULL, done REAL NOT NULL, row BLOB NOT NULL)",
)
_LINES = """
SELECT s.position, s.locator, s.url, s.id, coalesce(d.status, 'failed'), coalesce(d.row, s.row),
    (SELECT f.locator FROM source f WHERE f.id = s.id AND f.position < s.position ORDER BY f.position LIMIT 1)
FROM source s LEFT JOIN document d ON d.id = s.id WHERE s.position >= ? ORDER BY s.position
"""


class Line(NamedTuple):
    """A source with what became of it. `row` is packed (see `rows`), None while its document is not done."""

    position: int
    locator: str
    url: str | None
    id: str | None
    status: str
    row: bytes | None
    duplicate_of: str | None


class Journal:
    """Open for one job. Use as a context manager, or call `close`. Every method raises OutputError, as for a full disk;
    what was done before stays done."""

    def __init__(self, folder: Path, settings: Mapping[str, object], *, restart: bool = False) -> None:
        """Open the journal in `folder`, or begin one there; `settings` are plain data.

        Raises UsageError naming what changed when it was begun with other settings or by another version; with
        `restart` an older one is thrown away instead. Raises OutputError when another job has it.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{folder} cannot be made: {error.strerror or error}.") from error
        self.folder = folder
        self.settings = json.loads(json.dumps(settings))
        with ExitStack() as opened:
            opened.enter_context(closing(OutputLock(folder / LOCK)))
            if restart:
                for file in folder.glob(f"{DATABASE}*"):
                    file.unlink()
            self._database = opened.enter_context(closing(connect(folder / DATABASE)))
            with self._using() as database:
                database.execute("PRAGMA journal_mode = WAL")
                database.execute("PRAGMA synchronous = NORMAL")
                self._begin(database)
            self._opened = opened.pop_all()

    def _begin(self, database: sqlite3.Connection) -> None:
        known = read_meta(database, self.folder)
        if known is None:
            database.execute("BEGIN")
            for statement in _TABLES:
                database.execute(statement)
            known = {"schema": SCHEMA, "settings": self.settings, "started": time.time()}
        if known["schema"] != SCHEMA:
            raise UsageError(
                f"The journal {self.folder} was written by another edgedoc (schema {known['schema']}, here {SCHEMA}). "
                "Finish it with that one, or begin anew with --restart."
            )
        if changed := differences(known["settings"], self.settings):
            raise UsageError(
                f"The job that {self.folder} is of was begun with other settings: {'; '.join(changed)}. Go on with "
                "those, choose another --out, or begin anew with --restart."
            )
        for name, value in {**known, "state": "running"}.items():
            self._set(database, name, value)

    def _set(self, database: sqlite3.Connection, name: str, value: object) -> None:
        database.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, json.dumps(value)))

    def forget_failures(self) -> None:
        """Make failed documents, and sources that could not be read, undone."""
        with self._using() as database:
            database.execute("UPDATE source SET version = NULL WHERE error IS NOT NULL")
            database.execute("DELETE FROM document WHERE status = 'failed'")

    def done(self, position: int, source: Source) -> bool:
        """Whether this source was at this place before, unchanged, and its row is there."""
        with self._using() as database:
            found = database.execute(
                "SELECT 1 FROM source s WHERE position = ? AND locator = ? AND version = ? AND "
                "(row IS NOT NULL OR EXISTS (SELECT 1 FROM document d WHERE d.id = s.id))",
                (position, source.locator, source.version),
            ).fetchone()
        return found is not None

    def place(self, position: int, source: Source, id: str) -> bool:
        """Note which document a source is; whether that document is done."""
        with self._using() as database:
            key = bytes.fromhex(id)
            database.execute(
                "INSERT OR REPLACE INTO source (position, locator, version, url, id) VALUES (?, ?, ?, ?, ?)",
                (position, source.locator, source.version, source.url, key),
            )
            return database.execute("SELECT 1 FROM document WHERE id = ?", (key,)).fetchone() is not None

    def unreadable(self, position: int, source: Source, error: str, row: bytes) -> None:
        """Note a source that has no document, and its row."""
        with self._using() as database:
            database.execute(
                "INSERT OR REPLACE INTO source (position, locator, version, url, error, row) VALUES (?, ?, ?, ?, ?, ?)",
                (position, source.locator, source.version, source.url, error, row),
            )

    def settle(self, result: Result) -> None:
        """A document is done: this is its row, for ever."""
        with self._using() as database:
            database.execute(
                "INSERT OR IGNORE INTO document VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    bytes.fromhex(result.id),
                    *(result.status, result.error, result.chunks, result.seconds, time.time(), result.row),
                ),
            )

    def end_at(self, count: int) -> None:
        """All inputs were seen: there are `count` sources, and those that were behind them are gone."""
        with self._using() as database:
            database.execute("DELETE FROM source WHERE position >= ?", (count,))

    def written(self) -> None:
        """The output of a complete job is where it belongs."""
        with self._using() as database:
            self._set(database, "state", "written")

    def tally(self) -> Tally:
        """How many went how so far."""
        with self._using() as database:
            return tally(database)

    def lines(self, first: int = 0) -> Iterator[Line]:
        """The sources from position `first` on, in order, up to the first whose document is not done."""
        with self._using() as database:
            for position, locator, url, id, status, row, duplicate_of in database.execute(_LINES, (first,)):
                if row is None:
                    return
                yield Line(position, locator, url, id.hex() if id is not None else None, status, row, duplicate_of)

    def close(self) -> None:
        """Close it and let others have it. What was done stays done."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        """A transaction; what SQLite raises becomes OutputError."""
        try:
            with self._database:
                yield self._database
        except sqlite3.Error as error:
            raise OutputError(
                f"The journal {self.folder} cannot be written: {error}. Make room or mend the disk, then give the same "
                "command again: it goes on where it was."
            ) from error


def connect(path: Path) -> sqlite3.Connection:
    """The database, in which every statement is a transaction unless one is begun. Raises sqlite3.Error."""
    return sqlite3.connect(path, timeout=10)


def read_meta(database: sqlite3.Connection, folder: Path) -> dict[str, object] | None:
    """Names and values of the job; None where there is no job yet. Raises OutputError for a foreign file."""
    try:
        if database.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None:
            return None
        return {name: json.loads(value) for name, value in database.execute("SELECT name, value FROM meta")}
    except (sqlite3.DatabaseError, ValueError) as error:
        raise OutputError(
            f"The journal {folder} is damaged or not edgedoc's: {error}. Begin anew with --restart, or choose another "
            "--out."
        ) from error
