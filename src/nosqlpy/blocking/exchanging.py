"""What a collection of the blocking face finds and changes in one step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from nosqlpy._core.engine import writes
from nosqlpy._core.engine.intake import Intake
from nosqlpy._core.update.compile import compile_replacement
from nosqlpy._core.values.typed import TypeCodec
from nosqlpy._io.client import shown_as
from nosqlpy._io.finding import FindOptions, bind, require_filter
from nosqlpy._io.local import LocalBackend
from nosqlpy._io.requests import updater
from nosqlpy.aliases import CollationSpec, Document, Durability, Filter, IndexKeys, Projection, SortSpec, Update

if TYPE_CHECKING:
    from nosqlpy.blocking.transaction import Transaction

T = TypeVar("T")


@shown_as("Collection")
class Exchanging(Generic[T]):
    """The methods of a collection that return the document that they change."""

    _backend: LocalBackend
    _name: str
    _codec: TypeCodec[T]
    _intake: Intake[T]
    _asked: Callable[..., FindOptions]

    @overload
    def find_one_and_update(
        self,
        filter: Filter,
        update: Update,
        *,
        projection: None = None,
        sort: SortSpec | None = None,
        upsert: bool = False,
        return_document: bool = False,
        array_filters: Sequence[Filter] | None = None,
        hint: str | IndexKeys | None = None,
        let: Mapping[str, Any] | None = None,
        collation: CollationSpec | None = None,
        bypass_document_validation: bool | None = None,
        max_time_ms: int | None = None,
        comment: Any = None,
        durability: Durability | None = None,
        session: Transaction | None = None,
    ) -> T | None: ...
    @overload
    def find_one_and_update(
        self,
        filter: Filter,
        update: Update,
        *,
        projection: Projection,
        sort: SortSpec | None = None,
        upsert: bool = False,
        return_document: bool = False,
        array_filters: Sequence[Filter] | None = None,
        hint: str | IndexKeys | None = None,
        let: Mapping[str, Any] | None = None,
        collation: CollationSpec | None = None,
        bypass_document_validation: bool | None = None,
        max_time_ms: int | None = None,
        comment: Any = None,
        durability: Durability | None = None,
        session: Transaction | None = None,
    ) -> Document | None: ...
    def find_one_and_update(
        self,
        filter: Filter,
        update: Update,
        *,
        projection: Projection | None = None,
        sort: SortSpec | None = None,
        upsert: bool = False,
        return_document: bool = False,
        array_filters: Sequence[Filter] | None = None,
        hint: str | IndexKeys | None = None,
        let: Mapping[str, Any] | None = None,
        collation: CollationSpec | None = None,
        bypass_document_validation: bool | None = None,
        max_time_ms: int | None = None,
        comment: Any = None,
        durability: Durability | None = None,
        session: Transaction | None = None,
    ) -> Any:
        """Update the first document that matches and return it as it was, or with ``ReturnDocument.AFTER`` as it is.

        Raises:
            WriteError: The update cannot be made on the document.
        """
        variables = bind(let, collation)
        options = self._asked(
            require_filter(filter),
            projection,
            sort,
            hint=hint,
            collation=collation,
            max_time_ms=max_time_ms,
            comment=comment,
        )
        document: Callable[[], Any] = self._backend.within(session).write_bulk(
            durability,
            writes.find_one_and_update,
            self._name,
            options.returned(self._codec, variables),
            updater(update, array_filters, variables, collation),
            self._intake.spare_id(),
            upsert=upsert,
            after=return_document,
            bypass=bypass_document_validation,
        )
        return document()

    @overload
    def find_one_and_replace(
        self,
        filter: Filter,
        replacement: T,
        *,
        projection: None = None,
        sort: SortSpec | None = None,
        upsert: bool = False,
        return_document: bool = False,
        hint: str | IndexKeys | None = None,
        let: Mapping[str, Any] | None = None,
        collation: CollationSpec | None = None,
        bypass_document_validation: bool | None = None,
        max_time_ms: int | None = None,
        comment: Any = None,
        durability: Durability | None = None,
        session: Transaction | None = None,
    ) -> T | None: ...
    @overload
    def find_one_and_replace(
        self,
        filter: Filter,
        replacement: T,
        *,
        projection: Projection,
        sort: SortSpec | None = None,
        upsert: bool = False,
        return_document: bool = False,
        hint: str | IndexKeys | None = None,
        let: Mapping[str, Any] | None = None,
        collation: CollationSpec | None = None,
        bypass_document_validation: bool | None = None,
        max_time_ms: int | None = None,
        comment: Any = None,
        durability: Durability | None = None,
        session: Transaction | None = None,
    ) -> Document | None: ...
    def find_one_and_replace(
        self,
        filter: Filter,
        replacement: T,
        *,
        projection: Projection | None = None,
        sort: SortSpec | None = None,
        upsert: bool = False,
        return_document: bool = False,
        hint: str | IndexKeys | None = None,
        let: Mapping[str, Any] | None = None,
        collation: CollationSpec | None = None,
        bypass_document_validation: bool | None = None,
        max_time_ms: int | None = None,
        comment: Any = None,
        durability: Durability | None = None,
        session: Transaction | None = None,
    ) -> Any:
        """Replace the first document that matches and return it as it was, or with ``ReturnDocument.AFTER`` as it is.

        With `bypass_document_validation` the collection's validator is not asked.

        Raises:
            ValidationError: The collection's validator refuses `replacement`.
            WriteError: `replacement` has another ``_id``.
        """
        variables = bind(let, collation)
        options = self._asked(
            require_filter(filter),
            projection,
            sort,
            hint=hint,
            collation=collation,
            max_time_ms=max_time_ms,
            comment=comment,
        )
        document: Callable[[], Any] = self._backend.within(session).write_bulk(
            durability,
            writes.find_one_and_update,
            self._name,
            options.returned(self._codec, variables),
            compile_replacement(self._codec.encode(replacement)),
            self._intake.spare_id(),
            upsert=upsert,
            after=return_document,
            bypass=bypass_document_validation,
        )
        return document()

    @overload
    def find_one_and_delete(
        self,
        filter: Filter,
        *,
        projection: None = None,
        sort: SortSpec | None = None,
        hint: str | IndexKeys | None = None,
        let: Mapping[str, Any] | None = None,
        collation: CollationSpec | None = None,
        max_time_ms: int | None = None,
        comment: Any = None,
        durability: Durability | None = None,
        session: Transaction | None = None,
    ) -> T | None: ...
    @overload
    def find_one_and_delete(
        self,
        filter: Filter,
        *,
        projection: Projection,
        sort: SortSpec | None = None,
        hint: str | IndexKeys | None = None,
        let: Mapping[str, Any] | None = None,
        collation: CollationSpec | None = None,
        max_time_ms: int | None = None,
        comment: Any = None,
        durability: Durability | None = None,
        session: Transaction | None = None,
    ) -> Document | None: ...
    def find_one_and_delete(
        self,
        filter: Filter,
        *,
        projection: Projection | None = None,
        sort: SortSpec | None = None,
        hint: str | IndexKeys | None = None,
        let: Mapping[str, Any] | None = None,
        collation: CollationSpec | None = None,
        max_time_ms: int | None = None,
        comment: Any = None,
        durability: Durability | None = None,
        session: Transaction | None = None,
    ) -> Any:
        """Delete the first document that matches and return it."""
        variables = bind(let, collation)
        options = self._asked(
            require_filter(filter),
            projection,
            sort,
            hint=hint,
            collation=collation,
            max_time_ms=max_time_ms,
            comment=comment,
        )
        document: Callable[[], Any] = self._backend.within(session).write_bulk(
            durability,
            writes.find_one_and_delete,
            self._name,
            options.returned(self._codec, variables),
        )
        return document()
