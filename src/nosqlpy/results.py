"""What writes return: frozen dataclasses with pymongo's attribute names, and pymongo's write models."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

ASCENDING: Final = 1
DESCENDING: Final = -1


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
