"""What a collection of the blocking face changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from nosqlpy._core.engine import bulk, importing, points, writes
from nosqlpy._core.engine.intake import Intake
from nosqlpy._core.update.compile import compile_replacement
from nosqlpy._core.values.typed import TypeCodec
from nosqlpy._io.asking import one_deletion, one_update
from nosqlpy._io.client import shown_as
from nosqlpy._io.finding import FindOptions, bind, match
from nosqlpy._io.local import LocalBackend
from nosqlpy._io.requests import bulk_requests, updater
from nosqlpy.aliases import CollationSpec, Durability, Filter, IndexKeys, SortSpec, Update
from nosqlpy.results import (
    BulkWriteResult,
    DeleteResult,
    InsertManyResult,
    InsertOneResult,
    UpdateResult,
    WriteModel,
)

if TYPE_CHECKING:
    from nosqlpy.blocking.transaction import Transaction

T = TypeVar("T")


@shown_as("Collection")
class Writing(Generic[T]):
    """The methods of a collection that write."""

    _backend: LocalBackend
    _name: str
    _codec: TypeCodec[T]
    _intake: Intake[T]
    _asked: Callable[..., FindOptions]

    def insert(
        self, document: T, /, *, durability: Durability | None = None, session: Transaction | None = None
    ) -> Any:
        """Insert `document` and return its ``_id``, a new one if it has none.

        The document itself is not changed.

        Raises:
            ValidationError: The collection's validator refuses it.
            DuplicateKeyError: The ``_id`` is taken.
            DocumentError: It holds a value that cannot be stored; the message has its path.
        """
        return self._backend.within(session).write_one(
            durability, writes.insert_one, self._name, self._intake.one(document)
        )

    def save(self, document: T, /, *, durability: Durability | None = None, session: Transaction | None = None) -> Any:
        """Insert `document`, or put it in the place of the one with its ``_id``; return that.

        Raises:
            ValidationError: The collection's validator refuses it.
            DocumentError: It holds a value that cannot be stored; the message has its path.
        """
        return self._backend.within(session).write_one(durability, writes.save, self._name, self._intake.one(document))

    def _save_many(self, documents: Sequence[T]) -> None:
        """Save documents as one atomic write; for the interfaces of other libraries."""
        self._backend.write_all(
            None, importing.save_many, self._name, self._backend.prepare(self._intake.many(documents))
        )

    def delete(self, id: Any, /, *, durability: Durability | None = None, session: Transaction | None = None) -> bool:
        """Delete the document with this ``_id``; return whether there was one."""
        return self._backend.within(session).write_one(durability, writes.delete_by_id, self._name, id)

    def insert_one(
        self,
        document: T,
        *,
        bypass_document_validation: bool | None = None,
        comment: Any = None,
        durability: Durability | None = None,
        session: Transaction | None = None,
    ) -> InsertOneResult:
        """Insert `document` and return a result with its ``_id``.

        With `bypass_document_validation` the collection's validator is not asked.

        Raises:
            ValidationError: The collection's validator refuses it.
            DuplicateKeyError: The ``_id`` is taken.
            DocumentError: It holds a value that cannot be stored; the message has its path.
        """
        return self._backend.within(session).write_one(
            durability,
            writes.insert_one_result,
            self._name,
            self._intake.one(document, comment, bypass_document_validation),
        )

    def insert_many(
        self,
        documents: Iterable[T],
        *,
        ordered: bool = True,
        bypass_document_validation: bool | None = None,
        comment: Any = None,
        durability: Durability | None = None,
        session: Transaction | None = None,
    ) -> InsertManyResult:
        """Insert all `documents` and return a result with their ids.

        All are checked first: one that cannot be stored keeps all out. They go in a
        thousand at a time, or as many as have 32 MiB, each portion as one atomic write. With
        `bypass_document_validation` the collection's validator is not asked.

        Raises:
            DocumentError: A document holds a value that cannot be stored; nothing was inserted.
            BulkWriteError: An ``_id`` is taken, or the validator refuses a document. `ordered`: those before it are
                in; otherwise all but those refused.
        """
        return self._backend.within(session).write_steps(
            durability,
            writes.insert_many,
            self._name,
            self._backend.prepare(self._intake.many(documents, comment)),
            ordered=ordered,
            bypass=bypass_document_validation,
        )

    def update_one(
        self,
        filter: Filter,
        update: Update,
        upsert: bool = False,
        *,
        array_filters: Sequence[Filter] | None = None,
        sort: SortSpec | None = None,
        hint: str | IndexKeys | None = None,
        let: Mapping[str, Any] | None = None,
        collation: CollationSpec | None = None,
        bypass_document_validation: bool | None = None,
        comment: Any = None,
        durability: Durability | None = None,
        session: Transaction | None = None,
    ) -> UpdateResult:
        """Update the first document that matches; with `upsert` insert one if there is none.

        `sort` says which match is the first; `array_filters` which elements of an array ``$[name]`` means.
        `hint` names the index to use, `let` defines variables for expressions, and `collation`
        says how strings compare.

        With `bypass_document_validation` the collection's validator is not asked.

        Raises:
            QueryError: The filter or the update cannot be understood.
            ValidationError: The collection's validator refuses what a document would be.
            WriteError: The update cannot be made on the document.
        """
        options = (array_filters, sort, hint, let, collation, bypass_document_validation, comment)
        asked = one_update(self._asked, self._intake, filter, update, upsert, options)
        return self._backend.within(session).write_one(durability, points.update, self._name, asked)

    def update_many(
        self,
        filter: Filter,
        update: Update,
        upsert: bool = False,
        *,
        array_filters: Sequence[Filter] | None = None,
        hint: str | IndexKeys | None = None,
        let: Mapping[str, Any] | None = None,
        collation: CollationSpec | None = None,
        bypass_document_validation: bool | None = None,
        comment: Any = None,
        durability: Durability | None = None,
        session: Transaction | None = None,
    ) -> UpdateResult:
        """Update all documents that match, as one atomic write; with `upsert` insert one if there is none.

        `array_filters` says which elements of an array ``$[name]`` means.
        `hint` names the index to use, `let` defines variables for expressions, and `collation`
        says how strings compare.

        With `bypass_document_validation` the collection's validator is not asked.

        Raises:
            QueryError: The filter or the update cannot be understood.
            ValidationError: The collection's validator refuses what a document would be.
            WriteError: The update cannot be made on a document; none is changed.
        """
        variables = bind(let, collation)
        return self._backend.within(session).write_bulk(
            durability,
            writes.update,
            self._name,
            match(self._asked(filter, hint=hint, collation=collation, comment=comment), variables),
            updater(update, array_filters, variables, collation),
            self._intake.spare_id(),
            upsert=upsert,
            many=True,
            bypass=bypass_document_validation,
        )

    def replace_one(
        self,
        filter: Filter,
        replacement: T,
        upsert: bool = False,
        *,
        sort: SortSpec | None = None,
        hint: str | IndexKeys | None = None,
        let: Mapping[str, Any] | None = None,
        collation: CollationSpec | None = None,
        bypass_document_validation: bool | None = None,
        comment: Any = None,
        durability: Durability | None = None,
        session: Transaction | None = None,
    ) -> UpdateResult:
        """Put `replacement` in the place of the first document that matches; its ``_id`` stays.

        `sort` says which match is the first, `hint` names the index to use, `let` defines variables for expressions.

        With `bypass_document_validation` the collection's validator is not asked.

        Raises:
            ValidationError: The collection's validator refuses `replacement`.
            WriteError: `replacement` has another ``_id``.
            DocumentError: It holds a value that cannot be stored; the message has its path.
        """
        variables = bind(let, collation)
        return self._backend.within(session).write_bulk(
            durability,
            writes.update,
            self._name,
            match(self._asked(filter, sort=sort, hint=hint, collation=collation, comment=comment), variables),
            compile_replacement(self._codec.encode(replacement)),
            self._intake.spare_id(),
            upsert=upsert,
            many=False,
            bypass=bypass_document_validation,
        )

    def delete_one(
        self,
        filter: Filter,
        *,
        hint: str | IndexKeys | None = None,
        let: Mapping[str, Any] | None = None,
        collation: CollationSpec | None = None,
        comment: Any = None,
        durability: Durability | None = None,
        session: Transaction | None = None,
    ) -> DeleteResult:
        """Delete the first document that matches; `hint` names the index to use, `let` defines variables."""
        asked = one_deletion(self._asked, filter, hint, let, collation, comment)
        return self._backend.within(session).write_one(durability, points.delete, self._name, asked)

    def delete_many(
        self,
        filter: Filter,
        *,
        hint: str | IndexKeys | None = None,
        let: Mapping[str, Any] | None = None,
        collation: CollationSpec | None = None,
        comment: Any = None,
        durability: Durability | None = None,
        session: Transaction | None = None,
    ) -> DeleteResult:
        """Delete all documents that match, as one atomic write; ``{}`` matches all."""
        query = match(self._asked(filter, hint=hint, collation=collation, comment=comment), bind(let, collation))
        return self._backend.within(session).write_bulk(durability, writes.delete, self._name, query, many=True)

    def bulk_write(
        self,
        requests: Iterable[WriteModel[T]],
        *,
        ordered: bool = True,
        let: Mapping[str, Any] | None = None,
        bypass_document_validation: bool | None = None,
        comment: Any = None,
        durability: Durability | None = None,
        session: Transaction | None = None,
    ) -> BulkWriteResult:
        """Carry out all `requests`, each as one atomic write, and return a result with their counts.

        A request is an `InsertOne`, `UpdateOne`, `UpdateMany`, `ReplaceOne`, `DeleteOne` or
        `DeleteMany`, ours or pymongo's. All are looked at first: a document that cannot be
        stored, or what is no request, keeps all from being done. `let` defines variables for the
        expressions of all. With `bypass_document_validation` the collection's validator is not asked.

        Raises:
            DocumentError: A document holds a value that cannot be stored; nothing was done.
            BulkWriteError: Requests were refused. `ordered`: those before the first such one are done; otherwise
                all others. `details` is pymongo's.
        """
        return self._backend.within(session).write_steps(
            durability,
            bulk.bulk_write,
            self._name,
            self._backend.prepare(bulk_requests(requests, self._intake, self._asked, bind(let), comment)),
            ordered=ordered,
            bypass=bypass_document_validation,
        )
