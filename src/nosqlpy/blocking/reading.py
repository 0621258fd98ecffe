"""What a collection of the blocking face finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from nosqlpy._core.engine import reads
from nosqlpy._core.engine.intake import Intake
from nosqlpy._core.query.limits import Limits
from nosqlpy._core.values.typed import TypeCodec
from nosqlpy._io.aggregating import AggregateOptions
from nosqlpy._io.asking import one_find
from nosqlpy._io.client import shown_as
from nosqlpy._io.finding import FindOptions, require_filter
from nosqlpy._io.local import LocalBackend
from nosqlpy.aliases import CollationSpec, Document, Filter, IndexKeys, Pipeline, Projection, SortSpec
from nosqlpy.blocking.cursor import Cursor, aggregated

if TYPE_CHECKING:
    from nosqlpy.blocking.transaction import Transaction

T = TypeVar("T")
V = TypeVar("V")


@shown_as("Collection")
class Reading(Generic[T]):
    """The methods of a collection that read."""

    _backend: LocalBackend
    _name: str
    _codec: TypeCodec[T]
    _intake: Intake[T]
    _limits: Limits
    _asked: Callable[..., FindOptions]

    def get(self, id: Any, /, *, session: Transaction | None = None) -> T | None:
        """Return the document with this ``_id``, or None."""
        return self._backend.within(session).point(self._name, id, self._codec.decode)

    def exists(self, filter: Filter | None = None, /, *, session: Transaction | None = None) -> bool:
        """Return whether a document matches `filter`; without one, whether there is a document at all."""
        return self._backend.within(session).read_steps(reads.exists, self._name, self._asked(filter).compile())

    def count(self, filter: Filter | None = None, /, *, session: Transaction | None = None) -> int:
        """Return how many documents match `filter`, or how many there are."""
        return self._backend.within(session).read_steps(reads.count, self._name, self._asked(filter).compile())

    @overload
    def find(
        self,
        filter: Filter | None = None,
        projection: None = None,
        *,
        type: None = None,
        sort: SortSpec | None = None,
        skip: int = 0,
        limit: int = 0,
        hint: str | IndexKeys | None = None,
        let: Mapping[str, Any] | None = None,
        collation: CollationSpec | None = None,
        batch_size: int = 0,
        max_time_ms: int | None = None,
        comment: Any = None,
        session: Transaction | None = None,
    ) -> Cursor[T]: ...
    @overload
    def find(
        self,
        filter: Filter | None,
        projection: Projection,
        *,
        type: None = None,
        sort: SortSpec | None = None,
        skip: int = 0,
        limit: int = 0,
        hint: str | IndexKeys | None = None,
        let: Mapping[str, Any] | None = None,
        collation: CollationSpec | None = None,
        batch_size: int = 0,
        max_time_ms: int | None = None,
        comment: Any = None,
        session: Transaction | None = None,
    ) -> Cursor[Document]: ...
    @overload
    def find(
        self,
        filter: Filter | None = None,
        *,
        projection: Projection,
        type: None = None,
        sort: SortSpec | None = None,
        skip: int = 0,
        limit: int = 0,
        hint: str | IndexKeys | None = None,
        let: Mapping[str, Any] | None = None,
        collation: CollationSpec | None = None,
        batch_size: int = 0,
        max_time_ms: int | None = None,
        comment: Any = None,
        session: Transaction | None = None,
    ) -> Cursor[Document]: ...
    @overload
    def find(
        self,
        filter: Filter | None = None,
        projection: Projection | None = None,
        *,
        type: type[V],
        sort: SortSpec | None = None,
        skip: int = 0,
        limit: int = 0,
        hint: str | IndexKeys | None = None,
        let: Mapping[str, Any] | None = None,
        collation: CollationSpec | None = None,
        batch_size: int = 0,
        max_time_ms: int | None = None,
        comment: Any = None,
        session: Transaction | None = None,
    ) -> Cursor[V]: ...
    def find(
        self,
        filter: Filter | None = None,
        projection: Projection | None = None,
        *,
        type: Any = None,
        sort: SortSpec | None = None,
        skip: int = 0,
        limit: int = 0,
        hint: str | IndexKeys | None = None,
        let: Mapping[str, Any] | None = None,
        collation: CollationSpec | None = None,
        batch_size: int = 0,
        max_time_ms: int | None = None,
        comment: Any = None,
        session: Transaction | None = None,
    ) -> Cursor[Any]:
        """Return a cursor over the documents that match, all of them without a filter.

        `projection` names the fields to return, as a list or a mapping; with it, and
        without `type`, documents are plain dicts. `hint` names the index to use, and `let` defines
        variables for expressions, which are ``$$name`` there. `collation` says how strings compare,
        `batch_size` how many documents are decoded at a time, `max_time_ms` how long the find may work,
        and `comment` what the log calls it.

        Raises:
            QueryError: An argument cannot be understood.
        """
        options = FindOptions(
            filter, projection, sort, skip, limit, hint, let, collation, batch_size, max_time_ms, comment, self._limits
        )
        return Cursor(self._backend.within(session), self._name, options, self._codec, type)

    @overload
    def find_one(
        self,
        filter: Filter | Any = None,
        projection: None = None,
        *,
        sort: SortSpec | None = None,
        skip: int = 0,
        hint: str | IndexKeys | None = None,
        let: Mapping[str, Any] | None = None,
        collation: CollationSpec | None = None,
        max_time_ms: int | None = None,
        comment: Any = None,
        session: Transaction | None = None,
    ) -> T | None: ...
    @overload
    def find_one(
        self,
        filter: Filter | Any,
        projection: Projection,
        *,
        sort: SortSpec | None = None,
        skip: int = 0,
        hint: str | IndexKeys | None = None,
        let: Mapping[str, Any] | None = None,
        collation: CollationSpec | None = None,
        max_time_ms: int | None = None,
        comment: Any = None,
        session: Transaction | None = None,
    ) -> Document | None: ...
    @overload
    def find_one(
        self,
        filter: Filter | Any = None,
        *,
        projection: Projection,
        sort: SortSpec | None = None,
        skip: int = 0,
        hint: str | IndexKeys | None = None,
        let: Mapping[str, Any] | None = None,
        collation: CollationSpec | None = None,
        max_time_ms: int | None = None,
        comment: Any = None,
        session: Transaction | None = None,
    ) -> Document | None: ...
    def find_one(
        self,
        filter: Filter | Any = None,
        projection: Projection | None = None,
        *,
        sort: SortSpec | None = None,
        skip: int = 0,
        hint: str | IndexKeys | None = None,
        let: Mapping[str, Any] | None = None,
        collation: CollationSpec | None = None,
        max_time_ms: int | None = None,
        comment: Any = None,
        session: Transaction | None = None,
    ) -> Any:
        """Return the first document that matches, or None.

        A `filter` that is no mapping is an ``_id``, as in pymongo.
        """
        arguments = (filter, projection, sort, skip, hint, let, collation, max_time_ms, comment)
        return self._backend.within(session).find_first(self._name, one_find(self._asked, self._codec, *arguments))

    def count_documents(
        self,
        filter: Filter,
        *,
        skip: int = 0,
        limit: int = 0,
        hint: str | IndexKeys | None = None,
        collation: CollationSpec | None = None,
        max_time_ms: int | None = None,
        comment: Any = None,
        session: Transaction | None = None,
    ) -> int:
        """Return how many documents match, after the first `skip` and up to `limit` of them."""
        options = self._asked(
            require_filter(filter), None, None, skip, limit, hint, None, collation, 0, max_time_ms, comment
        )
        return self._backend.within(session).read_steps(reads.count, self._name, options.compile())

    def estimated_document_count(self, *, comment: Any = None) -> int:
        """Return how many documents there are; here it is exact."""
        return self._backend.read_steps(reads.count, self._name, self._asked(comment=comment).compile())

    def distinct(
        self,
        key: str,
        filter: Filter | None = None,
        *,
        hint: str | IndexKeys | None = None,
        collation: CollationSpec | None = None,
        max_time_ms: int | None = None,
        comment: Any = None,
        session: Transaction | None = None,
    ) -> list[Any]:
        """Return the distinct values at the path `key`, in order; the elements of an array count, not the array."""
        options = self._asked(filter, hint=hint, collation=collation, max_time_ms=max_time_ms, comment=comment)
        return self._backend.within(session).read_steps(reads.distinct, self._name, key, options.compile())

    @overload
    def aggregate(
        self,
        pipeline: Pipeline,
        *,
        type: None = None,
        hint: str | IndexKeys | None = None,
        let: Mapping[str, Any] | None = None,
        collation: CollationSpec | None = None,
        batch_size: int = 0,
        max_time_ms: int | None = None,
        comment: Any = None,
        session: Transaction | None = None,
    ) -> Cursor[Document]: ...
    @overload
    def aggregate(
        self,
        pipeline: Pipeline,
        *,
        type: type[V],
        hint: str | IndexKeys | None = None,
        let: Mapping[str, Any] | None = None,
        collation: CollationSpec | None = None,
        batch_size: int = 0,
        max_time_ms: int | None = None,
        comment: Any = None,
        session: Transaction | None = None,
    ) -> Cursor[V]: ...
    def aggregate(
        self,
        pipeline: Pipeline,
        *,
        type: Any = None,
        hint: str | IndexKeys | None = None,
        let: Mapping[str, Any] | None = None,
        collation: CollationSpec | None = None,
        batch_size: int = 0,
        max_time_ms: int | None = None,
        comment: Any = None,
        session: Transaction | None = None,
    ) -> Cursor[Any]:
        """Return a cursor over what comes out of `pipeline`, a list of stages, as plain dicts or objects of `type`.

        `let` gives values to variables of its expressions, `hint` names the index of the find in front, `collation`
        says how strings compare in all stages, `batch_size` how many documents are made at a time, at most,
        `max_time_ms` how long it may work, and `comment` what the log calls it.
        The documents are those of one moment, of other collections too. Behind $out or $merge, which write them,
        nothing comes out; they have been written then.

        Raises:
            QueryError: A stage cannot be understood.
            NotSupportedError: It has a stage or an operator of MongoDB's that nosqlpy lacks.
        """
        options = AggregateOptions(pipeline, hint, let, collation, batch_size, max_time_ms, comment)
        return aggregated(self._backend.within(session), self._name, options, self._codec, type)
