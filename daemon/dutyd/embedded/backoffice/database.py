"""The back office's one SQLite connection: every change durable before it is answered.

A file comes in; transactions go out, one at a time, whichever thread asks. WAL with full synchronisation, because
crash tests kill everything around it and then count what is there.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dutyd.core.errors import SettingsError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
  n INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL, key TEXT, body TEXT NOT NULL, status TEXT,
  made TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')));
CREATE INDEX IF NOT EXISTS entries_path ON entries (path, n);
CREATE INDEX IF NOT EXISTS entries_key ON entries (key);
CREATE TABLE IF NOT EXISTS executions (
  n INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL, key TEXT, digest TEXT NOT NULL, answer TEXT NOT NULL,
  made TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')));
CREATE INDEX IF NOT EXISTS executions_key ON executions (key, n);
CREATE TABLE IF NOT EXISTS requests (path TEXT, key TEXT, count INTEGER NOT NULL, PRIMARY KEY (path, key));
CREATE TABLE IF NOT EXISTS stock (sku TEXT, location TEXT, body TEXT NOT NULL, PRIMARY KEY (sku, location));
CREATE TABLE IF NOT EXISTS demand (sku TEXT, day TEXT, quantity REAL NOT NULL, PRIMARY KEY (sku, day));
CREATE TABLE IF NOT EXISTS samples (
  metric TEXT NOT NULL, time REAL NOT NULL, value REAL NOT NULL, labels TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS samples_metric ON samples (metric, time);
"""


class Database:
    """The SQLite file *path*, made where it is missing."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            SettingsError: it can't be opened, or is something else.

        """
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
            self._connection.row_factory = sqlite3.Row
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise SettingsError(
                f"the back office can't use {path} as its database: {error}; name another file"
            ) from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the connection for one transaction: committed at the end, rolled back on any error."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def rows(self, query: str, values: tuple[object, ...] = ()) -> list[sqlite3.Row]:
        """Return the rows of a reading *query*."""
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()
