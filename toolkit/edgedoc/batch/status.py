"""What the journal of an output says of its job, running or dead. Changes nothing."""

import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from edgedoc.batch import lock
from edgedoc.batch.journal import DATABASE, LOCK, connect, read_meta
from edgedoc.batch.progress import duration
from edgedoc.batch.tally import Tally, tally
from edgedoc.errors import MissingError, OutputError

RECENT = 60.0
"""Seconds the rate is of."""
# The last ones are at the end: a job may have millions.
_RECENTLY = "SELECT count(*) FROM (SELECT done FROM document ORDER BY rowid DESC LIMIT 100000) WHERE done > ?"
_REASONS = """
SELECT reason, count(*) FROM (
    SELECT coalesce(s.error, d.error) AS reason FROM source s LEFT JOIN document d ON d.id = s.id
    WHERE s.error IS NOT NULL OR d.status = 'failed'
) GROUP BY reason ORDER BY count(*) DESC, reason LIMIT 5
"""


@dataclass(frozen=True, kw_only=True)
class JobStatus:
    """`state`: running, stopped (goes on with the same command), or done; times in seconds."""

    state: str
    tally: Tally
    rate: float
    seconds_of_work: float
    age: float
    reasons: dict[str, int]
    settings: Mapping[str, object]

    def as_dict(self) -> dict[str, object]:
        """Plain data."""
        return {**asdict(self), "settings": dict(self.settings)}

    def text(self) -> str:
        """For people."""
        words = {"stopped": "stopped; the same command goes on", "done": "done"}
        lines = [f"{words.get(self.state, self.state)}; begun {duration(self.age)} ago", self.tally.line()]
        if self.state == "running":
            lines.append(f"{self.rate:.2f} documents a second in the last minute")
        lines += [f"  {count:,} x {reason}" for reason, count in self.reasons.items()]
        return "\n".join(lines)


def journal_of(out: Path) -> Path:
    """Where the journal of an output is: beside it."""
    return out.absolute().with_name(f"{out.absolute().name}.journal")


def status(out: Path) -> JobStatus:
    """How the job of an output stands. Raises MissingError when there is none, OutputError when it cannot be read."""
    folder = journal_of(out)
    if not (folder / DATABASE).exists():
        raise MissingError(f"No job has written to {out}. Begin one with: edgedoc process INPUT... --out {out}")
    with closing(connect(folder / DATABASE)) as database:
        meta = read_meta(database, folder)
        if meta is None:
            raise MissingError(f"The job of {out} has not begun. Begin it with: edgedoc process INPUT... --out {out}")
        try:
            counted = tally(database)
            now = time.time()
            (recent,) = database.execute(_RECENTLY, (now - RECENT,)).fetchone()
            (worked,) = database.execute("SELECT coalesce(sum(seconds), 0) FROM document").fetchone()
            reasons = dict(database.execute(_REASONS).fetchall())
        except sqlite3.Error as error:
            raise OutputError(f"The journal {folder} cannot be read: {error}.") from error
    running = lock.held(folder / LOCK)
    age = now - float(str(meta["started"]))
    return JobStatus(
        state="running" if running else "done" if meta["state"] == "written" else "stopped",
        tally=counted,
        rate=recent / max(1e-9, min(RECENT, age)),
        seconds_of_work=worked,
        age=age,
        reasons=reasons,
        settings=meta["settings"] if isinstance(meta["settings"], dict) else {},
    )
