"""Aggregations beside the same questions in SQL: ``json_extract`` over JSON text in SQLite, in memory both."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any

import msgspec
from tests.benchmarks.documents import CITIES, make_documents
from tests.benchmarks.measure import interleaved

from nosqlpy import Client

Answer = list[Any]


class Question(msgspec.Struct, frozen=True):
    """One question to both; `target` is how many times as fast nosqlpy should be, at least."""

    name: str
    pipeline: list[dict[str, Any]]
    sql: str
    row: Callable[[tuple[Any, ...]], Any]
    target: float | None = None


def _field(path: str) -> str:
    return f"json_extract(body, '$.{path}')"


CITY, AGE = _field("profile.city"), _field("age")
TOTAL = {"$group": {"_id": "$profile.city", "made": {"$sum": "$age"}}}


def _pair(row: tuple[Any, ...]) -> dict[str, Any]:
    return {"_id": row[0], "made": row[1]}


QUESTIONS = [
    Question("$group by a nested key, $sum", [TOTAL], f"select {CITY}, sum({AGE}) from users group by 1", _pair, 3.0),
    Question(
        "$match, $group",
        [{"$match": {"age": {"$gt": 45}}}, TOTAL],
        f"select {CITY}, sum({AGE}) from users where {AGE} > 45 group by 1",
        _pair,
    ),
    Question(
        "$unwind, $group",
        [{"$unwind": "$tags"}, {"$group": {"_id": "$tags", "made": {"$sum": 1}}}],
        "select value, count(*) from users, json_each(body, '$.tags') group by 1",
        _pair,
    ),
    Question(
        "$project of two fields",
        [{"$project": {"age": 1, "email": 1}}],
        f"select id, {_field('email')}, {AGE} from users",
        lambda row: {"_id": row[0], "email": row[1], "age": row[2]},
    ),
    Question(
        "$addFields, $match on it",
        [{"$addFields": {"next": {"$add": ["$age", 1]}}}, {"$match": {"next": 20}}],
        f"select body, {AGE} + 1 from users where {AGE} + 1 = 20",
        lambda row: {**json.loads(row[0]), "next": row[1]},
    ),
    Question(
        "$group, $sort, $limit",
        [TOTAL, {"$sort": {"made": -1, "_id": 1}}, {"$limit": 5}],
        f"select {CITY}, sum({AGE}) made from users group by 1 order by 2 desc, 1 limit 5",
        _pair,
    ),
    Question(
        "$lookup by a field",
        [
            {"$lookup": {"from": "cities", "localField": "profile.city", "foreignField": "name", "as": "city"}},
            {"$project": {"made": {"$first": "$city.people"}}},
        ],
        f"select users.id, cities.people from users join cities on cities.name = {CITY}",
        _pair,
    ),
]


class Line(msgspec.Struct, frozen=True):
    """What a question costs both, in microseconds a document."""

    name: str
    nosqlpy: float
    sqlite: float
    target: float | None

    @property
    def faster(self) -> float:
        """How many times as fast nosqlpy is."""
        return self.sqlite / self.nosqlpy


def aggregations(count: int, rounds: int) -> list[Line]:
    """Return a line for each question, to `count` documents."""
    documents = make_documents(count)
    cities = [{"_id": number, "name": f"city {number}", "people": number * 1000} for number in range(CITIES)]
    connection = sqlite3.connect(":memory:")
    connection.execute("create table users (id text primary key, body text) without rowid")
    connection.executemany("insert into users values (?, ?)", ((each["_id"], json.dumps(each)) for each in documents))
    connection.execute("create table cities (name text primary key, people int)")
    connection.executemany("insert into cities values (?, ?)", ((each["name"], each["people"]) for each in cities))
    with Client(":memory:", slow_ms=None) as client:
        client["users"].insert_many(documents)
        client["cities"].insert_many(cities)
        client["cities"].create_index("name")
        return [_line(question, client, connection, count, rounds) for question in QUESTIONS]


def _line(question: Question, client: Client, connection: sqlite3.Connection, count: int, rounds: int) -> Line:
    def ours() -> Answer:
        return client["users"].aggregate(question.pipeline).to_list()

    def theirs() -> Answer:
        return [question.row(row) for row in connection.execute(question.sql)]

    assert sorted(map(repr, ours())) == sorted(map(repr, theirs())), f"the answers differ: {question.name}"
    times = interleaved({"nosqlpy": ours, "sqlite": theirs}, rounds=rounds)
    micros = {who: spent / count * 1e6 for who, spent in times.items()}
    return Line(question.name, micros["nosqlpy"], micros["sqlite"], question.target)


def show_aggregations(lines: list[Line]) -> None:
    """Print them for a person."""
    print(f"{'microseconds a document':38}{'nosqlpy':>10}{'sqlite':>10}{'faster':>9}   target")
    for line in lines:
        target = ""
        if line.target is not None:
            target = f"{'met' if line.faster >= line.target else 'missed'}: >= {line.target:g}x"
        print(f"{line.name:38}{line.nosqlpy:10.2f}{line.sqlite:10.2f}{line.faster:8.1f}x   {target}")
