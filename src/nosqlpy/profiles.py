"""What a profile records: operations, without any value of a document, and what those of one shape took together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ProfiledOperation:
    """One call: what it asked for, how that was found, and what it took.

    `began` is in UTC. `shape` is the filter with ``?`` for every value, and the sort; `plan` the stage that finds the
    documents and its index. `keys_examined` and `docs_examined` were counted by a find or an aggregation; for other
    calls they are those that the plan led to when the call began, the most that are looked at. They are None where
    nothing is searched. `returned` is how many documents came back, or were inserted, matched, deleted, or counted,
    `decoded` how many were decoded whole for that (None for an aggregation, which decodes what it reads). `error` is
    the name of the exception that the call ended with.
    """

    began: datetime
    operation: str
    collection: str
    shape: str
    plan: str
    keys_examined: int | None
    docs_examined: int | None
    returned: int
    decoded: int | None
    duration_ms: float
    error: str | None = None


@dataclass(slots=True)
class ProfiledShape:
    """All operations of one kind on one collection with the same shape and plan: how many, and what they took."""

    operation: str
    collection: str
    shape: str
    plan: str
    calls: int = 0
    total_ms: float = 0.0
    max_ms: float = 0.0
    keys_examined: int = 0
    docs_examined: int = 0
    returned: int = 0
    errors: int = 0

    @property
    def mean_ms(self) -> float:
        """The milliseconds of a call."""
        return self.total_ms / self.calls

    def add(self, operation: ProfiledOperation) -> None:
        """Count one more operation in."""
        self.calls += 1
        self.total_ms += operation.duration_ms
        self.max_ms = max(self.max_ms, operation.duration_ms)
        self.keys_examined += operation.keys_examined or 0
        self.docs_examined += operation.docs_examined or 0
        self.returned += operation.returned
        self.errors += operation.error is not None


def by_shape(operations: Iterable[ProfiledOperation]) -> list[ProfiledShape]:
    """Return what operations of the same kind, collection, shape and plan took, the most time in all first."""
    found: dict[tuple[str, str, str, str], ProfiledShape] = {}
    for one in operations:
        key = (one.operation, one.collection, one.shape, one.plan)
        shape = found.get(key)
        if shape is None:
            shape = found[key] = ProfiledShape(*key)
        shape.add(one)
    return sorted(found.values(), key=lambda shape: -shape.total_ms)
