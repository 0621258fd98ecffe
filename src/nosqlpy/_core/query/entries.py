"""Entries of a column that are kept, and known to be of certain classes."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any


class Entries(list[Any]):
    """The entries of a column, one for each document, all of the classes `kinds`; some of these may have none."""

    __slots__ = ("kinds",)

    def __init__(self, entries: Iterable[Any], kinds: frozenset[type]) -> None:
        super().__init__(entries)
        self.kinds: frozenset[type] = kinds


def kinds_of(entries: list[Any]) -> Collection[type]:
    """Return the classes of entries, without a look at them where they are known; some of these may have none."""
    return entries.kinds if type(entries) is Entries else set(map(type, entries))
