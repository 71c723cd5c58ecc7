"""The entries of the back office: made once per key, listed, found again by key.

A body and the caller's idempotency key come in; what was made goes out, and the same again for the same key. Beside
the entries stands a log of executions that is only ever appended to: it shows a double where there is one.
"""

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dutyd.embedded.backoffice.database import Database
from dutyd.embedded.backoffice.kinds import KINDS, Kind

Answer = dict[str, Any]
"""An entry as JSON."""


class EntryRefusedError(Exception):
    """Nothing was made; the text says why. *status* is the HTTP status that says it."""

    def __init__(self, message: str, status: int = 422) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Made:
    """What a request led to: the entry as it was when it was made, and whether that was now."""

    answer: Answer
    now: bool


class Entries:
    """Tickets, purchase orders, alerts, messages and what belongs to them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def make(self, kind: Kind, key: str | None, body: Mapping[str, Any], *, once: bool) -> Made:
        """Make one entry; with *once*, the answer stored under *key* takes the place of a second.

        Raises:
            EntryRefusedError: the body is wrong, or *key* belongs to another request.

        """
        _check(kind, body)
        digest = _digest(kind, body)
        with self._database.transaction() as connection:
            if once and key is not None and (known := _execution(connection, key)) is not None:
                if known["digest"] != digest:
                    raise EntryRefusedError(f"the key {key} was used for another request")
                return Made(json.loads(known["answer"]), now=False)
            _change_what_it_is_about(connection, kind, body)
            answer = _insert(connection, kind, key, body)
            connection.execute(
                "INSERT INTO executions (path, key, digest, answer) VALUES (?, ?, ?, ?)",
                (kind.path, key, digest, json.dumps(answer)),
            )
        return Made(answer, now=True)

    def find(self, key: str) -> Answer | None:
        """Return what was first made under *key*, with its path, and how many entries have it; None: none has."""
        rows = self._database.rows("SELECT path, answer FROM executions WHERE key = ? ORDER BY n LIMIT 1", (key,))
        copies = len(self._database.rows("SELECT n FROM entries WHERE key = ?", (key,)))
        found = bool(rows) and copies > 0
        return {"path": rows[0]["path"], "answer": json.loads(rows[0]["answer"]), "copies": copies} if found else None

    def all(self, kind: Kind) -> list[Answer]:
        """Return every entry of *kind*, oldest first."""
        return [
            _shown(kind, row)
            for row in self._database.rows("SELECT * FROM entries WHERE path = ? ORDER BY n", (kind.path,))
        ]

    def executions(self) -> list[Answer]:
        """Return every execution, oldest first: one line for each time that something was made."""
        rows = self._database.rows("SELECT path, key, answer, made FROM executions ORDER BY n")
        return [
            {"path": row["path"], "key": row["key"], "id": json.loads(row["answer"])["id"], "made": row["made"]}
            for row in rows
        ]

    def count_request(self, path: str, key: str) -> None:
        """Count a request that carried *key*, whatever becomes of it."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO requests VALUES (?, ?, 1) ON CONFLICT (path, key) DO UPDATE SET count = count + 1",
                (path, key),
            )

    def requests(self) -> list[Answer]:
        """Return how many requests carried each key."""
        return [dict(row) for row in self._database.rows("SELECT path, key, count FROM requests ORDER BY path, key")]


def _check(kind: Kind, body: Mapping[str, Any]) -> None:
    if missing := [name for name in kind.needs if body.get(name) in (None, "")]:
        raise EntryRefusedError(f"{kind.path}: {', '.join(missing)} missing")
    if kind.either and not any(all(body.get(name) for name in group) for group in kind.either):
        raise EntryRefusedError(f"{kind.path}: {' or '.join(' and '.join(group) for group in kind.either)} missing")
    if unknown := sorted(set(body) - set(kind.fields)):
        raise EntryRefusedError(f"{kind.path}: unknown {', '.join(unknown)}; known are {', '.join(kind.fields)}")


def _digest(kind: Kind, body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps([kind.path, body], sort_keys=True).encode()).hexdigest()


def _execution(connection: sqlite3.Connection, key: str) -> sqlite3.Row | None:
    found: sqlite3.Row | None = connection.execute(
        "SELECT * FROM executions WHERE key = ? ORDER BY n", (key,)
    ).fetchone()
    return found


def _change_what_it_is_about(connection: sqlite3.Connection, kind: Kind, body: Mapping[str, Any]) -> None:
    if (about := kind.about) is None:
        return
    named = str(body[about.field])
    prefix, _, number = named.rpartition("-")
    row = connection.execute("SELECT n, status FROM entries WHERE path = ? AND n = ?", (about.path, number)).fetchone()
    if row is None or prefix != KINDS[about.path].prefix:
        raise EntryRefusedError(f"{kind.path}: no {about.field} {named}", 404)
    if about.only_from and row["status"] != about.only_from:
        raise EntryRefusedError(f"{kind.path}: {named} is {row['status']}, not {about.only_from}")
    if about.becomes:
        connection.execute("UPDATE entries SET status = ? WHERE n = ?", (about.becomes, row["n"]))


def _insert(connection: sqlite3.Connection, kind: Kind, key: str | None, body: Mapping[str, Any]) -> Answer:
    row = connection.execute(
        "INSERT INTO entries (path, key, body, status) VALUES (?, ?, ?, ?) RETURNING *",
        (kind.path, key, json.dumps(body), kind.status),
    ).fetchone()
    return _shown(kind, row)


def _shown(kind: Kind, row: sqlite3.Row) -> Answer:
    body = json.loads(row["body"])
    answer = {"id": f"{kind.prefix}-{row['n']}", "key": row["key"]}
    answer |= {name: body.get(name) for name in kind.fields}
    if kind.status is not None:
        answer["status"] = row["status"]
    return answer | {"made": row["made"]}
