"""How many documents of a job went how, counted from its journal. Knows no output."""

import sqlite3
from dataclasses import dataclass

# Identities are grouped along their index: sorting a million of them takes memory.
_COUNTS = """
SELECT count(*), count(s.id) - (SELECT count(*) FROM (SELECT 1 FROM source WHERE id IS NOT NULL GROUP BY id)),
    coalesce(sum(d.status = 'ok'), 0), coalesce(sum(s.error IS NOT NULL OR d.status = 'failed'), 0)
FROM source s LEFT JOIN document d ON d.id = s.id
"""


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Of the sources: `documents` in all, `ok` and `failed`, `duplicates` among both. `chunks` of the distinct."""

    documents: int
    ok: int
    failed: int
    duplicates: int
    chunks: int

    @property
    def pending(self) -> int:
        """Found, and not done yet."""
        return self.documents - self.ok - self.failed

    def line(self) -> str:
        """For people."""
        parts = [f"{self.ok:,} ok", f"{self.failed:,} failed"]
        if self.pending:
            parts.append(f"{self.pending:,} not done")
        twice = f" ({self.duplicates:,} duplicates)" if self.duplicates else ""
        return f"{self.documents:,} documents{twice}: {', '.join(parts)}; {self.chunks:,} chunks"


def tally(database: sqlite3.Connection) -> Tally:
    """Count. Raises sqlite3.Error."""
    documents, duplicates, ok, failed = database.execute(_COUNTS).fetchone()
    (chunks,) = database.execute(
        "SELECT coalesce(sum(chunks), 0) FROM document d WHERE EXISTS (SELECT 1 FROM source s WHERE s.id = d.id)"
    ).fetchone()
    return Tally(documents=documents, ok=ok, failed=failed, duplicates=duplicates, chunks=chunks)
