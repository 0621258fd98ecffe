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
from typing import Final

_PARTS: Final = 1 << 16
# of the eight bytes of a hash, two are the number of a part
_RESTS: Final = Struct("2x6s")


class Fingerprints:
    """The hashes of keys: two bytes of one say in which part it is, the others are what stands there."""

    __slots__ = ("_asked", "_parts")

    def __init__(self) -> None:
        self._parts = [bytearray() for _ in range(_PARTS)]
        # the keys that were asked for last, which are most often added next, their parts and what stands there
        self._asked: tuple[Sequence[Hashable], list[bytearray], list[bytes]] = ((), [], [])

    def lack(self, keys: Sequence[Hashable]) -> bool:
        """Whether none of `keys` has been added. It may say no where that is so."""
        return bool(self._parts) and not any(map(contains, *self._split(keys)))

    def add(self, keys: Sequence[Hashable]) -> None:
        """Add keys. What an interruption leaves out must be added again; twice does no harm."""
        if self._parts:
            deque(map(bytearray.extend, *self._split(keys)), maxlen=0)

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
