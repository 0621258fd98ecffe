"""Reading append-only logs of JSON lines, one operation on each, such as nosqlpy 0.1 kept for each collection.

from nosqlpy.compat.seed_log import import_log
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Coroutine, Generator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias, overload

from nosqlpy import (
    BulkWriteError,
    BulkWriteResult,
    Collection,
    DeleteOne,
    Document,
    Durability,
    InsertOne,
    NosqlpyError,
    QueryError,
    ReplaceOne,
    UpdateOne,
)
from nosqlpy.extended_json import decode_json
from nosqlpy.naming import nearest

if TYPE_CHECKING:
    from nosqlpy import AsyncCollection

BATCH = 1000
OPERATIONS = ("insert", "update", "replace", "delete")


@overload
def import_log(
    collection: Collection[Document],
    source: str | os.PathLike[str] | BinaryIO,
    /,
    *,
    operation: str = "op",
    id: str = "id",
    document: str = "doc",
    durability: Durability | None = None,
) -> Document: ...
@overload
def import_log(
    collection: AsyncCollection[Document],
    source: str | os.PathLike[str] | BinaryIO,
    /,
    *,
    operation: str = "op",
    id: str = "id",
    document: str = "doc",
    durability: Durability | None = None,
) -> Coroutine[Any, Any, Document]: ...
def import_log(
    collection: Collection[Document] | AsyncCollection[Document],
    source: str | os.PathLike[str] | BinaryIO,
    /,
    *,
    operation: str = "op",
    id: str = "id",
    document: str = "doc",
    durability: Durability | None = None,
) -> Document | Coroutine[Any, Any, Document]:
    """Carry out the operations of a log on a collection, in their order; return how many of each there were.

    With an async collection it is awaited. Each line is a JSON object with the fields that `operation`, `id` and
    `document` name: what is done, ``insert``, ``update``, ``replace`` or ``delete``; to which ``_id``, which may also
    stand in the document; and the new document. That of an update has operators such as ``$set``, or fields to set.
    ``missing`` counts updates and deletions of a document that is not there; one that is replaced may be missing.
    Empty lines are left out.

    Raises:
        QueryError: A line is no such operation; those before it are done. `details` has the ``line``, the ``column``
            where it is no JSON, and how many were ``done``.
        OperationFailure: An operation is refused, such as the insertion of an ``_id`` that is taken; likewise.
        OSError: The file cannot be read.
    """
    steps = _steps(source, (operation, id, document))
    if isinstance(collection, Collection):
        return _carry_out(steps, collection, durability)
    return _carry_out_async(steps, collection, durability)


_Requests: TypeAlias = "list[Any]"
_Steps: TypeAlias = "Generator[_Requests, BulkWriteResult, Document]"


def _carry_out(steps: _Steps, collection: Collection[Document], durability: Durability | None) -> Document:
    step = _Step(steps)
    requests = step.begin()
    while step.counts is None:
        try:
            result = collection.bulk_write(requests, durability=durability)
        except NosqlpyError as error:
            requests = step.refused(error)
        else:
            requests = step.done(result)
    return step.counts


async def _carry_out_async(
    steps: _Steps, collection: AsyncCollection[Document], durability: Durability | None
) -> Document:
    """Do as `_carry_out`; the file is read in a worker thread."""
    from anyio import to_thread  # noqa: PLC0415 - the command line, and the blocking face, do without it

    step = _Step(steps)
    requests = await to_thread.run_sync(step.begin)
    while step.counts is None:
        try:
            result = await collection.bulk_write(requests, durability=durability)
        except NosqlpyError as error:
            requests = await to_thread.run_sync(step.refused, error)
        else:
            requests = await to_thread.run_sync(step.done, result)
    return step.counts


class _Step:
    """Goes from one batch of requests to the next; `counts` are there when all is done."""

    def __init__(self, steps: _Steps) -> None:
        self._steps = steps
        self.counts: Document | None = None

    def begin(self) -> _Requests:
        return self._next(lambda: next(self._steps))

    def done(self, result: BulkWriteResult) -> _Requests:
        return self._next(lambda: self._steps.send(result))

    def refused(self, error: NosqlpyError) -> _Requests:
        return self._next(lambda: self._steps.throw(error))

    def _next(self, move: Callable[[], _Requests]) -> _Requests:
        try:
            return move()
        except StopIteration as stop:
            self.counts = stop.value
            return []


def _steps(source: str | os.PathLike[str] | BinaryIO, names: tuple[str, str, str]) -> _Steps:
    """Yield the requests of a log; be sent what came of them, or be thrown why they were refused."""
    if isinstance(source, (str, os.PathLike)):
        with Path(source).open("rb") as file:
            return (yield from _batches(file, f"{os.fspath(source)}: ", names))
    return (yield from _batches(source, "", names))


def _batches(file: BinaryIO, where: str, names: tuple[str, str, str]) -> _Steps:
    counts: Counter[str] = Counter(dict.fromkeys((*OPERATIONS, "missing"), 0))
    done = 0
    lines = ((number, line) for number, line in enumerate(file, 1) if line.strip())
    while batch := list(islice(lines, BATCH)):
        found, error = _read(batch, *names)
        done += yield from _write(found, counts, where, done)
        if error is not None:
            raise _located(error, where, batch[len(found)][0], done)
    return dict(counts)


_Found = list[tuple[int, str, Any]]


def _read(batch: list[tuple[int, bytes]], operation: str, id: str, document: str) -> tuple[_Found, NosqlpyError | None]:
    """Return the requests of the lines up to one that is none, and what is wrong with that."""
    found: _Found = []
    for number, line in batch:
        try:
            record = decode_json(line.rstrip(b"\r\n"))
            found.append((number, *_request(record, operation, id, document)))
        except NosqlpyError as error:
            return found, error
    return found, None


def _request(record: Document, operation: str, id: str, document: str) -> tuple[str, Any]:
    name = record.get(operation)
    if name not in OPERATIONS:
        hint = nearest(name, OPERATIONS) if isinstance(name, str) else ""
        raise QueryError(f"the field {operation!r} is one of {', '.join(OPERATIONS)}{hint}")
    content = record.get(document, {})
    if type(content) is not dict or (name != "delete" and document not in record):
        raise QueryError(f"the field {document!r} is the document")
    key = record.get(id, content.get("_id"))
    if key is None:
        raise QueryError(f"the _id stands neither in the field {id!r} nor in the document")
    return name, _made(name, key, content)


def _made(name: str, key: Any, content: Document) -> Any:
    chosen = {"_id": {"$eq": key}}
    if name == "insert":
        return InsertOne({"_id": key, **content})
    if name == "delete":
        return DeleteOne(chosen)
    if name == "replace":
        return ReplaceOne(chosen, {"_id": key, **content}, upsert=True)
    if any(field.startswith("$") for field in content):
        return UpdateOne(chosen, content)
    return UpdateOne(chosen, {"$set": {field: value for field, value in content.items() if field != "_id"}})


def _write(found: _Found, counts: Counter[str], where: str, before: int) -> Generator[_Requests, BulkWriteResult, int]:
    """Yield the requests, or, where nothing of them can be done together, one after the other; count what was done."""
    if not found:
        return 0
    try:
        result = yield [request for _, _, request in found]
    except BulkWriteError as error:
        failed = error.details["writeErrors"][0]
        refusal = BulkWriteError(str(failed["errmsg"]), details=error.details)
        raise _located(refusal, where, found[failed["index"]][0], before + failed["index"]) from None
    except NosqlpyError as error:  # nothing was done: one after the other finds the line
        if len(found) == 1:
            raise _located(error, where, found[0][0], before) from None
        for at, one in enumerate(found):
            yield from _write([one], counts, where, before + at)
        return len(found)
    names = Counter(name for _, name, _ in found)
    counts.update(names)
    met = result.matched_count + result.upserted_count + result.deleted_count
    counts["missing"] += names["update"] + names["replace"] + names["delete"] - met
    return len(found)


def _located(error: NosqlpyError, where: str, line: int, done: int) -> NosqlpyError:
    details = {**error.details, "line": line, "done": done}
    column = f", column {details['column']}" if "column" in details else ""
    message = f"{where}line {line}{column}: {error} ({done} operations done before it)"
    return type(error)(message, code=error.code, code_name=error.code_name, details=details)


__all__ = ["import_log"]
