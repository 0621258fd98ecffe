"""Who is measured: nosqlpy, the standard library's SQLite, and the floor.

The floor is the least Python that does the same work and no more: a dict of
MessagePack bytes, a partial decode, a buffered file. It keeps no promise.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from nosqlpy import Client


class Nosqlpy:
    """The blocking face, ``safe``."""

    def __init__(self, directory: Path) -> None:
        self.client = Client(directory / "nosqlpy").open()
        self.users = self.client["users"]

    def insert_many(self, documents: Sequence[dict[str, Any]]) -> None:
        self.users.insert_many(documents)

    def insert(self, document: dict[str, Any]) -> None:
        self.users.insert(document)

    def get(self, id: str) -> dict[str, Any] | None:
        return self.users.get(id)

    def increment(self, id: str) -> None:
        self.users.update_one({"_id": id}, {"$inc": {"age": 1}})

    def scan(self, age: int) -> list[dict[str, Any]]:
        return self.users.find({"age": {"$gte": age}}).to_list()

    def scan_nested(self, city: str) -> list[dict[str, Any]]:
        return self.users.find({"profile.city": city}).to_list()

    def count(self, age: int) -> int:
        return self.users.count({"age": {"$gte": age}})

    def create_index(self) -> None:
        self.users.create_index("email")

    def find_indexed(self, email: str) -> list[dict[str, Any]]:
        return self.users.find({"email": email}).to_list()

    def close(self) -> None:
        self.client.close()


class Sqlite:
    """JSON text in SQLite: WAL, ``synchronous=NORMAL`` (as durable as ``safe``), an expression index."""

    def __init__(self, directory: Path) -> None:
        self.connection = sqlite3.connect(directory / "sqlite.db", isolation_level=None)
        self.connection.execute("pragma journal_mode=wal")
        self.connection.execute("pragma synchronous=normal")
        self.connection.execute("create table users (id text primary key, body text) without rowid")

    def insert_many(self, documents: Sequence[dict[str, Any]]) -> None:
        rows = [(document["_id"], json.dumps(document)) for document in documents]
        self.connection.execute("begin")
        self.connection.executemany("insert into users values (?, ?)", rows)
        self.connection.execute("commit")

    def insert(self, document: dict[str, Any]) -> None:
        self.connection.execute("insert into users values (?, ?)", (document["_id"], json.dumps(document)))

    def get(self, id: str) -> dict[str, Any] | None:
        return next(iter(self._found("select body from users where id = ?", id)), None)

    def increment(self, id: str) -> None:
        self.connection.execute(
            "update users set body = json_set(body, '$.age', json_extract(body, '$.age') + 1) where id = ?", (id,)
        )

    def scan(self, age: int) -> list[dict[str, Any]]:
        return self._found("select body from users where json_extract(body, '$.age') >= ?", age)

    def scan_nested(self, city: str) -> list[dict[str, Any]]:
        return self._found("select body from users where json_extract(body, '$.profile.city') = ?", city)

    def count(self, age: int) -> int:
        found = self.connection.execute("select count(*) from users where json_extract(body, '$.age') >= ?", (age,))
        return int(found.fetchone()[0])

    def create_index(self) -> None:
        self.connection.execute("create index by_email on users (json_extract(body, '$.email'))")

    def find_indexed(self, email: str) -> list[dict[str, Any]]:
        return self._found("select body from users where json_extract(body, '$.email') = ?", email)

    def _found(self, query: str, value: object) -> list[dict[str, Any]]:
        return [json.loads(body) for (body,) in self.connection.execute(query, (value,))]

    def close(self) -> None:
        self.connection.close()


class _Age(msgspec.Struct, gc=False):
    age: int


class _City(msgspec.Struct, gc=False):
    city: str


class _Profile(msgspec.Struct, gc=False):
    profile: _City


class Floor:
    """A dict of encoded documents and a file that they are written to."""

    def __init__(self, directory: Path) -> None:
        self.file = (directory / "floor").open("wb")
        self.unbuffered = (directory / "floor-single").open("wb", buffering=0)
        self.slots: dict[str, bytes] = {}
        self.emails: dict[str, str] = {}
        self.encode = msgspec.msgpack.Encoder().encode
        self.decode = msgspec.msgpack.Decoder().decode
        self.age = msgspec.msgpack.Decoder(_Age).decode
        self.city = msgspec.msgpack.Decoder(_Profile).decode

    def insert_many(self, documents: Sequence[dict[str, Any]]) -> None:
        encode, write, slots = self.encode, self.file.write, self.slots
        for document in documents:
            data = encode(document)
            write(data)
            slots[document["_id"]] = data
        self.file.flush()

    def insert(self, document: dict[str, Any]) -> None:
        data = self.encode(document)
        self.unbuffered.write(data)
        self.slots[document["_id"]] = data

    def get(self, id: str) -> dict[str, Any] | None:
        return self.decode(self.slots[id])  # type: ignore[no-any-return]

    def increment(self, id: str) -> None:
        document = self.decode(self.slots[id])
        document["age"] += 1
        self.insert(document)

    def scan(self, age: int) -> list[dict[str, Any]]:
        partial, decode = self.age, self.decode
        return [decode(data) for data in self.slots.values() if partial(data).age >= age]

    def scan_nested(self, city: str) -> list[dict[str, Any]]:
        partial, decode = self.city, self.decode
        return [decode(data) for data in self.slots.values() if partial(data).profile.city == city]

    def count(self, age: int) -> int:
        partial = self.age
        return sum(partial(data).age >= age for data in self.slots.values())

    def create_index(self) -> None:
        self.emails = {self.decode(data)["email"]: id for id, data in self.slots.items()}

    def find_indexed(self, email: str) -> list[dict[str, Any]]:
        return [self.decode(self.slots[self.emails[email]])]

    def close(self) -> None:
        self.file.close()
        self.unbuffered.close()
