"""SQLite as a document store: JSON text through the standard library, JSONB through apsw, which brings a recent SQLite.

Both in WAL mode with ``synchronous=NORMAL``, as durable as ``safe``, on expression indexes;
documents are encoded and decoded by msgspec, the quickest way there is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from tests.benchmarks.stores import FIRST, Documents

encode = msgspec.json.encode
decode = msgspec.json.decode

CREATE = (
    "pragma journal_mode=wal",
    "pragma synchronous=normal",
    "pragma cache_size=-262144",
    "create table if not exists users (id text primary key, body {kind}) without rowid",
)


class Sqlite:
    """JSON text in the SQLite that Python was built with."""

    kind = "text"
    given, wanted = "?", "body"

    def __init__(self, directory: Path) -> None:
        self.connection: Any = self._connect(directory / f"{type(self).__name__}.db")
        self.execute = self.connection.execute
        for statement in CREATE:
            self.execute(statement.format(kind=self.kind))
        self._insert = f"insert into users values (?, {self.given})"
        self._changed = f"set body = {'json' if self.kind == 'text' else 'jsonb'}_set(body, "

    def _connect(self, path: Path) -> Any:
        return sqlite3.connect(path, isolation_level=None)

    def _encode(self, document: dict[str, Any]) -> Any:
        return encode(document).decode()

    def _changes(self) -> int:
        return int(self.execute("select changes()").fetchone()[0])

    def insert_many(self, documents: Sequence[dict[str, Any]]) -> None:
        rows = [(document["_id"], self._encode(document)) for document in documents]
        self.execute("begin")
        self.connection.executemany(self._insert, rows)
        self.execute("commit")

    def create_indexes(self) -> None:
        for field in ("email", "created"):
            self.execute(f"create index by_{field} on users (json_extract(body, '$.{field}'))")

    def get(self, id: str) -> dict[str, Any] | None:
        return next(iter(self._found("where id = ?", id)), None)

    def find_indexed(self, email: str) -> Documents:
        return self._found("where json_extract(body, '$.email') = ?", email)

    def find_range(self, low: int) -> Documents:
        created = "json_extract(body, '$.created')"
        return self._found(f"where {created} >= ? and {created} < ?", low, low + 100)

    def newest(self, _: object) -> Documents:
        return self._found(f"order by json_extract(body, '$.created') desc limit {FIRST}")

    def scan(self, city: str) -> Documents:
        return self._found("where json_extract(body, '$.profile.city') = ?", city)

    def count(self, age: int) -> int:
        found = self.execute("select count(*) from users where json_extract(body, '$.age') >= ?", (age,))
        return int(found.fetchone()[0])

    def group(self, _: object) -> dict[str, int]:
        city, age = (f"json_extract(body, '$.{path}')" for path in ("profile.city", "age"))
        return dict(self.execute(f"select {city}, sum({age}) from users group by 1").fetchall())

    def top(self, _: object) -> Documents:
        return self._found(f"order by json_extract(body, '$.name') desc limit {FIRST}")

    def insert(self, document: dict[str, Any]) -> None:
        self.execute(self._insert, (document["_id"], self._encode(document)))

    def increment(self, id: str) -> None:
        self.execute(f"update users {self._changed} '$.age', json_extract(body, '$.age') + 1) where id = ?", (id,))

    def delete(self, id: str) -> None:
        self.execute("delete from users where id = ?", (id,))

    def together(self, documents: Documents) -> None:
        self.execute("begin")
        for document in documents:
            self.insert(document)
        self.execute("commit")

    def update_some(self, city: str, note: str) -> int:
        where = "where json_extract(body, '$.profile.city') = ?"
        self.execute(f"update users {self._changed} '$.note', ?) {where}", (note, city))
        return self._changes()

    def delete_some(self, city: str) -> int:
        self.execute("delete from users where json_extract(body, '$.profile.city') = ?", (city,))
        return self._changes()

    def _found(self, where: str, *values: object) -> Documents:
        return [decode(body) for (body,) in self.execute(f"select {self.wanted} from users {where}", values)]

    def close(self) -> None:
        self.connection.close()


class SqliteJsonb(Sqlite):
    """JSONB, SQLite's own encoding, in the SQLite that apsw brings."""

    kind = "blob"
    given, wanted = "jsonb(?)", "json(body)"

    def _connect(self, path: Path) -> Any:
        import apsw  # noqa: PLC0415 - not everybody has it

        return apsw.Connection(str(path))

    def _changes(self) -> int:
        return int(self.connection.changes())
