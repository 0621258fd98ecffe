"""Fingerprints: which keys have certainly not been seen, in six bytes for each that has.

Two keys have the same fingerprint about once in 2**60 pairs, so a key whose fingerprint is there
has to be looked for elsewhere, and one whose fingerprint is not there need not.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Hashable, Iterable, Sequence
from itertools import chain
from operator import contains
from struct import Struct
from typing import Any, Final

_PARTS: Final = 1 << 16
# of the eight bytes of a hash, two are the number of a part
_RESTS: Final = Struct("2x6s")
_ORDERED: Final = frozenset((str, int, bytes))


class Fingerprints:
    """The hashes of keys: two bytes of one say in which part it is, the others are what stands there.

    Keys that all come after those before are new whatever their hashes are. Most files have such
    ids, and to look for a million hashes takes a third as long as to import their documents.
    """

    __slots__ = ("_asked", "_kind", "_last", "_parts")

    def __init__(self) -> None:
        # the greatest key, where all are of one kind that has an order
        self._kind: type | None = None
        self._last: Any = None
        self._parts = [bytearray() for _ in range(_PARTS)]
        # the keys that were asked for last, which are most often added next, their parts and what stands there
        self._asked: tuple[Sequence[Hashable], list[bytearray], list[bytes]] = ((), [], [])

    def lack(self, keys: Sequence[Hashable]) -> bool:
        """Whether none of `keys` has been added. It may say no where that is so."""
        if not self._parts:
            return False
        return self._follow(keys) or not any(map(contains, *self._split(keys)))

    def _follow(self, keys: Sequence[Any]) -> bool:
        """Whether all of `keys` come after all that have been added."""
        kind = self._kind
        return kind in _ORDERED and {kind}.issuperset(map(type, keys)) and min(keys, default=self._last) > self._last

    def add(self, keys: Sequence[Hashable]) -> None:
        """Add keys. What an interruption leaves out must be added again; twice does no harm."""
        if self._parts and keys:
            self._note(keys)
            deque(map(bytearray.extend, *self._split(keys)), maxlen=0)

    def _note(self, keys: Sequence[Any]) -> None:
        if self._kind is None:
            self._last, self._kind = keys[0], type(keys[0])
        if self._kind in _ORDERED and {self._kind}.issuperset(map(type, keys)):
            self._last = max(self._last, *keys)
        else:
            self._kind = object

    def forget(self) -> None:
        """Take no more memory: from now on any key may have been added."""
        self._parts, self._asked = [], ((), [], [])

    def _split(self, keys: Sequence[Hashable]) -> Iterable[list[bytearray] | list[bytes]]:
        """Return the parts of `keys`, and what stands there for each."""
        asked, parts, rests = self._asked
        if asked is not keys:
            hashes = array("q", map(hash, keys)).tobytes()
            parts = list(map(self._parts.__getitem__, memoryview(hashes).cast("H")[::4]))
            rests = list(chain.from_iterable(_RESTS.iter_unpack(hashes)))
            self._asked = (keys, parts, rests)
        return parts, rests
