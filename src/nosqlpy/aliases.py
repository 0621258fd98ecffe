"""Type aliases of the public API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Literal, Protocol, TypeAlias

Document: TypeAlias = dict[str, Any]
Filter: TypeAlias = Mapping[str, Any]
Update: TypeAlias = Mapping[str, Any] | Sequence[Mapping[str, Any]]
Projection: TypeAlias = Mapping[str, Any] | Sequence[str] | AbstractSet[str]
Direction: TypeAlias = int | Mapping[str, str]
SortSpec: TypeAlias = str | Sequence[str | tuple[str, Direction]] | Mapping[str, Direction]
IndexKeys: TypeAlias = str | Sequence[str | tuple[str, int | str]] | Mapping[str, int | str]
Pipeline: TypeAlias = Sequence[Mapping[str, Any]]
Verbosity: TypeAlias = Literal["queryPlanner", "executionStats", "allPlansExecution"]
Durability: TypeAlias = Literal["fast", "safe", "durable"]


class CollationObject(Protocol):
    """What ``pymongo.collation.Collation`` is."""

    @property
    def document(self) -> Mapping[str, Any]:
        """The collation as MongoDB takes it."""
        ...


CollationSpec: TypeAlias = Mapping[str, Any] | CollationObject
