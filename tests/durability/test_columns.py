"""Columns beside scans of documents, whatever is written between two scans, and by whomever."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from nosqlpy import Client, Collection
from nosqlpy._core.engine import columns

SOURCE = str(Path(columns.__file__).parents[3])
SIZE = 40

# another process: a line is a directory, the name of a method of its collection, and that one's arguments
OTHER = """
import json, sys
from nosqlpy import Client
clients = {}
for line in sys.stdin:
    directory, name, arguments = json.loads(line)
    if name == "close":
        for client in clients.values():
            client.close()
        clients.clear()
    else:
        if directory not in clients:
            clients[directory] = Client(directory, slow_ms=None)
        getattr(clients[directory]["a"], name)(*arguments)
    print("done", flush=True)
"""

PLAIN = st.one_of(
    st.integers(-3, 3), st.sampled_from(["x", "y", "", None, True, 1.5, float("nan")]), st.just([]), st.just({"c": 1})
)
VALUES = st.one_of(PLAIN, st.lists(PLAIN, max_size=2), st.builds(lambda value: {"b": value}, PLAIN))
DOCUMENTS = st.fixed_dictionaries({"n": st.integers(0, 9)}, optional={"a": VALUES, "s": PLAIN})
CHANGES = st.one_of(
    st.builds(lambda value: {"$set": {"a": value}}, VALUES),
    st.just({"$unset": {"s": 1}}),
    st.just({"$inc": {"n": 1}}),
)
CONDITIONS: list[dict[str, Any]] = [
    {"n": {"$gte": 5}},
    {"a": 1},
    {"a.b": {"$in": ["x", 1, None]}},
    {"$or": [{"s": "x"}, {"n": {"$lt": 3}, "a": {"$ne": 1}}]},
    {"$expr": {"$gt": ["$n", 4]}},
    {},
]
PIPELINE = [{"$match": {"n": {"$gt": 1}}}, {"$group": {"_id": "$s", "n": {"$sum": "$n"}, "all": {"$push": "$a.b"}}}]


def answers(collection: Any) -> list[str]:
    """Return what scans of all kinds find, as text: NaN is not equal to itself."""
    found: list[Any] = [collection.aggregate(PIPELINE).to_list()]
    for condition in CONDITIONS:
        found += [collection.find(condition).to_list(), collection.count(condition)]
        found.append(collection.find(condition, sort=[("s", 1), ("n", -1)], limit=5).to_list())
    return list(map(repr, found))


class Writes(RuleBasedStateMachine):
    """Any writes, each followed by scans that read columns and by scans that read documents."""

    other: subprocess.Popen[str]

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.mkdtemp()
        self.client = Client(self.directory, slow_ms=None)
        self.users: Collection[Any] = self.client["a"]

    @initialize(documents=st.lists(DOCUMENTS, min_size=SIZE, max_size=SIZE))
    def begin(self, documents: list[dict[str, Any]]) -> None:
        self.users.insert_many([{"_id": number, **document} for number, document in enumerate(documents)])

    @rule(documents=st.lists(DOCUMENTS, min_size=1, max_size=4))
    def insert(self, documents: list[dict[str, Any]]) -> None:
        self.users.insert_many(documents)

    @rule(id=st.integers(0, SIZE - 1), change=CHANGES)
    def update_one(self, id: int, change: dict[str, Any]) -> None:
        self.users.update_one({"_id": id}, change)

    @rule(condition=st.sampled_from(CONDITIONS[:-1]), change=CHANGES)
    def update_many(self, condition: dict[str, Any], change: dict[str, Any]) -> None:
        self.users.update_many(condition, change)

    @rule(id=st.integers(0, SIZE - 1), document=DOCUMENTS)
    def replace(self, id: int, document: dict[str, Any]) -> None:
        self.users.replace_one({"_id": id}, document, upsert=True)

    @rule(id=st.integers(0, SIZE - 1))
    def delete(self, id: int) -> None:
        self.users.delete_one({"_id": id})

    @rule(n=st.integers(0, 9))
    def delete_many(self, n: int) -> None:
        self.users.delete_many({"n": n, "s": "x"})

    @rule(id=st.integers(0, SIZE - 1), document=DOCUMENTS, commits=st.booleans())
    def write_in_a_transaction(self, id: int, document: dict[str, Any], commits: bool) -> None:
        outside = answers(self.users)
        with suppress(KeyError), self.client.transaction() as transaction:
            users = transaction["a"]
            users.delete_one({"_id": id})
            users.insert_one({"_id": id, **document})
            users.update_many({"n": {"$gte": 5}}, {"$inc": {"n": 1}})
            self.compare(users)
            assert answers(self.users) == outside
            if not commits:
                raise KeyError

    @rule(id=st.integers(0, SIZE - 1), document=DOCUMENTS)
    def write_from_another_process(self, id: int, document: dict[str, Any]) -> None:
        self.tell("replace_one", {"_id": id}, document, True)
        self.tell("delete_one", {"_id": SIZE - 1 - id})

    @rule()
    def compact(self) -> None:
        self.client.compact()

    @rule()
    def rename(self) -> None:
        self.users.rename("b")
        self.client["b"].rename("a")

    @rule()
    def empty(self) -> None:
        documents = self.users.find().to_list()
        self.users.drop()
        self.users.insert_many(documents)

    @invariant()
    def columns_change_no_answer(self) -> None:
        self.compare(self.users)

    def compare(self, users: Any) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(columns, "LEAST", 1)
            first, second, third = (answers(users) for _ in range(3))
            patch.setattr(columns, "LEAST", 1 << 60)
            from_documents = answers(users)

        assert first == from_documents
        assert second == from_documents
        assert third == from_documents

    def tell(self, name: str, *arguments: Any) -> None:
        assert self.other.stdin is not None
        assert self.other.stdout is not None
        print(json.dumps([self.directory, name, arguments]), file=self.other.stdin, flush=True)
        assert self.other.stdout.readline() == "done\n"

    def teardown(self) -> None:
        self.tell("close")
        self.client.close()
        shutil.rmtree(self.directory)


@pytest.fixture
def other() -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    program = [sys.executable, "-c", OTHER]
    with subprocess.Popen(program, stdin=pipe, stdout=pipe, text=True, env={"PYTHONPATH": SOURCE}) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def test_columns_change_no_answer_whatever_is_written_between(
    other: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # nothing loses power here
    monkeypatch.setattr("nosqlpy._io.storage.system._fdatasync", lambda _: None)
    machine = type("WritesBesideAnother", (Writes,), {"other": other})
    few = settings(
        max_examples=15,
        stateful_step_count=10,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=few)
