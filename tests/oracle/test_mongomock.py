"""Random filters, sorts and updates, answered by the engine and by mongomock: `known.json` explains what differs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from corpus.model import matches
from nosqlpy import Client, NosqlpyError
from oracle.generating import Generator

mongomock = pytest.importorskip("mongomock", reason="mongomock, the second implementation, is not installed")

BATCH = 100
CASES = int(os.environ.get("NOSQLPY_ORACLE_CASES", "2000"))
KNOWN: list[dict[str, Any]] = json.loads(Path(__file__).with_name("known.json").read_text("utf-8"))
ARRAY_OPERATORS = {"$push", "$addToSet", "$pop", "$pull", "$pullAll"}
REFUSED, BROKEN = "refused", "broken"

Document = dict[str, Any]


class Disagreement(NamedTuple):
    """A question with both answers; an answer is a list, or ``REFUSED`` and a code, or ``BROKEN`` and an exception."""

    kind: str
    question: Any
    documents: list[Document]
    ours: Any
    theirs: Any

    @property
    def code(self) -> int | None:
        """The code of our error if only we refuse."""
        return self.ours[1] if self.ours[0] == REFUSED and self.theirs[0] != REFUSED else None


def parts_of(value: Any) -> Iterator[Any]:
    """Yield a value and everything in it."""
    yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
        yield from parts_of(item)


def names_in(value: Any) -> set[str]:
    """Return the names of fields and operators at every depth."""
    return {name for item in parts_of(value) if isinstance(item, dict) for name in item}


def changed_paths(update: Document) -> list[tuple[str, str]]:
    """Return the operators of an update, each with each path that it changes."""
    pairs = [(name, path) for name, fields in update.items() for path in fields]
    return pairs + [("$rename", new) for new in update.get("$rename", {}).values()]


def reached(document: Any, path: str) -> Any:
    """Return the value at the end of a path of an update; None if it is not there."""
    for part in path.split("."):
        if isinstance(document, list):
            document = document[int(part)] if part.isdigit() and int(part) < len(document) else None
        else:
            document = document.get(part) if isinstance(document, dict) else None
    return document


def is_blocked(document: Any, path: str) -> bool:
    """Return whether a part of a path of an update is a scalar or null, or an array where the path has a name."""
    for part in path.split("."):
        if isinstance(document, dict):
            if part not in document:
                return False
            document = document[part]
        elif isinstance(document, list) and part.isdigit():
            if int(part) >= len(document):
                return False
            document = document[int(part)]
        else:
            return True
    return False


def has_bool_and_number(case: Disagreement) -> bool:
    """Return whether values of both kinds are in a case."""
    values = list(parts_of([case.question, case.documents]))
    return any(isinstance(v, bool) for v in values) and any(
        isinstance(v, int | float) and not isinstance(v, bool) for v in values
    )


def has_array_operand(filter: Document) -> bool:
    """Return whether a condition compares with an array."""
    operands = [(name, item[name]) for item in parts_of(filter) if isinstance(item, dict) for name in item]
    lists = [(name, operand) for name, operand in operands if isinstance(operand, list)]
    return any(
        any(isinstance(item, list) for item in operand) if name in ("$in", "$nin", "$all") else name != "$mod"
        for name, operand in lists
        if name not in ("$and", "$or", "$nor")
    )


def has_conflict(update: Document) -> bool:
    """Return whether two paths of an update are the same, or one is the beginning of the other."""
    paths = [f"{path}." for _, path in changed_paths(update)]
    return any(paths[i].startswith(paths[j]) for i in range(len(paths)) for j in range(len(paths)) if i != j)


def has_target(case: Disagreement, operators: set[str], is_wrong: Callable[[Any], bool]) -> bool:
    """Return whether one of the operators meets a value, which is there, of a wrong type."""
    pairs = [(name, path) for name, path in changed_paths(case.question) if name in operators]
    return any(is_wrong(reached(document, path)) for _, path in pairs for document in case.documents)


def differs_only_in_count(case: Disagreement) -> bool:
    """Return whether the documents are equal after an update, as Python compares."""
    return isinstance(case.ours, list) and isinstance(case.theirs, list) and case.ours[1:] == case.theirs[1:]


# What each entry of known.json covers. A filter's answer must also be the model's, see below.
REVIEWED: dict[str, Callable[[Disagreement], bool]] = {
    "a bool is no number": lambda c: c.kind in ("filter", "update") and c.code is None and has_bool_and_number(c),
    "null and missing fields": lambda c: c.kind == "filter" and any(v is None for v in parts_of(c.question)),
    "an empty document is a value": lambda c: c.kind == "filter" and any(v == {} for v in parts_of(c.question)),
    "$size is for arrays": lambda c: c.kind == "filter" and "$size" in names_in(c.question),
    "a negation is the complement": lambda c: (
        c.kind == "filter" and bool({"$not", "$ne", "$nin"} & names_in(c.question))
    ),
    "an array as an operand": lambda c: c.kind == "filter" and has_array_operand(c.question),
    "an element reached by its position is one value": lambda c: (
        c.kind == "filter" and any(".0" in name for name in names_in(c.question))
    ),
    "$elemMatch tests the elements": lambda c: c.kind == "filter" and "$elemMatch" in names_in(c.question),
    "arrays sort by an element": lambda c: (
        c.kind == "sort" and c.code is None and any(isinstance(v, list) for d in c.documents for v in parts_of(d))
    ),
    "parallel arrays cannot be sorted by": lambda c: c.kind == "sort" and c.code == 2 and len(c.question) > 2,
    "a path cannot go through a scalar": lambda c: (
        c.kind == "update"
        and c.code == 28
        and any(is_blocked(document, path) for _, path in changed_paths(c.question) for document in c.documents)
    ),
    "two changes of one path conflict": lambda c: c.kind == "update" and c.code == 40 and has_conflict(c.question),
    "an array operator needs an array": lambda c: (
        c.kind == "update" and c.code == 2 and has_target(c, ARRAY_OPERATORS, lambda v: not isinstance(v, list))
    ),
    "a field is not renamed to itself": lambda c: (
        c.kind == "update" and c.code == 2 and any(old == new for old, new in c.question.get("$rename", {}).items())
    ),
    "only numbers are added": lambda c: (
        c.kind == "update"
        and c.code == 14
        and has_target(c, {"$inc", "$mul"}, lambda v: isinstance(v, bool) or not isinstance(v, int | float))
    ),
    "$min and $max compare the types": lambda c: (
        c.kind == "update" and c.code is None and bool({"$min", "$max"} & set(c.question)) and has_other_types(c)
    ),
    "$addToSet adds each value once": lambda c: (
        c.kind == "update" and c.code is None and "$addToSet" in c.question and "$each" in names_in(c.question)
    ),
    "$unset leaves null in an array": lambda c: (
        c.kind == "update" and c.code is None and any(".0" in path for path in c.question.get("$unset", ()))
    ),
    "$pullAll creates nothing": lambda c: c.kind == "update" and c.code is None and "$pullAll" in c.question,
    "a change of the numeric type is a change": lambda c: c.kind == "update" and differs_only_in_count(c),
}


def has_other_types(case: Disagreement) -> bool:
    """Return whether ``$min`` or ``$max`` compares values of two types."""
    return any(
        type(reached(document, path)) is not type(operand)
        for name in ("$min", "$max")
        for path, operand in case.question.get(name, {}).items()
        for document in case.documents
    )


class Both:
    """The same questions for two databases in memory."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.database = mongomock.MongoClient()["oracle"]
        self.number = 0
        self.disagreements: list[Disagreement] = []
        self.compared = 0

    def ask(self, kind: str, question: Any, documents: list[Document]) -> tuple[Any, Any]:
        """Return our answer and theirs to one question about some documents."""
        self.number += 1
        ours = self.client[f"c{self.number}"]
        theirs = self.database[f"c{self.number}"]
        for collection in (ours, theirs):
            collection.insert_many(deepcopy(documents))
        answers = self._ours(ours, kind, question), self._theirs(theirs, kind, question)
        ours.drop()
        theirs.drop()
        return answers

    def compare(self, kind: str, question: Any, documents: list[Document]) -> None:
        """Ask both and keep what they disagree about; where mongomock breaks, it has no answer."""
        ours, theirs = self.ask(kind, question, documents)
        if theirs[:1] == (BROKEN,):
            return
        self.compared += 1
        if ours[:1] == theirs[:1] == (REFUSED,):
            return
        if typed(ours) != typed(theirs):
            self.disagreements.append(Disagreement(kind, question, documents, ours or [None], theirs or [None]))

    def _ours(self, collection: Any, kind: str, question: Any) -> Any:
        try:
            return self._answer(collection, kind, question)
        except NosqlpyError as error:
            return REFUSED, error.code

    def _theirs(self, collection: Any, kind: str, question: Any) -> Any:
        try:
            return self._answer(collection, kind, question)
        except mongomock.OperationFailure as error:
            return (BROKEN if "unknown operator" in str(error) else REFUSED), str(error)
        except Exception as error:  # noqa: BLE001 - it raises TypeError, KeyError, … for what it has not thought of
            return BROKEN, repr(error)

    def _answer(self, collection: Any, kind: str, question: Any) -> list[Any]:
        if kind == "filter":
            return [document["_id"] for document in collection.find(deepcopy(question))]
        if kind == "sort":
            return [document["_id"] for document in collection.find({}, sort=question)]
        result = collection.update_many({}, deepcopy(question))
        return [result.modified_count, *collection.find({})]


def typed(value: Any) -> Any:
    """Return a value in which True, 1 and 1.0 differ, and the order of fields does not count."""
    # Fields are created in the order of their paths by a server, and as the update has them by mongomock: the corpus
    # has cases for that, and here it would be most of the differences.
    if isinstance(value, dict):
        return {name: typed(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [typed(item) for item in value]
    return type(value).__name__, value


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """A database in memory."""
    with Client(":memory:") as client:
        yield client


@pytest.fixture
def both(client: Client) -> Both:
    """The engine and mongomock."""
    return Both(client)


def unexplained(found: list[Disagreement]) -> list[Disagreement]:
    """Return the disagreements that no entry of the table covers."""
    return [case for case in found if not any(covers(case) for covers in REVIEWED.values())]


@pytest.mark.parametrize("batch", range(CASES // BATCH // 2))
def test_a_filter_finds_what_mongomock_finds(batch: int, both: Both) -> None:
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        generator = Generator(seed)
        documents = generator.documents()
        both.compare("filter", generator.filter(), documents)

    assert both.compared > BATCH // 2
    assert len(both.disagreements) < both.compared // 4
    assert unexplained(both.disagreements) == []
    for case in both.disagreements:
        expected = [document["_id"] for document in case.documents if matches(document, case.question)]
        assert case.ours == (expected or [None]), case


@pytest.mark.parametrize("batch", range(CASES // BATCH // 5))
def test_a_sort_gives_mongomocks_order(batch: int, both: Both) -> None:
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        generator = Generator(seed)
        documents = generator.documents()
        both.compare("sort", generator.sort(), documents)

    assert both.compared > BATCH // 2
    assert len(both.disagreements) < both.compared // 4
    assert unexplained(both.disagreements) == []


@pytest.mark.parametrize("batch", range(CASES // BATCH // 3))
def test_an_update_makes_what_mongomock_makes(batch: int, both: Both) -> None:
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        generator = Generator(seed)
        documents = generator.documents()
        both.compare("update", generator.update(), documents)

    assert both.compared > BATCH // 4
    assert unexplained(both.disagreements) == []


def test_the_table_and_its_conditions_name_the_same_differences() -> None:
    assert [entry["id"] for entry in KNOWN] == list(REVIEWED)
    assert all(entry["page"] and entry["manual"] and entry["mongomock"] for entry in KNOWN)


@pytest.mark.parametrize("entry", KNOWN, ids=lambda entry: entry["id"])
def test_a_known_difference_is_one(entry: dict[str, Any], both: Both) -> None:
    example = entry["example"]
    (kind,) = {"filter", "sort", "update"} & set(example)
    question = [tuple(key) for key in example[kind]] if kind == "sort" else example[kind]

    ours, theirs = both.ask(kind, question, example["documents"])

    expected = example["mongodb"]
    counts = example.get("modified", {})
    if kind == "update":
        assert theirs[0] == counts.get("mongomock", theirs[0])
        theirs = theirs[1:]
    if isinstance(expected, dict):
        assert ours == (REFUSED, expected["error"])
    else:
        if kind == "update":
            assert ours[0] == counts.get("mongodb", ours[0])
            ours = ours[1:]
        assert typed(ours) == typed(expected)
    assert typed(theirs) == typed(example["mongomock"])
    assert typed(expected) != typed(example["mongomock"]) or counts
