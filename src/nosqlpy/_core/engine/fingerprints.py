"""Fingerprints: which keys have certainly not been seen, in six to eight bytes for each that has.

Two keys have the same fingerprint about once in 2**60 pairs, so a key whose fingerprint is there
has to be looked for elsewhere, and one whose fingerprint is not there need not.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Hashable, Sequence
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

    Keys that come after all others are new whatever their hashes are. Most files have such ids. So
    the hashes of these wait, in the order in which they came, until another key is
    asked for: to put a million of them into parts takes half as long as to import the documents.
    """

    __slots__ = ("_asked", "_forgotten", "_kind", "_last", "_parts", "_waiting")

    def __init__(self) -> None:
        self._parts: list[bytearray] = []
        self._waiting: list[bytes] = []
        # the greatest key, where all are of one kind that has an order
        self._kind: type | None = None
        self._last: Any = None
        self._forgotten = False
        # the keys that were looked for last, which are most often added next, their parts, and what stands there
        self._asked: tuple[Sequence[Hashable], list[bytearray], list[bytes]] = ((), [], [])

    def lack(self, keys: Sequence[Hashable]) -> bool:
        """Whether none of `keys` has been added; it may say no where that is so. Nobody adds others meanwhile."""
        if self._forgotten or self._kind is None:
            return not self._forgotten
        return self._follow(keys) or not any(map(contains, *self._split(keys)))

    def lack_one(self, key: Hashable) -> bool:
        """Whether `key` has not been added. It says no where others would have to be put into parts first."""
        return self._follow((key,)) or not (self._waiting or not self.lack((key,)))

    def add(self, keys: Sequence[Hashable]) -> None:
        """Add keys. What an interruption leaves out must be added again; twice does no harm."""
        if self._forgotten or not keys:
            return
        if self._kind is None or self._follow(keys):
            self._waiting.append(_hashes(keys))
        else:
            deque(map(bytearray.extend, *self._split(keys)), maxlen=0)
        self._note(keys)

    def forget(self) -> None:
        """Take no more memory: from now on any key may have been added."""
        self._forgotten, self._parts, self._waiting, self._kind, self._asked = True, [], [], object, ((), [], [])

    def _follow(self, keys: Sequence[Any]) -> bool:
        """Whether all of `keys` come after all that have been added."""
        kind = self._kind
        return kind in _ORDERED and {kind}.issuperset(map(type, keys)) and min(keys, default=self._last) > self._last

    def _note(self, keys: Sequence[Any]) -> None:
        if self._kind is None:
            self._last, self._kind = keys[0], type(keys[0])
        if self._kind in _ORDERED and {self._kind}.issuperset(map(type, keys)):
            self._last = max(self._last, *keys)
        else:
            self._kind = object

    def _split(self, keys: Sequence[Hashable]) -> tuple[list[bytearray], list[bytes]]:
        """Return the parts of keys, and what stands there for each; none waits any more."""
        if not self._parts:
            self._parts = [bytearray() for _ in range(_PARTS)]
        while self._waiting:
            deque(map(bytearray.extend, *self._places(self._waiting[-1])), maxlen=0)
            self._waiting.pop()
        asked, parts, rests = self._asked
        if asked is not keys:
            parts, rests = self._places(_hashes(keys))
            self._asked = keys, parts, rests
        return parts, rests

    def _places(self, hashes: bytes) -> tuple[list[bytearray], list[bytes]]:
        parts = list(map(self._parts.__getitem__, memoryview(hashes).cast("H")[::4]))
        return parts, list(chain.from_iterable(_RESTS.iter_unpack(hashes)))


def _hashes(keys: Sequence[Hashable]) -> bytes:
    return array("q", map(hash, keys)).tobytes()
