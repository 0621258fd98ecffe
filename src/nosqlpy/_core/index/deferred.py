"""What is not loaded yet, and what stands for it until somebody needs it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable
from typing import Any, NoReturn, TypeVar

from nosqlpy._core.index.catalogue import IndexDefinition
from nosqlpy._core.index.hashed import HashIndex
from nosqlpy._core.index.memory import unbuilt

T = TypeVar("T")


class Unloaded(Exception):
    """What was asked for must be loaded first: call `load` with the lock of writes held, and ask again.

    Loading takes less time if `prepare` was called before, which needs no lock; one thread at a time does so.
    """

    def __init__(self, load: Callable[[], object], prepare: Callable[[], object] | None = None) -> None:
        super().__init__()
        self.load: Callable[[], object] = load
        self.prepare: Callable[[], object] = prepare or _nothing


def _nothing() -> None:
    """Do nothing: it takes no long preparation."""


def loading(plan: Callable[[], T]) -> T:
    """Return what `plan` returns; what it needs is loaded. The lock of writes is held."""
    while True:
        try:
            return plan()
        except Unloaded as needed:
            needed.load()


class DeferredIndex(HashIndex):
    """An index that is known by its definition, and built when it is used for the first time."""

    __slots__ = ("_load",)

    def __init__(self, definition: IndexDefinition, load: Callable[[], object]) -> None:
        super().__init__(definition)
        self._load = load

    def ask(self) -> NoReturn:
        """Ask for the index."""
        raise Unloaded(self._load)

    def ready(self) -> None:
        """Ask for the index."""
        self.ask()

    def count(self, values: Iterable[Hashable]) -> int:  # noqa: ARG002 - whatever they are
        """Ask for the index."""
        self.ask()

    def lookup(self, value: Hashable) -> Collection[Hashable]:  # noqa: ARG002 - likewise
        """Ask for the index."""
        self.ask()

    def stats(self) -> dict[str, Any]:
        """Return that the index is not built, and takes no memory yet."""
        return unbuilt()

    def __len__(self) -> int:
        raise Unloaded(self._load)
