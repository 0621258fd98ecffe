"""Threads that share a client, and callers' own code that runs inside a call."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nosqlpy import Client, DuplicateKeyError
from nosqlpy._core.engine import hints
from nosqlpy._core.engine.unloaded import UnloadedSlots

PATIENCE_S = 20


def in_threads(*works: Callable[[], Any]) -> list[Any]:
    """Return what each of `works` returned or raised, each run on a thread of its own, all at once."""
    outcomes: list[Any] = ["it hangs"] * len(works)

    def run(position: int, work: Callable[[], Any]) -> None:
        try:
            outcomes[position] = work()
        except BaseException as error:  # noqa: BLE001
            outcomes[position] = error

    threads = [threading.Thread(target=run, args=item, daemon=True) for item in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    return outcomes


@pytest.fixture(params=["disk", "memory"])
def client(request: pytest.FixtureRequest, directory: Path) -> Iterator[Client]:
    """A client of an empty database."""
    with Client(directory if request.param == "disk" else ":memory:") as client:
        yield client


@pytest.mark.parametrize("durability", ["fast", "safe", "durable"])
def test_threads_that_write_at_once_lose_nothing(client: Client, durability: Any) -> None:
    users = client["users"]

    def work(number: int) -> int:
        for turn in range(50):
            users.insert({"_id": (number * 1000) + turn}, durability=durability)
            users.update_one({"_id": "counter"}, {"$inc": {"n": 1}}, upsert=True, durability=durability)
        return number

    outcomes = in_threads(*(lambda number=number: work(number) for number in range(8)))

    assert outcomes == list(range(8))
    assert users.get("counter") == {"_id": "counter", "n": 400}
    assert users.count() == 401
    assert client.verify()["ok"] is True


def test_only_one_of_many_threads_gets_an_id(client: Client) -> None:
    def work() -> str:
        return str(client["users"].insert({"_id": "mine"}))

    outcomes = in_threads(*[work] * 8)

    assert outcomes.count("mine") == 1
    assert sum(isinstance(outcome, DuplicateKeyError) for outcome in outcomes) == 7


def test_a_thread_reads_one_moment_while_another_writes(client: Client) -> None:
    users, ended = client["users"], threading.Event()
    users.insert_many([{"_id": n, "v": 0, "twin": 0} for n in range(300)])
    users.create_index("v")

    def write() -> None:
        for v in range(1, 60):
            users.update_many({}, {"$set": {"v": v, "twin": v}})
        ended.set()

    def read() -> set[int]:
        sizes = set()
        last = False
        while not last:
            last = ended.is_set()
            found = users.find().to_list()
            sizes |= {len({document["v"] for document in found}), len(users.distinct("twin"))}
            v = found[0]["v"]
            sizes |= {1 if users.count({"v": v}) in (0, 300) else -1}
        return sizes

    outcomes = in_threads(write, read, read)

    assert outcomes == [None, {1}, {1}]


def test_threads_may_open_and_close_clients_of_one_directory_at_once(directory: Path) -> None:
    def work() -> int:
        for _ in range(10):
            with Client(directory) as client:
                client["users"].insert({})
        return 10

    outcomes = in_threads(*[work] * 4)
    with Client(directory) as client:
        count = client["users"].count()

    assert outcomes == [10] * 4
    assert count == 40


def test_a_client_that_is_forgotten_is_closed(directory: Path) -> None:
    with pytest.warns(ResourceWarning, match="was not closed"):
        Client(directory)["users"].insert({"_id": 1})
    gc.collect()
    with Client(directory, segment_size=1000) as client:  # would contradict one that is open
        recovery = client.stats()["recovery"]
        count = client["users"].count()

    assert recovery["clean"] is True
    assert count == 1


# ── the caller's own code ───────────────────────────────────────────────────────


def test_an_id_factory_may_use_the_database() -> None:
    def next_number() -> int:
        found = client["counters"].find_one_and_update(
            {"_id": "users"}, {"$inc": {"n": 1}}, upsert=True, return_document=True
        )
        return int(found["n"])

    client = Client(":memory:", id_factory=next_number)
    users = client["users"]
    outcomes = in_threads(
        lambda: [
            users.insert({"a": 1}),
            users.insert_one({"a": 2}).inserted_id,
            users.insert_many([{"a": 3}, {"a": 4}]).inserted_ids,
            users.save({"a": 5}),
            users.update_one({"a": 6}, {"$set": {"b": 1}}, upsert=True).upserted_id,
            users.replace_one({"a": 7}, {"a": 7}, upsert=True).upserted_id,
            users.find_one_and_update({"a": 8}, {"$set": {"b": 1}}, upsert=True, return_document=True),
        ]
    )

    assert outcomes[0] != "it hangs"
    assert users.count() == 8
    assert all(isinstance(document["_id"], int) for document in users.find())


def test_the_documents_of_an_insert_many_may_come_from_the_database(client: Client) -> None:
    client["a"].insert_many([{"_id": n} for n in range(2500)])

    def copies() -> Iterator[dict[str, Any]]:
        for document in client["a"].find():
            client["log"].insert({"copied": document["_id"]})
            yield document

    outcomes = in_threads(lambda: client["b"].insert_many(copies()))

    assert outcomes[0] != "it hangs"
    assert client["b"].find().to_list() == client["a"].find().to_list()
    assert client["log"].count() == 2500


def test_a_slow_source_of_documents_keeps_no_other_writer_out(client: Client) -> None:
    begun, done = threading.Event(), threading.Event()

    def slow() -> Iterator[dict[str, Any]]:
        yield {"_id": 1}
        begun.set()
        assert done.wait(PATIENCE_S), "the other writer was kept out"
        yield {"_id": 2}

    def other() -> None:
        begun.wait(PATIENCE_S)
        client["b"].insert({"_id": "other"})
        done.set()

    outcomes = in_threads(lambda: client["a"].insert_many(slow()).inserted_ids, other)

    assert outcomes == [[1, 2], None]


def test_a_source_of_documents_that_fails_changes_nothing(client: Client) -> None:
    def failing() -> Iterator[dict[str, Any]]:
        yield from ({"_id": n} for n in range(1500))
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        client["a"].insert_many(failing())

    assert client["a"].count() == 0


def test_a_long_read_ends_beside_a_writer_that_never_rests(client: Client) -> None:
    numbers = client["numbers"]
    numbers.insert_many([{"_id": n} for n in range(60_000)])
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            client["other"].insert({})

    writer = threading.Thread(target=write)
    writer.start()
    try:
        found = numbers.count({"_id": {"$in": list(range(60_000))}})
    finally:
        stop.set()
        writer.join()

    assert found == 60_000


def test_a_thread_writes_while_another_reads_what_a_hint_says(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints, "NEW_MIN", 0)
    with Client(directory) as client:
        client["users"].insert_many([{"_id": number} for number in range(2000)])
    with Client(directory) as client:
        prepare = UnloadedSlots.prepare
        written: list[Any] = []

        def prepared(self: UnloadedSlots) -> None:
            written.extend(in_threads(lambda: client["users"].insert({"_id": "new"})))
            prepare(self)

        monkeypatch.setattr(UnloadedSlots, "prepare", prepared)
        found = client["users"].count({"_id": {"$ne": 5}})

        assert written == ["new"]
        assert found == 2000
