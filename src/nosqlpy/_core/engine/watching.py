"""Watching a find at work: what its stages take, for `explain`. Nothing is measured unless somebody watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from nosqlpy._core.engine.execution import Execution
from nosqlpy.aliases import Document

T = TypeVar("T")

_KEYS = frozenset(("IXSCAN", "OR", "AND_HASH", "TEXT_OR"))
_DOCUMENTS = frozenset(("FETCH", "COLLSCAN", "IDHACK", "TEXT_MATCH"))


class Stopwatch:
    """What the parts of a find took so far, in seconds of `clock`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock: Callable[[], float] = clock
        self.finding: float = 0.0
        """Choosing the plan, and finding keys and documents by it."""
        self.testing: float = 0.0
        """Taking the documents, or columns, and testing the filter on them."""
        self.decoding: float = 0.0
        """Making the answer of encoded documents."""
        self.running: float = 0.0
        """All but `finding`."""

    def watch(self, execution: Execution[T]) -> None:
        """Measure what an execution does from now on."""
        execution.watched(self._tested, self._decoded)

    def run(self, batches: Iterator[list[T]]) -> int:
        """Go through the answer; return how many documents it has."""
        began = self.clock()
        found = sum(map(len, batches))
        self.running = self.clock() - began
        return found

    def _tested(self, batches: Iterator[T]) -> Iterator[T]:
        while True:
            began = self.clock()
            try:
                batch = next(batches)
            except StopIteration:
                return
            finally:
                self.testing += self.clock() - began
            yield batch

    def _decoded(self, decode: Callable[[bytes], T]) -> Callable[[bytes], T]:
        def timed(data: bytes) -> T:
            began = self.clock()
            decoded = decode(data)
            self.decoding += self.clock() - began
            return decoded

        return timed

    def timed(self, tree: Document) -> Document:
        """Return a tree of stages with the time that each took, and those below it, in milliseconds.

        The scans that a stage unites or intersects are looked up by one call, and have no time of their own.
        """
        return {**self._below(tree), "executionTimeMillisEstimate": (self.finding + self.running) * 1000}

    def _below(self, tree: Document) -> Document:
        below = tree.get("inputStage")
        return {**tree, "inputStage": self._stage(below)} if below is not None else tree

    def _stage(self, tree: Document) -> Document:
        return {**self._below(tree), "executionTimeMillisEstimate": self._seconds(tree["stage"]) * 1000}

    def _seconds(self, stage: str) -> float:
        if stage in _KEYS:
            return self.finding
        return self.finding + (self.testing if stage in _DOCUMENTS else self.running - self.decoding)
