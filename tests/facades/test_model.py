"""A collection against a plain model of it: whatever is done in whatever order, both hold the same."""

from __future__ import annotations

import copy
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from nosqlpy import BulkWriteError, Client, DuplicateKeyError, WriteError

IDS = st.integers(0, 12)
NUMBERS = st.integers(-3, 3)
SCALARS = st.one_of(NUMBERS, st.sampled_from(["a", "b", None, True, 1.0, 2.5]))
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=3))
BODIES = st.dictionaries(st.sampled_from(["a", "b", "c"]), VALUES, max_size=3)
FIELDS = st.sampled_from(["a", "b", "c"])
DURABILITIES = st.sampled_from(["fast", "safe", "durable"])

Document = dict[str, Any]


def number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def equals(a: Any, b: Any) -> bool:
    """Return whether two values of the model are equal as MongoDB sees it: True is not 1, but 1.0 is."""
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(equals, a, b))
    if number(a) and number(b):
        return bool(a == b)
    return type(a) is type(b) and bool(a == b)


def has(document: Document, name: str, value: Any) -> bool:
    """Return whether ``{name: value}`` matches."""
    held = document.get(name)
    return equals(held, value) or (isinstance(held, list) and any(equals(item, value) for item in held))


def greater(document: Document, name: str, value: int) -> bool:
    """Return whether ``{name: {"$gt": value}}`` matches."""
    held = document.get(name)
    return any(number(item) and item > value for item in (held if isinstance(held, list) else [held]))


inside = precondition(lambda machine: machine.transaction is not None)
outside = precondition(lambda machine: machine.transaction is None)


class CollectionMachine(RuleBasedStateMachine):
    """The real collection lives in a directory, the model in a dict by id."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="nosqlpy-model-"))
        self.client = Client(self.directory)
        self.model: dict[int, Document] = {}
        self.durability: Any = "safe"
        self.indexes: set[str] = set()
        # the transaction that is open, and what is committed meanwhile
        self.transaction: Any = None
        self.committed: dict[int, Document] = {}

    @property
    def users(self) -> Any:
        return self.client["users"] if self.transaction is None else self.transaction["users"]

    def teardown(self) -> None:
        if self.transaction is not None:
            self.transaction.rollback()
        self.client.close()
        shutil.rmtree(self.directory)

    @initialize(durability=DURABILITIES, segment_size=st.sampled_from([400, 2000, 1 << 20]))
    def open(self, durability: Any, segment_size: int) -> None:
        self.client = Client(self.directory, durability=durability, segment_size=segment_size)
        self.durability, self.segment_size = durability, segment_size

    # ── transactions ────────────────────────────────────────────────────────────

    @outside
    @rule(durability=DURABILITIES)
    def begin(self, durability: Any) -> None:
        self.transaction = self.client.transaction(durability=durability).__enter__()
        self.committed = copy.deepcopy(self.model)

    @inside
    @rule()
    def commit(self) -> None:
        self.transaction.commit()
        self.transaction = None

    @inside
    @rule()
    def roll_back(self) -> None:
        self.transaction.rollback()
        self.transaction, self.model = None, self.committed

    # ── writes ──────────────────────────────────────────────────────────────────

    @rule(id=IDS, body=BODIES)
    def insert(self, id: int, body: Document) -> None:
        document = {"_id": id, **body}
        if id in self.model:
            with pytest.raises(DuplicateKeyError):
                self.users.insert(document)
        else:
            assert self.users.insert(document) == id
            self.model[id] = copy.deepcopy(document)

    @rule(id=IDS, body=BODIES)
    def save(self, id: int, body: Document) -> None:
        self.users.save({"_id": id, **body})
        self.model[id] = copy.deepcopy({"_id": id, **body})

    @rule(ids=st.lists(IDS, max_size=5), body=BODIES, ordered=st.booleans())
    def insert_many(self, ids: list[int], body: Document, ordered: bool) -> None:
        refused = 0
        for id in ids:
            if id in self.model:
                refused += 1
                if ordered:
                    break
            else:
                self.model[id] = copy.deepcopy({"_id": id, **body})
        documents = [{"_id": id, **body} for id in ids]
        if refused:
            with pytest.raises(BulkWriteError) as caught:
                self.users.insert_many(documents, ordered=ordered)
            assert len(caught.value.details["writeErrors"]) == refused
        else:
            assert self.users.insert_many(documents, ordered=ordered).inserted_ids == ids

    @rule(name=FIELDS, value=SCALARS, field=FIELDS, new=VALUES, many=st.booleans())
    def set(self, name: str, value: Any, field: str, new: Any, many: bool) -> None:
        found = [document for document in self.model.values() if has(document, name, value)]
        found = found if many else found[:1]
        changed = [document for document in found if field not in document or repr(document[field]) != repr(new)]
        for document in found:
            document[field] = copy.deepcopy(new)
        update = self.users.update_many if many else self.users.update_one
        result = update({name: value}, {"$set": {field: new}})

        assert (result.matched_count, result.modified_count) == (len(found), len(changed))

    @rule(threshold=NUMBERS, name=FIELDS, by=st.integers(1, 3))
    def increment(self, threshold: int, name: str, by: int) -> None:
        found = [document for document in self.model.values() if greater(document, "a", threshold)]
        if all(name not in document or number(document[name]) for document in found):
            for document in found:
                document[name] = document.get(name, 0) + by
            result = self.users.update_many({"a": {"$gt": threshold}}, {"$inc": {name: by}})
            assert (result.matched_count, result.modified_count) == (len(found), len(found))
        else:
            with pytest.raises(WriteError):
                self.users.update_many({"a": {"$gt": threshold}}, {"$inc": {name: by}})

    @rule(id=IDS, name=FIELDS, value=SCALARS)
    def push(self, id: int, name: str, value: Any) -> None:
        held = self.model.get(id, {}).get(name, [])
        if isinstance(held, list):
            self.users.update_one({"_id": id}, {"$push": {name: value}})
            if id in self.model:
                self.model[id][name] = [*held, value]
        else:
            with pytest.raises(WriteError):
                self.users.update_one({"_id": id}, {"$push": {name: value}})

    @rule(id=IDS, name=FIELDS)
    def unset(self, id: int, name: str) -> None:
        self.users.update_one({"_id": id}, {"$unset": {name: ""}})
        self.model.get(id, {}).pop(name, None)

    @rule(id=IDS, name=FIELDS, value=VALUES)
    def upsert(self, id: int, name: str, value: Any) -> None:
        result = self.users.update_one({"_id": id}, {"$set": {name: value}}, upsert=True)
        assert result.upserted_id == (None if id in self.model else id)
        self.model.setdefault(id, {"_id": id})[name] = copy.deepcopy(value)

    @rule(id=IDS, body=BODIES)
    def replace(self, id: int, body: Document) -> None:
        result = self.users.replace_one({"_id": id}, body)
        assert result.matched_count == (id in self.model)
        if id in self.model:
            self.model[id] = copy.deepcopy({"_id": id, **body})

    @rule(id=IDS)
    def delete(self, id: int) -> None:
        assert self.users.delete(id) is (self.model.pop(id, None) is not None)

    @rule(name=FIELDS, value=SCALARS)
    def delete_many(self, name: str, value: Any) -> None:
        gone = [id for id, document in self.model.items() if has(document, name, value)]
        assert self.users.delete_many({name: value}).deleted_count == len(gone)
        for id in gone:
            del self.model[id]

    @rule(name=FIELDS)
    def find_one_and_delete(self, name: str) -> None:
        found = self.users.find_one_and_delete({name: {"$exists": True}}, sort="-_id")
        ids = [id for id, document in self.model.items() if name in document]
        assert found == (self.model.pop(max(ids)) if ids else None)

    @outside
    @rule()
    def clear(self) -> None:
        assert self.users.clear() == len(self.model)
        self.model.clear()

    # ── indexes, files ──────────────────────────────────────────────────────────

    @outside
    @rule(name=FIELDS)
    def create_index(self, name: str) -> None:
        self.users.create_index(name)
        self.indexes.add(name)

    @precondition(lambda machine: machine.indexes and machine.transaction is None)
    @rule(data=st.data())
    def drop_index(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.indexes)))
        self.users.drop_index(name)
        self.indexes.remove(name)

    @outside
    @rule(durability=DURABILITIES)
    def reopen(self, durability: Any) -> None:
        self.client.close()
        self.client = Client(self.directory, durability=durability, segment_size=self.segment_size)
        self.durability = durability

    @rule()
    def compact(self) -> None:
        self.client.compact()

    @rule()
    def verify(self) -> None:
        held = self.model if self.transaction is None else self.committed
        assert self.client.verify()["documents"] == len(held)

    # ── reads ───────────────────────────────────────────────────────────────────

    @rule(name=FIELDS, value=VALUES)
    def find_equal(self, name: str, value: Any) -> None:
        found = {document["_id"] for document in self.users.find({name: value})}
        assert found == {id for id, document in self.model.items() if has(document, name, value)}

    @rule(name=FIELDS, value=NUMBERS)
    def find_greater(self, name: str, value: int) -> None:
        expected = [document for document in self.model.values() if greater(document, name, value)]
        assert self.users.find({name: {"$gt": value}}).to_list() == expected
        assert self.users.count({name: {"$gt": value}}) == len(expected)

    @rule(skip=st.integers(0, 5), limit=st.integers(0, 5))
    def find_a_window(self, skip: int, limit: int) -> None:
        ids = sorted(self.model)[skip : skip + limit if limit else None]
        assert [document["_id"] for document in self.users.find(sort="_id", skip=skip, limit=limit)] == ids

    @rule(id=IDS)
    def get(self, id: int) -> None:
        assert self.users.get(id) == self.model.get(id)

    @invariant()
    def both_hold_the_same_in_the_same_order(self) -> None:
        found = self.users.find().to_list()

        assert found == list(self.model.values())
        assert [list(document) for document in found] == [list(document) for document in self.model.values()]
        assert self.users.count() == len(self.model)

    @inside
    @invariant()
    def nobody_else_sees_what_is_not_committed(self) -> None:
        assert self.client["users"].find().to_list() == list(self.committed.values())


TestCollection = CollectionMachine.TestCase
TestCollection.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
