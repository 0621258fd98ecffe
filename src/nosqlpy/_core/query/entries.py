"""Entries of a column that are kept, and known to be of certain classes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Entries(list[Any]):
    """The entries of a column, one for each document, all of the classes `kinds`; some of these may have none."""

    __slots__ = ("kinds",)

    def __init__(self, entries: Iterable[Any], kinds: frozenset[type]) -> None:
        super().__init__(entries)
        self.kinds: frozenset[type] = kinds
