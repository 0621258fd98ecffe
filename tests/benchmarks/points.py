"""Operations on one document, beside the least work that can do the same and keep the promise of ``safe``.

That floor is a dict of MessagePack bytes; a write encodes, frames with a checksum
and hands the frame to the system by one ``os.write``.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import msgspec
from tests.benchmarks.documents import make_documents
from tests.benchmarks.language import Figure, figures
from tests.benchmarks.measure import every_time
from tests.benchmarks.stores import Nosqlpy

STORED = 10_000
CALLS = 2000

RATIOS_MAX = {
    "get by id": 1.5,
    "find equal, indexed": 1.7,
    "insert one": 2.5,
    "$inc by id": 2.5,
    "delete": 2.5,
}
# so that every $set changes something
NOTES = cycle(("one note", "another note", "a third one"))


class PointFloor:
    """A dict of encoded documents, and a log."""

    def __init__(self, directory: Path, documents: list[dict[str, Any]]) -> None:
        self.log = os.open(directory / "floor", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.encode = msgspec.msgpack.Encoder().encode
        self.decode = msgspec.msgpack.Decoder().decode
        self.head = struct.Struct("<IIQQIBBH")
        self.slots = {document["_id"]: self.encode(document) for document in documents}
        self.emails = {document["email"]: document["_id"] for document in documents}

    def append(self, body: bytes) -> None:
        head = self.head.pack(1, len(body), 1, 1, 1, 1, 0, 0)
        os.write(self.log, b"".join((head, zlib.crc32(body, zlib.crc32(head)).to_bytes(4, "little"), body)))

    def get(self, id: str) -> dict[str, Any]:
        return self.decode(self.slots[id])  # type: ignore[no-any-return]

    def find_indexed(self, email: str) -> list[dict[str, Any]]:
        return [self.decode(self.slots[self.emails[email]])]

    def insert(self, document: dict[str, Any]) -> None:
        data = self.encode(document)
        self.append(data)
        self.slots[document["_id"]] = data

    def increment(self, id: str) -> None:
        document = self.decode(self.slots[id])
        document["age"] += 1
        data = self.encode(document)
        os.write(self.log, data)
        self.slots[id] = data

    def set(self, id: str) -> None:
        document = self.decode(self.slots[id])
        document["note"] = next(NOTES)
        data = self.encode(document)
        os.write(self.log, data)
        self.slots[id] = data

    def delete(self, id: str) -> None:
        self.append(self.encode(id))
        del self.slots[id]

    find_one, delete_one = get, delete

    def close(self) -> None:
        os.close(self.log)


class Points(Nosqlpy):
    """nosqlpy, with the calls that are timed here."""

    def find_one(self, id: str) -> dict[str, Any] | None:
        return self.users.find_one({"_id": id})

    def set(self, id: str) -> None:
        self.users.update_one({"_id": id}, {"$set": {"note": next(NOTES)}})

    def delete(self, id: str) -> None:
        self.users.delete(id)

    def delete_one(self, id: str) -> None:
        self.users.delete_one({"_id": id})


def points(directory: Path, rounds: int) -> list[Figure]:
    """Time every operation, each beside its floor; a line's ratio is that of the medians."""
    documents = make_documents(STORED + CALLS)
    stored, fresh = documents[:STORED], documents[STORED:]
    ours, floor = Points(directory), PointFloor(directory, stored)
    ours.insert_many(stored)
    some = stored[:: STORED // CALLS]
    ids, emails = [document["_id"] for document in some], [document["email"] for document in some]
    new_ids = [document["_id"] for document in fresh]

    def lines(arguments: dict[str, list[Any]], names: dict[str, str]) -> list[Figure]:
        runs = {
            (who, method): partial(call_all, getattr(competitor, method), arguments[method])
            for method in names
            for who, competitor in (("ours", ours), ("floor", floor))
        }
        times = {key: figures({key: spent}, CALLS)[0] for key, spent in every_time(runs, rounds=rounds).items()}
        return [line(name, times["ours", method], times["floor", method]) for method, name in names.items()]

    writes = {"increment": ids, "set": ids, "insert": fresh, "delete": new_ids, "delete_one": new_ids}
    found = lines(writes, {"increment": "$inc by id", "set": "$set by id", "insert": "insert one", "delete": "delete"})
    found += lines(writes, {"insert": "insert", "delete_one": "delete_one by id"})[1:]
    ours.create_index()
    reads = {"get": ids, "find_one": ids, "find_indexed": emails}
    found += lines(reads, {"get": "get by id", "find_one": "find_one by id", "find_indexed": "find equal, indexed"})
    ours.close()
    floor.close()
    return found


def call_all(method: Callable[[Any], object], arguments: list[Any]) -> None:
    """Call `method` with each of `arguments`."""
    for argument in arguments:
        method(argument)


def line(name: str, ours: Figure, floor: Figure) -> Figure:
    """Return the figure of an operation as a ratio to its floor."""
    return Figure(name, ours.best, ours.median, ours.median / floor.median, RATIOS_MAX.get(name))
