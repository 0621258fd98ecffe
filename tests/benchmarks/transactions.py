"""Transactions of five writes, beside the same five writes one by one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from tests.benchmarks.documents import make_documents
from tests.benchmarks.language import Figure, figures
from tests.benchmarks.measure import every_time

from nosqlpy import Client

STORED = 1000
WRITES = 5
TRANSACTIONS = 400
RATIO_MAX = 1.5

# what one write does, with the number of the write and the transaction that it is part of, if any
Write = Callable[[int, Any], object]


def transactions(directory: Path, rounds: int) -> list[Figure]:
    """Time transactions of five writes each; a line's ratio is to the median of the same writes one by one."""
    documents = make_documents(STORED)
    body = {name: value for name, value in documents[0].items() if name != "_id"}
    with Client(directory / "transactions", compaction="off") as db:
        users, fresh = db["users"], count()
        users.insert_many(documents)
        ids = [document["_id"] for document in documents[:WRITES]]

        def insert(_: int, tx: Any) -> None:
            users.insert({"_id": next(fresh), **body}, session=tx)

        def increment(number: int, tx: Any) -> None:
            users.update_one({"_id": ids[number]}, {"$inc": {"age": 1}}, session=tx)

        return [
            *_beside(db, "5 inserts in a transaction", insert, rounds),
            *_beside(db, "5 $inc by id in a transaction", increment, rounds),
        ]


def _beside(db: Client, name: str, write: Write, rounds: int) -> list[Figure]:
    runs = {"single": partial(_one_by_one, write), "together": partial(_together, db, write)}
    times = every_time(runs, rounds=rounds)
    single, together = (figures({key: times[key]}, TRANSACTIONS)[0] for key in ("single", "together"))
    return [Figure(name, together.best, together.median, together.median / single.median, RATIO_MAX)]


def _one_by_one(write: Write) -> None:
    for _ in range(TRANSACTIONS):
        for number in range(WRITES):
            write(number, None)


def _together(db: Client, write: Write) -> None:
    for _ in range(TRANSACTIONS):
        with db.transaction() as tx:
            for number in range(WRITES):
                write(number, tx)
