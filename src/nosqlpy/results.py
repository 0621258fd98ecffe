"""What writes return: frozen dataclasses with pymongo's attribute names; pymongo's write models and constants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeAlias, TypeVar

from nosqlpy.aliases import CollationSpec, Filter, IndexKeys, SortSpec, Update

T = TypeVar("T")

ASCENDING: Final = 1
DESCENDING: Final = -1
HASHED: Final = "hashed"
TEXT: Final = "text"


class ReturnDocument:
    """Which document ``find_one_and_update`` and its like return."""

    BEFORE: Final = False
    AFTER: Final = True


@dataclass(frozen=True, slots=True)
class InsertOneResult:
    """The ``_id`` of the document that was inserted."""

    inserted_id: Any
    acknowledged: bool = True


@dataclass(frozen=True, slots=True)
class InsertManyResult:
    """The ``_id`` of every document that was inserted, in the order of the documents."""

    inserted_ids: list[Any]
    acknowledged: bool = True


@dataclass(frozen=True, slots=True)
class UpdateResult:
    """How many documents matched, how many of them changed, and the ``_id`` of one that was upserted."""

    matched_count: int
    modified_count: int
    upserted_id: Any = None
    acknowledged: bool = True


@dataclass(frozen=True, slots=True)
class DeleteResult:
    """How many documents were deleted."""

    deleted_count: int
    acknowledged: bool = True


@dataclass(frozen=True, slots=True)
class BulkWriteResult:
    """The counts of a batch, and the ``_id`` of each upserted document by the request's position."""

    inserted_count: int = 0
    matched_count: int = 0
    modified_count: int = 0
    deleted_count: int = 0
    upserted_count: int = 0
    upserted_ids: dict[int, Any] = field(default_factory=dict)
    acknowledged: bool = True


@dataclass(frozen=True, slots=True)
class InsertOne(Generic[T]):
    """A request of ``bulk_write``: insert `document`."""

    document: T


@dataclass(frozen=True, slots=True)
class UpdateOne:
    """A request of ``bulk_write``: update the first document that matches, as ``update_one`` does."""

    filter: Filter
    update: Update
    upsert: bool | None = None
    collation: CollationSpec | None = None
    array_filters: Sequence[Filter] | None = None
    hint: str | IndexKeys | None = None
    sort: SortSpec | None = None


@dataclass(frozen=True, slots=True)
class UpdateMany:
    """A request of ``bulk_write``: update all documents that match."""

    filter: Filter
    update: Update
    upsert: bool | None = None
    collation: CollationSpec | None = None
    array_filters: Sequence[Filter] | None = None
    hint: str | IndexKeys | None = None


@dataclass(frozen=True, slots=True)
class ReplaceOne(Generic[T]):
    """A request of ``bulk_write``: put `replacement` in the place of the first document that matches."""

    filter: Filter
    replacement: T
    upsert: bool | None = None
    collation: CollationSpec | None = None
    hint: str | IndexKeys | None = None
    sort: SortSpec | None = None


@dataclass(frozen=True, slots=True)
class DeleteOne:
    """A request of ``bulk_write``: delete the first document that matches."""

    filter: Filter
    collation: CollationSpec | None = None
    hint: str | IndexKeys | None = None


@dataclass(frozen=True, slots=True)
class DeleteMany:
    """A request of ``bulk_write``: delete all documents that match."""

    filter: Filter
    collation: CollationSpec | None = None
    hint: str | IndexKeys | None = None


WriteModel: TypeAlias = InsertOne[T] | UpdateOne | UpdateMany | ReplaceOne[T] | DeleteOne | DeleteMany


@dataclass(frozen=True, slots=True)
class IndexModel:
    """An index for ``create_indexes``: its keys, and the options of ``create_index``."""

    keys: IndexKeys
    name: str | None = None
    unique: bool = False
    sparse: bool = False
    partial_filter_expression: Filter | None = None
    expire_after_seconds: float | None = None
    hidden: bool = False
    weights: Mapping[str, float] | str | None = None
    default_language: str | None = None
    language_override: str | None = None
    wildcard_projection: Mapping[str, Any] | None = None
    collation: CollationSpec | None = None
