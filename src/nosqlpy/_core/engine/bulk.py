"""Bulk writes: requests of several kinds, one after the other, each planned as one atomic change.

Manual: reference/method/db.collection.bulkWrite.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import msgspec

from nosqlpy._core.engine import matching, writes
from nosqlpy._core.engine.execution import Query
from nosqlpy._core.engine.flags import check_flag
from nosqlpy._core.engine.intake import NewDocument, SpareId
from nosqlpy._core.engine.state import Change, Engine
from nosqlpy._core.index.deferred import loading
from nosqlpy._core.update.compile import GivenUpdate, Updater
from nosqlpy._core.values.codec import decode_document
from nosqlpy.aliases import Document
from nosqlpy.errors import OperationFailure
from nosqlpy.results import BulkWriteResult, DeleteResult, UpdateResult


class Insertion(msgspec.Struct, frozen=True):
    """A request to insert a document."""

    new: NewDocument

    @property
    def command(self) -> Document:
        """The request as pymongo shows it in an error."""
        return decode_document(self.new.data)


class Updating(msgspec.Struct, frozen=True):
    """A request to update or replace what a query finds; `command` is how pymongo shows it in an error."""

    query: Query
    updater: Updater | GivenUpdate
    spare_id: SpareId
    upsert: bool
    many: bool
    command: Mapping[str, Any]


class Deletion(msgspec.Struct, frozen=True):
    """A request to delete what a query finds; `command` is how pymongo shows it in an error."""

    query: Query
    many: bool
    command: Mapping[str, Any]


class Refused(msgspec.Struct, frozen=True):
    """A request that cannot be understood: the error that it ends in when its turn comes."""

    error: OperationFailure
    command: Mapping[str, Any]


BulkRequest: TypeAlias = Insertion | Updating | Deletion | Refused


class Tally(msgspec.Struct):
    """What the requests of a bulk write have done so far."""

    inserted: int = 0
    matched: int = 0
    modified: int = 0
    deleted: int = 0
    upserted: dict[int, Any] = {}

    def add(self, index: int, result: Any) -> None:
        """Count the result of the request at `index`."""
        if isinstance(result, UpdateResult):
            self.matched += result.matched_count
            self.modified += result.modified_count
            if result.upserted_id is not None:
                self.upserted[index] = result.upserted_id
        elif isinstance(result, DeleteResult):
            self.deleted += result.deleted_count
        else:
            self.inserted += 1

    def result(self) -> BulkWriteResult:
        """Return what pymongo returns."""
        return BulkWriteResult(
            self.inserted, self.matched, self.modified, self.deleted, len(self.upserted), self.upserted
        )


def bulk_write(
    engine: Engine, name: str, requests: Sequence[BulkRequest], *, ordered: bool, bypass: bool | None = None
) -> Generator[Change[Any] | None, None, BulkWriteResult]:
    """Yield the change of each request, to be applied before the next is asked for; return pymongo's result.

    None says that planning the next change takes long: it looks at many documents.

    Raises:
        BulkWriteError: Requests were refused. `ordered`: those before the first such one are done; else all others.
    """
    check_flag("ordered", ordered)
    writes.check_bypass(bypass)
    tally = Tally()
    errors: list[Document] = []
    for index, request in enumerate(requests):
        if isinstance(request, Updating | Deletion) and matching.reach(engine, name, request.query) > matching.STEP:
            yield None
        try:
            change = loading(partial(_plan, engine, name, request, bypass))
        except OperationFailure as error:
            errors.append(writes.write_error(index, error, request.command))
            if ordered:
                break
        else:
            yield change
            tally.add(index, change.result)
    if errors:
        raise writes.bulk_error("request", len(requests), errors, tally.result(), ordered=ordered)
    return tally.result()


def _plan(engine: Engine, name: str, request: BulkRequest, bypass: bool | None) -> Change[Any]:
    if isinstance(request, Insertion):
        return writes.insert_one(engine, name, request.new, bypass=bypass)
    if isinstance(request, Updating):
        query, updater, options = request.query, request.updater, {"upsert": request.upsert, "many": request.many}
        return writes.update(engine, name, query, updater, request.spare_id, **options, bypass=bypass)
    if isinstance(request, Deletion):
        return writes.delete(engine, name, request.query, many=request.many)
    raise request.error
