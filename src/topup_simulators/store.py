"""The store of a simulator: one SQLite file with a write-ahead log.

What was said stays said when the process is killed. It is not synced at every commit, so a power cut may take the last
seconds: the simulators share their disk with the database under test, and must not slow it down.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_EVERYONES = """
CREATE TABLE IF NOT EXISTS agenda (
    id INTEGER PRIMARY KEY,
    due REAL NOT NULL,
    kind TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    detail TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS agenda_due ON agenda (due);
CREATE TABLE IF NOT EXISTS calls (
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    received INTEGER NOT NULL DEFAULT 0,
    effected INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, subject)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS nonces (nonce TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
"""


class Store:
    """One connection, used from one thread: each call ends before the next begins."""

    def __init__(self, path: Path, schema: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(_EVERYONES + schema)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; one inside another belongs to the outer."""
        if self._connection.in_transaction:
            yield
            return
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def write(self, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> int:
        """Run one statement; gives how many rows it changed."""
        return self._connection.execute(sql, values).rowcount

    def one(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Row | None:
        """The first row."""
        row: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
        return row

    def all(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Every row."""
        return self._connection.execute(sql, values).fetchall()

    def count(self, kind: str, subject: str, *, effected: bool) -> None:
        """Note that a call came, and whether it did something: what the tests of double effects read."""
        self.write(
            "INSERT INTO calls (kind, subject, received, effected) VALUES (?, ?, 1, ?) "
            "ON CONFLICT DO UPDATE SET received = received + 1, effected = effected + excluded.effected",
            (kind, subject, int(effected)),
        )

    def counted(self, *, subject: str | None, most: int) -> list[dict[str, Any]]:
        """The calls noted, of one subject or of all, at most `most`."""
        rows = self.all(
            "SELECT kind, subject, received, effected FROM calls WHERE ?1 IS NULL OR subject = ?1 "
            "ORDER BY subject, kind LIMIT ?2",
            (subject, most),
        )
        return [dict(row) for row in rows]

    def use_nonce(self, nonce: str, now: float, keep_s: float) -> bool:
        """Whether the nonce is new; it is remembered for `keep_s` seconds."""
        self.write("DELETE FROM nonces WHERE at < ?", (now - keep_s,))
        return self.write("INSERT INTO nonces (nonce, at) VALUES (?, ?) ON CONFLICT DO NOTHING", (nonce, now)) == 1

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()
