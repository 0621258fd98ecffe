"""The corpus: cases read from the JSON files beside this module, and how a collection answers one.

README.md describes the files. A case runs on any face: `perform` awaits what has to be awaited, and
`run_blocking` drives it on the blocking face, where nothing ever has to wait.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corpus.values import exact, read_file
from nosqlpy import NosqlpyError, NotSupportedError, ReturnDocument

HERE = Path(__file__).parent
FILES = sorted(path for path in HERE.glob("*/*.json"))
FIND_OPTIONS = ("projection", "sort", "skip", "limit", "collation")
UPDATE_OPTIONS = ("upsert", "array_filters", "sort", "projection", "collation")


@dataclass(frozen=True)
class Case:
    """One operation on some documents, and MongoDB's answer to it."""

    id: str
    page: str
    group: str
    documents: list[dict[str, Any]]
    body: dict[str, Any]

    def __str__(self) -> str:
        return self.id

    @property
    def reads_only(self) -> bool:
        """Whether the case is a query by a filter, which an index must not change."""
        return not {"update", "replacement", "delete", "find_one_and", "aggregate"} & self.body.keys()

    @property
    def others(self) -> dict[str, list[dict[str, Any]]]:
        """The documents of other collections, by name."""
        return {name: with_ids(documents) for name, documents in self.body.get("others", {}).items()}

    @property
    def filter(self) -> dict[str, Any]:
        """The filter of the operation."""
        if "count" in self.body:
            return self.body["count"]
        return self.body.get("delete", self.body.get("filter", {}))

    @property
    def is_plain_query(self) -> bool:
        """Whether all that the case asks is which documents match its filter."""
        return "ids" in self.body and not self.body.keys() & ({*FIND_OPTIONS, "count", "distinct"} - {"collation"})


def with_ids(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the documents; one that has no ``_id`` gets its position, counted from 1."""
    return [
        document if "_id" in document else {"_id": position, **document}
        for position, document in enumerate(documents, 1)
    ]


def load(path: Path) -> Iterator[Case]:
    """Yield the cases of a file."""
    content = read_file(path)
    stem = path.relative_to(HERE).with_suffix("").as_posix()
    for group in content["groups"]:
        name = f"{stem}::{group['name']}"
        shared = with_ids(group.get("documents", []))
        common = {option: group[option] for option in ("collation", "others") if option in group}
        for number, body in enumerate(group["cases"], 1):
            documents = with_ids(body["documents"]) if "documents" in body else shared
            page = body.get("page", group.get("page", content["page"]))
            yield Case(f"{name}::{number}", page, name, documents, {**common, **body})


CASES = [case for path in FILES for case in load(path)]


def unsupported() -> dict[str, str]:
    """Return what MongoDB has and nosqlpy lacks: by the id of a case, the name that its refusal must mention."""
    lines = (HERE / "unsupported.txt").read_text(encoding="utf-8").splitlines()
    entries = [line.rsplit("  ", 1) for line in lines if line and not line.startswith("#")]
    return {case.strip(): name.strip() for case, name in entries}


# ── performing a case ────────────────────────────────────────────────────────────


async def _done(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


def run_blocking(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Return what a coroutine returns that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("the blocking face cannot wait")


async def perform(collection: Any, case: Case) -> dict[str, Any]:
    """Return the collection's answer: what it returned, what it holds afterwards, or the code of its error."""
    try:
        return await _operation(case)(collection, case.body)
    except NotSupportedError as error:
        return {"not supported": str(error)}
    except NosqlpyError as error:
        return {"error": error.code, "after": await _documents(collection)}


def _operation(case: Case) -> Callable[[Any, dict[str, Any]], Coroutine[Any, Any, dict[str, Any]]]:
    for name, operation in _OPERATIONS.items():
        if name in case.body:
            return operation
    return _find


async def _documents(collection: Any) -> list[Any]:
    return await _done(collection.find().to_list())


async def _find(collection: Any, body: dict[str, Any]) -> dict[str, Any]:
    options = {name: body[name] for name in FIND_OPTIONS if name in body}
    return {"returned": await _done(collection.find(body.get("filter", {}), **options).to_list())}


async def _count(collection: Any, body: dict[str, Any]) -> dict[str, Any]:
    options = {name: body[name] for name in ("skip", "limit", "collation") if name in body}
    return {"answer": await _done(collection.count_documents(body["count"], **options))}


async def _distinct(collection: Any, body: dict[str, Any]) -> dict[str, Any]:
    options = {name: body[name] for name in ("collation",) if name in body}
    return {"values": await _done(collection.distinct(body["distinct"], body.get("filter", {}), **options))}


async def _update(collection: Any, body: dict[str, Any]) -> dict[str, Any]:
    method = collection.update_many if body.get("many") else collection.update_one
    options = {name: body[name] for name in UPDATE_OPTIONS if name in body}
    result = await _done(method(body.get("filter", {}), body["update"], **options))
    return {**_counts(result), "after": await _documents(collection)}


async def _replace(collection: Any, body: dict[str, Any]) -> dict[str, Any]:
    options = {name: body[name] for name in UPDATE_OPTIONS if name in body}
    result = await _done(collection.replace_one(body.get("filter", {}), body["replacement"], **options))
    return {**_counts(result), "after": await _documents(collection)}


def _counts(result: Any) -> dict[str, Any]:
    return {"matched": result.matched_count, "modified": result.modified_count, "upserted": result.upserted_id}


async def _delete(collection: Any, body: dict[str, Any]) -> dict[str, Any]:
    method = collection.delete_many if body.get("many") else collection.delete_one
    await _done(method(body["delete"], collation=body.get("collation")))
    return {"after": await _documents(collection)}


async def _find_one_and(collection: Any, body: dict[str, Any]) -> dict[str, Any]:
    options = {name: body[name] for name in UPDATE_OPTIONS if name in body}
    arguments = [body.get("filter", {}), *(body[name] for name in ("update", "replacement") if name in body)]
    if body.get("return") == "after":
        options["return_document"] = ReturnDocument.AFTER
    method = getattr(collection, f"find_one_and_{body['find_one_and']}")
    result = await _done(method(*arguments, **options))
    return {"result": result, "after": await _documents(collection)}


async def _aggregate(collection: Any, body: dict[str, Any]) -> dict[str, Any]:
    options = {name: body[name] for name in ("let", "collation") if name in body}
    for name, documents in body.get("others", {}).items():
        other = collection.client[f"{collection.name}.{name}"]
        await _done(other.clear())
        if documents:
            await _done(other.insert_many(with_ids(documents)))
    pipeline = _with_names(body["aggregate"], collection.name, body.get("others", {}))
    return {"returned": await _done(collection.aggregate(pipeline, **options).to_list())}


def _with_names(value: Any, own: str, others: dict[str, Any]) -> Any:
    """Return a pipeline in which the names of other collections are those that they have in this database."""
    if isinstance(value, list):
        return [_with_names(item, own, others) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: f"{own}.{item}"
        if name in _TABLES and isinstance(item, str) and item in others
        else own
        if name in _TABLES and item == "self"
        else _with_names(item, own, others)
        for name, item in value.items()
    }


_TABLES = ("from", "coll", "$unionWith")

_OPERATIONS: dict[str, Callable[[Any, dict[str, Any]], Coroutine[Any, Any, dict[str, Any]]]] = {
    "aggregate": _aggregate,
    "find_one_and": _find_one_and,
    "update": _update,
    "replacement": _replace,
    "delete": _delete,
    "count": _count,
    "distinct": _distinct,
}


# ── comparing the answer ─────────────────────────────────────────────────────────


def differences(case: Case, answer: dict[str, Any]) -> list[str]:
    """Return in which respects an answer is not the one that the case expects; none if it is right."""
    body = case.body
    if "not supported" in answer:
        return [f"refused: {answer['not supported']}"]
    if "error" in body or "error" in answer:
        expected = body.get("error", "no error")
        codes = expected if isinstance(expected, list) else [expected]
        got = answer.get("error", "no error")
        wrong = [] if got in codes else [f"error {got}, expected {expected}; answered {_shown(answer)}"]
        return wrong + _unlike("the documents after the error", case.documents, answer.get("after", case.documents))
    checks = (_found, _answered, _written)
    return [difference for check in checks for difference in check(case, answer)]


def _shown(answer: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in answer.items())


def _unlike(what: str, expected: Any, got: Any) -> list[str]:
    return [] if exact(expected) == exact(got) else [f"{what}: expected {expected!r}, got {got!r}"]


def _as_set(values: list[Any]) -> list[Any]:
    return sorted(values, key=lambda value: repr(exact(value)))


def _found(case: Case, answer: dict[str, Any]) -> list[str]:
    body = case.body
    wrong: list[str] = []
    if "ids" in body:
        wrong += _unlike("ids", _as_set(body["ids"]), _as_set([found["_id"] for found in answer["returned"]]))
    if "order" in body:
        wrong += _unlike("ids in order", body["order"], [found["_id"] for found in answer["returned"]])
    if "returns" in body:
        wrong += _unlike("documents", body["returns"], answer["returned"])
    if "contains" in body:
        wrong += _unlike("documents in any order", _as_set(body["contains"]), _as_set(answer["returned"]))
    return wrong


def _answered(case: Case, answer: dict[str, Any]) -> list[str]:
    body = case.body
    wrong: list[str] = []
    if "values" in body:
        wrong += _unlike("values", _as_set(body["values"]), _as_set(answer["values"]))
    for name in ("answer", "result"):
        if name in body:
            wrong += _unlike(name, body[name], answer[name])
    return wrong


def _written(case: Case, answer: dict[str, Any]) -> list[str]:
    body = case.body
    wrong: list[str] = []
    if "inserted" in body:
        wrong += _unlike("the documents before", case.documents, answer["after"][:-1])
        wrong += _inserted(body["inserted"], answer)
    if "after" in body:
        after = with_ids(body["after"])
        wrong += _unlike("documents after", _as_set(after), _as_set(answer["after"]))
        if "modified" in answer:
            before = [exact(document) for document in case.documents]
            wrong += _unlike("modified", sum(exact(item) not in before for item in after), answer["modified"])
    if "matched" in body:
        wrong += _unlike("matched", body["matched"], answer["matched"])
    return wrong


def _inserted(expected: dict[str, Any], answer: dict[str, Any]) -> list[str]:
    """Compare the document that an upsert inserted; an ``_id`` that is not expected was generated."""
    got = dict(answer["after"][-1]) if answer["after"] else {}
    if "_id" not in expected:
        got.pop("_id", None)
    return _unlike("inserted document", expected, got)
