"""`Database`: an async client whose collections return plain ids, counts and flags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast, overload

from nosqlpy._core.values.typed import codec_for
from nosqlpy._io.client import attribute_name
from nosqlpy.aio.client import AsyncClient
from nosqlpy.aio.collection import AsyncCollection
from nosqlpy.aio.transaction import AsyncTransaction
from nosqlpy.aliases import CollationSpec, Document, Durability, Filter, IndexKeys, SortSpec, Update
from nosqlpy.naming import check_collection_name
from nosqlpy.results import IndexModel, UpdateResult

T = TypeVar("T")
V = TypeVar("V")


class SeedCollection(AsyncCollection[T]):
    """An `AsyncCollection` whose writes return what was asked for itself, not a result object."""

    async def insert_one(
        self,
        document: T,
        *,
        bypass_document_validation: bool | None = None,
        comment: Any = None,
        durability: Durability | None = None,
        session: AsyncTransaction | None = None,
    ) -> Any:
        """Insert `document` and return its ``_id``."""
        inserted = await super().insert_one(
            document,
            bypass_document_validation=bypass_document_validation,
            comment=comment,
            durability=durability,
            session=session,
        )
        return inserted.inserted_id

    async def insert_many(  # type: ignore[override]
        self,
        documents: Iterable[T],
        *,
        ordered: bool = True,
        bypass_document_validation: bool | None = None,
        comment: Any = None,
        durability: Durability | None = None,
        session: AsyncTransaction | None = None,
    ) -> list[Any]:
        """Insert all `documents` and return their ids."""
        inserted = await super().insert_many(
            documents,
            ordered=ordered,
            bypass_document_validation=bypass_document_validation,
            comment=comment,
            durability=durability,
            session=session,
        )
        return inserted.inserted_ids

    async def update_one(  # type: ignore[override]
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
        session: AsyncTransaction | None = None,
    ) -> int:
        """Update the first document that matches; return how many were updated or upserted: 0 or 1."""
        return updated(
            await super().update_one(
                filter,
                update,
                upsert,
                array_filters=array_filters,
                sort=sort,
                hint=hint,
                let=let,
                collation=collation,
                bypass_document_validation=bypass_document_validation,
                comment=comment,
                durability=durability,
                session=session,
            )
        )

    async def update_many(  # type: ignore[override]
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
        session: AsyncTransaction | None = None,
    ) -> int:
        """Update all documents that match; return how many were updated or upserted."""
        return updated(
            await super().update_many(
                filter,
                update,
                upsert,
                array_filters=array_filters,
                hint=hint,
                let=let,
                collation=collation,
                bypass_document_validation=bypass_document_validation,
                comment=comment,
                durability=durability,
                session=session,
            )
        )

    async def replace_one(  # type: ignore[override]
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
        session: AsyncTransaction | None = None,
    ) -> bool:
        """Replace the first document that matches; return whether one was replaced or upserted."""
        return bool(
            updated(
                await super().replace_one(
                    filter,
                    replacement,
                    upsert,
                    sort=sort,
                    hint=hint,
                    let=let,
                    collation=collation,
                    bypass_document_validation=bypass_document_validation,
                    comment=comment,
                    durability=durability,
                    session=session,
                )
            )
        )

    async def delete_one(  # type: ignore[override]
        self,
        filter: Filter,
        *,
        hint: str | IndexKeys | None = None,
        let: Mapping[str, Any] | None = None,
        collation: CollationSpec | None = None,
        comment: Any = None,
        durability: Durability | None = None,
        session: AsyncTransaction | None = None,
    ) -> int:
        """Delete the first document that matches; return how many were deleted: 0 or 1."""
        return (
            await super().delete_one(
                filter,
                hint=hint,
                let=let,
                collation=collation,
                comment=comment,
                durability=durability,
                session=session,
            )
        ).deleted_count

    async def delete_many(  # type: ignore[override]
        self,
        filter: Filter,
        *,
        hint: str | IndexKeys | None = None,
        let: Mapping[str, Any] | None = None,
        collation: CollationSpec | None = None,
        comment: Any = None,
        durability: Durability | None = None,
        session: AsyncTransaction | None = None,
    ) -> int:
        """Delete all documents that match; return how many were deleted."""
        return (
            await super().delete_many(
                filter,
                hint=hint,
                let=let,
                collation=collation,
                comment=comment,
                durability=durability,
                session=session,
            )
        ).deleted_count

    def with_type(self, type: type[V], /) -> SeedCollection[V]:
        """Return the same collection, whose documents are of `type`."""
        return SeedCollection(self._client, self._backend, self._name, codec_for(type))


def updated(result: UpdateResult) -> int:
    """Return how many documents an update found, or made."""
    return result.matched_count + (result.upserted_id is not None)


class Database(AsyncClient):
    """An `AsyncClient` whose collections return real ids, counts, bools and lists."""

    @overload
    def collection(self, name: str, /) -> SeedCollection[Document]: ...
    @overload
    def collection(self, name: str, /, *, type: type[V]) -> SeedCollection[V]: ...
    def collection(self, name: str, /, *, type: Any = None) -> SeedCollection[Any]:
        """Return the collection of this name; ``await`` it to open the database at once."""
        return SeedCollection(self, self._backend, check_collection_name(name), codec_for(type))

    def __getitem__(self, name: str) -> SeedCollection[Document]:
        return self.collection(name)

    def __getattr__(self, name: str) -> SeedCollection[Document]:
        return self.collection(attribute_name(self, name))

    async def create_collection(
        self,
        name: str,
        /,
        *,
        validator: Filter | None = None,
        validation_level: str | None = None,
        validation_action: str | None = None,
        indexes: Iterable[IndexModel] = (),
        exist_ok: bool = False,
        collation: CollationSpec | None = None,
        durability: Durability | None = None,
        **options: Any,
    ) -> SeedCollection[Document]:
        """Create an empty collection with a validator and indexes, and return it."""
        created = await super().create_collection(
            name,
            validator=validator,
            validation_level=validation_level,
            validation_action=validation_action,
            indexes=indexes,
            exist_ok=exist_ok,
            collation=collation,
            durability=durability,
            **options,
        )
        return cast("SeedCollection[Document]", created)
