"""What is measured in this process: nosqlpy, and the two floors.

A floor is the least Python that does the same work and no more. It keeps no promise: what it
writes is never read again, and nothing is checked.
"""

from __future__ import annotations

import heapq
import os
from collections import defaultdict
from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

import msgspec

from nosqlpy import Client

Documents = list[dict[str, Any]]
FIRST = 10


class Nosqlpy:
    """The blocking face, ``safe``."""

    def __init__(self, directory: Path, **options: Any) -> None:
        self.client = Client(directory / "nosqlpy", slow_ms=None, **options).open()
        self.users = self.client["users"]

    def insert_many(self, documents: Sequence[dict[str, Any]]) -> None:
        self.users.insert_many(documents)

    def create_index(self) -> None:
        self.users.create_index("email")

    def create_indexes(self) -> None:
        self.create_index()
        self.users.create_index("created")

    def get(self, id: str) -> dict[str, Any] | None:
        return self.users.get(id)

    def find_indexed(self, email: str) -> Documents:
        return self.users.find({"email": email}).to_list()

    def find_range(self, low: int) -> Documents:
        return self.users.find({"created": {"$gte": low, "$lt": low + 100}}).to_list()

    def newest(self, _: object) -> Documents:
        return self.users.find().sort("-created").limit(FIRST).to_list()

    def scan(self, city: str) -> Documents:
        return self.users.find({"profile.city": city}).to_list()

    def count(self, age: int) -> int:
        return self.users.count({"age": {"$gte": age}})

    def group(self, _: object) -> dict[str, int]:
        pipeline = [{"$group": {"_id": "$profile.city", "years": {"$sum": "$age"}}}]
        return {found["_id"]: found["years"] for found in self.users.aggregate(pipeline)}

    def top(self, _: object) -> Documents:
        return self.users.find().sort("-name").limit(FIRST).to_list()

    def insert(self, document: dict[str, Any]) -> None:
        self.users.insert(document)

    def increment(self, id: str) -> None:
        self.users.update_one({"_id": id}, {"$inc": {"age": 1}})

    def delete(self, id: str) -> None:
        self.users.delete(id)

    def together(self, documents: Documents) -> None:
        with self.client.transaction() as tx:
            for document in documents:
                self.users.insert(document, session=tx)

    def update_some(self, city: str, note: str) -> int:
        return self.users.update_many({"profile.city": city}, {"$set": {"note": note}}).modified_count

    def delete_some(self, city: str) -> int:
        return self.users.delete_many({"profile.city": city}).deleted_count

    def close(self) -> None:
        self.client.close()


class _City(msgspec.Struct, gc=False):
    city: str


class _Profile(msgspec.Struct, gc=False):
    profile: _City


class _Age(msgspec.Struct, gc=False):
    age: int


class _Name(msgspec.Struct, gc=False):
    name: str


class _Both(msgspec.Struct, gc=False):
    age: int
    profile: _City


class _Keys(msgspec.Struct, gc=False):
    _id: str
    email: str
    created: int


def _decoder(kind: Any) -> Any:
    return msgspec.msgpack.Decoder(kind).decode


class Bytes:
    """A dict of MessagePack bytes, decoded as far as is needed; one `os.write` for each write."""

    def __init__(self, directory: Path) -> None:
        self.file = os.open(directory / "floor", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.slots: dict[str, bytes] = {}
        self.emails: dict[str, str] | None = None
        self.created: dict[int, str] = {}
        self.encode = msgspec.msgpack.Encoder().encode
        self.decode = msgspec.msgpack.Decoder().decode
        self.city, self.age, self.name = _decoder(_Profile), _decoder(_Age), _decoder(_Name)
        self.both, self.keys = _decoder(_Both), _decoder(_Keys)

    def insert_many(self, documents: Sequence[dict[str, Any]]) -> None:
        encode, slots, parts = self.encode, self.slots, []
        for document in documents:
            data = encode(document)
            parts.append(data)
            slots[document["_id"]] = data
            if self.emails is not None:
                self.emails[document["email"]] = document["_id"]
                self.created[document["created"]] = document["_id"]
        os.write(self.file, b"".join(parts))

    def create_indexes(self) -> None:
        found = [(id, self.keys(data)) for id, data in self.slots.items()]
        self.emails = {keys.email: id for id, keys in found}
        self.created = {keys.created: id for id, keys in found}

    def get(self, id: str) -> dict[str, Any] | None:
        return self.decode(self.slots[id])  # type: ignore[no-any-return]

    def find_indexed(self, email: str) -> Documents:
        assert self.emails is not None
        id = self.emails.get(email)
        return [] if id is None else [self.decode(self.slots[id])]

    def find_range(self, low: int) -> Documents:
        decode, slots, created = self.decode, self.slots, self.created
        return [decode(slots[created[moment]]) for moment in range(low, low + 100) if moment in created]

    def newest(self, _: object) -> Documents:
        decode, slots, created = self.decode, self.slots, self.created
        last = next(reversed(created))
        return [decode(slots[created[moment]]) for moment in range(last, last - FIRST, -1)]

    def scan(self, city: str) -> Documents:
        partial, decode = self.city, self.decode
        return [decode(data) for data in self.slots.values() if partial(data).profile.city == city]

    def count(self, age: int) -> int:
        partial = self.age
        return sum(partial(data).age >= age for data in self.slots.values())

    def group(self, _: object) -> dict[str, int]:
        partial, found = self.both, defaultdict(int)
        for data in self.slots.values():
            both = partial(data)
            found[both.profile.city] += both.age
        return found

    def top(self, _: object) -> Documents:
        partial = self.name
        found = heapq.nlargest(FIRST, self.slots.values(), key=lambda data: partial(data).name)
        return list(map(self.decode, found))

    def insert(self, document: dict[str, Any]) -> None:
        data = self.encode(document)
        os.write(self.file, data)
        self.slots[document["_id"]] = data
        if self.emails is not None:
            self.emails[document["email"]] = document["_id"]
            self.created[document["created"]] = document["_id"]

    def increment(self, id: str) -> None:
        document = self.decode(self.slots[id])
        document["age"] += 1
        self._put(id, document)

    def _put(self, id: str, document: dict[str, Any]) -> None:
        data = self.encode(document)
        os.write(self.file, data)
        self.slots[id] = data

    def delete(self, id: str) -> None:
        os.write(self.file, self.encode(id))
        keys = self.keys(self.slots.pop(id))
        if self.emails is not None:
            del self.emails[keys.email]
            del self.created[keys.created]

    def together(self, documents: Documents) -> None:
        self.insert_many(documents)

    def update_some(self, city: str, note: str) -> int:
        partial, slots = self.city, self.slots
        found = [id for id, data in slots.items() if partial(data).profile.city == city]
        for id in found:
            document = self.decode(slots[id])
            document["note"] = note
            slots[id] = self.encode(document)
        os.write(self.file, b"".join(slots[id] for id in found))
        return len(found)

    def delete_some(self, city: str) -> int:
        partial = self.city
        found = [id for id, data in self.slots.items() if partial(data).profile.city == city]
        for id in found:
            self.delete(id)
        return len(found)

    def close(self) -> None:
        os.close(self.file)


class LiveDicts:
    """The documents as they are, in a dict: nothing is encoded before it is written, and nothing copied.

    Only what reads is measured: whoever changes a document that it was given has changed the database.
    """

    def __init__(self, _directory: Path) -> None:
        self.documents: dict[str, dict[str, Any]] = {}

    def insert_many(self, documents: Sequence[dict[str, Any]]) -> None:
        self.documents |= {document["_id"]: document for document in documents}

    def create_indexes(self) -> None:
        """Have none."""

    def scan(self, city: str) -> Documents:
        return [each for each in self.documents.values() if each["profile"]["city"] == city]

    def count(self, age: int) -> int:
        return sum(each["age"] >= age for each in self.documents.values())

    def group(self, _: object) -> dict[str, int]:
        found: defaultdict[str, int] = defaultdict(int)
        for each in self.documents.values():
            found[each["profile"]["city"]] += each["age"]
        return found

    def top(self, _: object) -> Documents:
        return heapq.nlargest(FIRST, self.documents.values(), key=itemgetter("name"))

    def close(self) -> None:
        self.documents.clear()
