"""The numbers of documents in natural order, for the documents that an index leads to in another one.

They are noted when they are first needed, and kept from then on: a new document
is the last, an update leaves a document where it is.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from itertools import count

from nosqlpy._core.engine.slots import Slots


class NaturalOrder:
    """Numbers that ascend in natural order, by the key of a document; `known` is None while nobody needs them.

    A reader may make them while a writer on another thread changes the collection. Documents
    that are gone do no harm; a new one that is missing is noticed, and they are made again.
    """

    __slots__ = ("_next", "_slots", "known")

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._next = count()
        self.known: dict[Hashable, int] | None = None

    def sorted(self, keys: Collection[Hashable]) -> Sequence[Hashable]:
        """Return the keys of stored documents in natural order."""
        if len(keys) < 2:
            return tuple(keys)
        if self.known is not None:
            try:
                return sorted(keys, key=self.known.__getitem__)
            except KeyError:
                pass
        known = self._make()
        # what a writer took away meanwhile is gone for whoever reads the documents as well
        return sorted((key for key in keys if key in known), key=known.__getitem__)

    def _make(self) -> dict[Hashable, int]:
        held = self._slots.keys()
        made = dict(zip(held, self._next, strict=False))
        self.known = made
        after = self._slots.keys()
        if len(after) != len(held) or after[-1:] != held[-1:]:
            self.known = None  # a writer came between, who did not know of them
        return made

    def append(self, keys: Sequence[Hashable]) -> None:
        """Note documents that are about to be stored, those of them that are new."""
        known, holds = self.known, self._slots.holds
        if known is not None:
            for key in keys:
                if not holds(key):
                    known[key] = next(self._next)

    def forget(self) -> None:
        """Let go of all numbers."""
        self.known = None
