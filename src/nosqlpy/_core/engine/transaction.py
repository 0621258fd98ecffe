"""The engine as a transaction sees it: what is committed, and over that what the transaction has written.

Reads and plans work on it as on the engine itself. A change that is applied to it is
framed with all others, once, when the transaction commits.
"""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, Sequence, ValuesView
from typing import Any, TypeVar

from msgspec import UNSET, UnsetType

from nosqlpy._core.engine.collection import CollectionState
from nosqlpy._core.engine.expiry import Expiry
from nosqlpy._core.engine.flags import Progress
from nosqlpy._core.engine.overlay import OverlaidCollection, OverlayMemory
from nosqlpy._core.engine.slots import Memory
from nosqlpy._core.engine.state import CHANGE_SIZE_MAX, Change, Engine
from nosqlpy._core.index.deferred import Unloaded
from nosqlpy._core.log.operation import Define, Delete, Operation, Put
from nosqlpy._core.values.codec import decode_id
from nosqlpy.errors import TransactionError, WriteConflict, WriteError

R = TypeVar("R")


class _Collections(dict[str, CollectionState]):
    """The collections that a transaction writes to, by name, and behind them all those of the engine."""

    __slots__ = ("_base", "_expiry", "_memory", "lane", "overlaid", "seen")

    def __init__(self, base: Engine, memory: Memory, expiry: Expiry | None) -> None:
        self._base = base
        self._memory = memory
        self._expiry = expiry
        # the engine's, as they were when they were looked at last
        self.seen: dict[str, CollectionState] = base.collections
        # those that were written to, by their numbers, and by their names
        self.overlaid: dict[int, OverlaidCollection] = {}
        self.lane: dict[str, OverlaidCollection] = {}

    def lay_over(self, base: CollectionState) -> OverlaidCollection:
        """Return a collection that can be written to, over `base`."""
        made = OverlaidCollection(base, self._memory)
        self.overlaid[made.number] = self.lane[made.name] = made
        return made

    def _hide(self, name: str) -> None:
        """Remove what has expired from a collection, as the transaction sees it."""
        held = self.lane.get(name) or self.seen.get(name)
        if self._expiry is None or held is None or held.number not in self._base.expiring:
            return
        if found := self._expiry.of(held):
            overlaid = self.overlaid.get(held.number) or self.lay_over(held)
            for key in found:
                overlaid.overlay.known.setdefault(key, True)
            ids = [key if type(key) is str else decode_id(data) for key, data in found.items()]
            overlaid.delete(Delete(held.number, list(found), ids))

    def get(self, name: str, default: Any = None) -> Any:
        """Return a collection as the transaction sees it."""
        if self._base.collections is not self.seen:
            self._refresh()
        if self._base.expiring:
            self._hide(name)
        found = self.lane.get(name)
        return self.seen.get(name, default) if found is None else found

    def _refresh(self) -> None:
        """Lay what was written over the collections as they are now: some have been loaded."""
        self.seen = self._base.collections
        for name, made in self.lane.items():
            if name in self.seen:
                made.lie_over(self.seen[name])

    def __getitem__(self, name: str) -> CollectionState:
        if self._base.collections is not self.seen:
            self._refresh()
        if self._base.expiring:
            self._hide(name)
        found = self.lane.get(name)
        return self.seen[name] if found is None else found

    def __contains__(self, name: object) -> bool:
        return name in self.lane or name in self._base.collections

    def __iter__(self) -> Iterator[str]:
        return iter(self._merged())

    def __len__(self) -> int:
        return len(self._merged())

    def items(self) -> ItemsView[str, CollectionState]:  # type: ignore[override]
        """Return all collections with their names."""
        return self._merged().items()

    def values(self) -> ValuesView[CollectionState]:  # type: ignore[override]
        """Return all collections."""
        return self._merged().values()

    def _merged(self) -> dict[str, CollectionState]:
        return {**self._base.collections, **{name: self[name] for name in self.lane}}


class _Planner(Engine):
    """Plans a write of one document, in a collection that was written to, and frames nothing."""

    __slots__ = ()

    def __init__(self, base: Engine, lane: dict[str, OverlaidCollection]) -> None:
        self.document_size_max, self.sort_memory, self.tail = base.document_size_max, base.sort_memory, base.tail
        self.collections = lane  # type: ignore[assignment]  # it plans only there

    def change(self, operations: Sequence[Operation], result: R, warnings: tuple[str, ...] = ()) -> Change[R]:
        """Return `operations` as a change."""
        end = self.tail.end
        return Change(operations, b"", end, end, result, warnings)

    def change_one(self, operation: Put | Delete, result: R, warnings: tuple[str, ...] = ()) -> Change[R]:
        """Return what stores, or deletes, one document as a change."""
        end = self.tail.end
        return Change((operation,), b"", end, end, result, warnings)


class TransactionView(Engine):
    """A view of an engine to which nobody else writes while it is in use.

    It reads what is committed where it lies, and collects the operations of its own
    changes; `commit` plans them as one change of the engine. What has expired at the moment of
    `expiry` is hidden, and removed by the commit.
    """

    __slots__ = ("_base", "_created", "_lane", "_moment", "_overlaid", "_planner", "_warnings")

    collections: _Collections

    def __init__(self, base: Engine, expiry: Expiry | None = None) -> None:
        # not all that an engine has: it is neither written to a log nor recovered from one
        self.document_size_max, self.sort_memory = base.document_size_max, base.sort_memory
        self.manifest, self.tail = base.manifest, base.tail
        self.memory = OverlayMemory(base.memory)
        self.next_number = base.next_number
        self.collections = _Collections(base, self.memory, expiry)
        self.expiring, self.collated = base.expiring, base.collated
        self.begun = self.applied = self._moment = base.applied
        self._base = base
        self._overlaid, self._lane = self.collections.overlaid, self.collections.lane
        self._created: list[Operation] = []
        self._warnings: tuple[str, ...] = ()
        self._planner = _Planner(base, self._lane)

    def change(self, operations: Sequence[Operation], result: R, warnings: tuple[str, ...] = ()) -> Change[R]:
        """Return `operations` as a change that `apply` makes visible to the transaction.

        Raises:
            TransactionError: They do something to the catalogue that no transaction can do.
            WriteError: The transaction becomes larger than 256 MiB.
        """
        end = self.tail.end  # nobody writes, and this stays in memory
        if not operations:
            return Change(operations, b"", end, end, result)
        size = self.memory.resident
        for operation in operations:
            if type(operation) is Put:
                size += sum(map(len, operation.documents))
            elif type(operation) is Define:
                _check_definition(operation)
                continue
            held = self._overlaid.get(operation.collection) or self._lay_over_base(operation.collection)
            if held is not None:
                overlay = held.overlay
                for key in operation.keys:  # type: ignore[union-attr]
                    if key not in overlay.known:  # applying a change cannot fail, and looking there can
                        overlay.known[key] = overlay.base.holds(key)
        if size > CHANGE_SIZE_MAX:
            raise _too_large(size)
        return Change(operations, b"", end, end, result, warnings)

    def change_one(self, operation: Put | Delete, result: R, warnings: tuple[str, ...] = ()) -> Change[R]:
        """Return what stores, or deletes, one document as a change, as `change` does."""
        return self.change((operation,), result, warnings)

    def prepare(self, operations: Sequence[Operation], progress: Progress | None = None) -> None:
        """Build nothing: `change` refuses what would need it."""

    def apply(self, change: Change[R]) -> R:
        """Make a change visible to the transaction; return its result."""
        if change.operations:
            self.begun += 1
            for operation in change.operations:
                if type(operation) is Put:  # as `replay`, with fewer calls
                    held = self._overlaid[operation.collection]
                    if held.plain:
                        held.overlay.put_under(operation)
                    else:
                        held.put(operation)
                else:
                    self.replay(operation)
            self.applied = self.begun
            if change.warnings:
                self._warnings += change.warnings
        return change.result

    def replay(self, operation: Operation) -> None:
        """Apply one operation to the collection as the transaction sees it."""
        number = operation.collection
        if type(operation) is Put:
            self._overlaid[number].put(operation)
        elif type(operation) is Delete:
            self._overlaid[number].delete(operation)
        elif type(operation) is Define:
            self._created.append(operation)
            self.next_number += 1
            self.collections.lay_over(CollectionState(number, operation.payload["name"]))

    def _lay_over_base(self, number: int) -> OverlaidCollection | None:
        """Return a collection that the transaction is going to write to, unless it is going to make it."""
        base = self._base.collection(number)
        return None if base is None else self.collections.lay_over(base)

    def write_one(self, plan: Callable[[Engine, str, Any], Change[R]], name: str, asked: Any) -> R:
        """Plan a write of one document and apply it; return its result.

        That is what most writes are, so it takes fewer calls than `change` and `apply` do.
        """
        base, collections = self._base, self.collections
        if base.collections is not collections.seen or base.expiring:
            return self.apply(plan(self, name, asked))
        held = self._lane.get(name)
        if held is None:
            collection = collections.seen.get(name)
            if collection is None:
                return self.apply(plan(self, name, asked))
            held = collections.lay_over(collection)
        change = plan(self._planner, name, asked)
        if change.operations:
            (operation,) = change.operations
            overlay, (key,) = held.overlay, operation.keys  # type: ignore[union-attr]
            there = overlay.base.holds(key)  # applying a change cannot fail, and looking there can
            if type(operation) is Put:
                size = self.memory.resident + len(operation.documents[0])
                if size > CHANGE_SIZE_MAX:
                    raise _too_large(size)
                self.begun += 1
                if held.plain:
                    overlay.put_alone(operation, key, there=there)
                else:
                    overlay.known[key] = there
                    held.put(operation)
            else:
                self.begun += 1
                if there and held.plain and key not in overlay.touched:
                    overlay.delete_alone(key, operation.ids[0])  # type: ignore[union-attr]  # of one document
                else:
                    overlay.known[key] = there
                    held.delete(operation)  # type: ignore[arg-type]  # likewise
            self.applied = self.begun
            if change.warnings:
                self._warnings += change.warnings
        return change.result

    def glance(self, find: Callable[[Engine, str, Any], R | UnsetType], name: str, asked: Any) -> R | UnsetType:
        """Return what a short read finds in a collection as it is committed; UNSET where that is not all."""
        base = self._base
        if name in self._lane or base.expiring:
            return UNSET
        try:
            return find(base, name, asked)
        except Unloaded:
            return UNSET

    def version(self) -> int:
        """Return what is another number after every change that a reader may have missed, the engine's among them."""
        return self.begun + self._base.begun

    @property
    def size(self) -> int:
        """How many bytes of documents were written."""
        return self.memory.resident

    def commit(self, engine: Engine) -> Change[None]:
        """Plan all that the transaction has written as one change of the engine.

        Raises:
            TransactionError: An operation of it was interrupted half-way.
            WriteConflict: Somebody else has written since it began.
        """
        if self.begun != self.applied:
            raise TransactionError("an operation of the transaction was interrupted half-way; run it again")
        if engine is not self._base or engine.applied != self._moment:
            raise WriteConflict("the database was written to while the transaction was open; run it again")
        return engine.change(self.operations(), None, self._warnings)

    def operations(self) -> list[Operation]:
        """Return what the transaction has done, as few operations as say it."""
        operations = [*self._created]
        for collection in self._overlaid.values():
            operations += collection.operations()
        return operations

    def spoil(self) -> None:
        """Note that the view is no longer what it was: the transaction is over, or in doubt."""
        self.begun += 1


def _too_large(size: int) -> WriteError:
    return WriteError(f"the transaction has {size} bytes; the limit is {CHANGE_SIZE_MAX}: split it")


def _check_definition(operation: Define) -> None:
    """Refuse what no transaction can do.

    Raises:
        TransactionError: It does something else to the catalogue than make a collection.
    """
    if operation.verb != "create":
        raise TransactionError(f"{operation.verb!r} changes the catalogue, which no transaction can do")
