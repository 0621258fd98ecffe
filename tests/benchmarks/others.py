"""Document stores written in Python: TinyDB, mongomock, montydb. Each is imported when it is measured."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import count
from operator import itemgetter
from pathlib import Path
from typing import Any

from tests.benchmarks.stores import FIRST, Documents

_numbers = count()


def _added_up(documents: Iterable[dict[str, Any]]) -> dict[str, int]:
    found: defaultdict[str, int] = defaultdict(int)
    for document in documents:
        found[document["profile"]["city"]] += document["age"]
    return found


class TinyDB:
    """TinyDB with its cache of the file; what it lacks is done by hand on `all()`."""

    def __init__(self, directory: Path) -> None:
        import tinydb  # noqa: PLC0415 - not everybody has it
        from tinydb.middlewares import CachingMiddleware  # noqa: PLC0415

        self.db = tinydb.TinyDB(directory / "tinydb.json", storage=CachingMiddleware(tinydb.JSONStorage))
        self.where = tinydb.where
        self.city = tinydb.Query().profile.city

    def insert_many(self, documents: Sequence[dict[str, Any]]) -> None:
        self.db.insert_multiple(documents)

    def create_indexes(self) -> None:
        """Have none: there are none."""

    def _search(self, query: Any) -> Documents:
        self.db.clear_cache()  # what it keeps of its last ten queries says nothing of the next one
        return self.db.search(query)  # type: ignore[no-any-return]

    def get(self, id: str) -> dict[str, Any] | None:
        """Return a document by TinyDB's own number, which is the only id that it can look up."""
        return self.db.get(doc_id=int(id, 16) + 1)  # type: ignore[no-any-return]

    def find_indexed(self, email: str) -> Documents:
        return self._search(self.where("email") == email)

    def find_range(self, low: int) -> Documents:
        return self._search((self.where("created") >= low) & (self.where("created") < low + 100))

    def newest(self, _: object) -> Documents:
        return heapq.nlargest(FIRST, self.db.all(), key=itemgetter("created"))

    def scan(self, city: str) -> Documents:
        return self._search(self.city == city)

    def count(self, age: int) -> int:
        return len(self._search(self.where("age") >= age))

    def group(self, _: object) -> dict[str, int]:
        return _added_up(self.db.all())

    def top(self, _: object) -> Documents:
        return heapq.nlargest(FIRST, self.db.all(), key=itemgetter("name"))

    def insert(self, document: dict[str, Any]) -> None:
        self.db.insert(document)

    def increment(self, id: str) -> None:
        self.db.update(_increment("age"), doc_ids=[int(id, 16) + 1])

    def delete(self, id: str) -> None:
        self.db.remove(self.where("_id") == id)

    def update_some(self, city: str, note: str) -> int:
        return len(self.db.update({"note": note}, self.city == city))

    def delete_some(self, city: str) -> int:
        return len(self.db.remove(self.city == city))

    def close(self) -> None:
        self.db.close()


def _increment(field: str) -> Any:
    def change(document: dict[str, Any]) -> None:
        document[field] += 1

    return change


class Mongomock:
    """mongomock, pymongo's interface in memory."""

    def __init__(self, _directory: Path) -> None:
        import mongomock  # noqa: PLC0415 - not everybody has it

        self.users: Any = mongomock.MongoClient().db.users

    def insert_many(self, documents: Sequence[dict[str, Any]]) -> None:
        self.users.insert_many(documents)

    def create_indexes(self) -> None:
        for field in ("email", "created"):
            self.users.create_index(field)

    def get(self, id: str) -> dict[str, Any] | None:
        return self.users.find_one({"_id": id})  # type: ignore[no-any-return]

    def find_indexed(self, email: str) -> Documents:
        return list(self.users.find({"email": email}))

    def find_range(self, low: int) -> Documents:
        return list(self.users.find({"created": {"$gte": low, "$lt": low + 100}}))

    def newest(self, _: object) -> Documents:
        return list(self.users.find().sort("created", -1).limit(FIRST))

    def scan(self, city: str) -> Documents:
        return list(self.users.find({"profile.city": city}))

    def count(self, age: int) -> int:
        return int(self.users.count_documents({"age": {"$gte": age}}))

    def group(self, _: object) -> dict[str, int]:
        pipeline = [{"$group": {"_id": "$profile.city", "years": {"$sum": "$age"}}}]
        return {found["_id"]: found["years"] for found in self.users.aggregate(pipeline)}

    def top(self, _: object) -> Documents:
        return list(self.users.find().sort("name", -1).limit(FIRST))

    def insert(self, document: dict[str, Any]) -> None:
        self.users.insert_one(document)

    def increment(self, id: str) -> None:
        self.users.update_one({"_id": id}, {"$inc": {"age": 1}})

    def delete(self, id: str) -> None:
        self.users.delete_one({"_id": id})

    def update_some(self, city: str, note: str) -> int:
        return int(self.users.update_many({"profile.city": city}, {"$set": {"note": note}}).modified_count)

    def delete_some(self, city: str) -> int:
        return int(self.users.delete_many({"profile.city": city}).deleted_count)

    def close(self) -> None:
        self.users.database.client.close()


class Montydb(Mongomock):
    """montydb in memory; it has no aggregation and no indexes."""

    def __init__(self, _directory: Path) -> None:
        from montydb import MontyClient  # noqa: PLC0415 - not everybody has it

        self.users = MontyClient(":memory:").db[f"users{next(_numbers)}"]  # all clients share one memory

    def create_indexes(self) -> None:
        """Have none: there are none."""

    def group(self, _: object) -> dict[str, int]:
        return _added_up(self.users.find())

    def close(self) -> None:
        self.users.drop()
