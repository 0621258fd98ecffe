"""Collation: strings compared as the readers of a language do, and not by code points.

Manual: reference/collation. A collation makes of every string a sort key, again
a string; a value *folded*, with the keys in the place of its strings, compares
with other folded values by the order, and the equality, of all values.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Any, Final

import msgspec

from nosqlpy._core.values.collation_keys import CollationOptions, Key, key_function
from nosqlpy._core.values.keys import equality_key
from nosqlpy._core.values.order import order_key
from nosqlpy._core.values.types import ARRAY, OBJECT, STRING, TYPES, as_mapping


class Keys(msgspec.Struct, frozen=True):
    """The functions that say which values are equal, and which comes first: of two, the one with the lower key."""

    equality: Callable[[Any], Hashable]
    order: Callable[[Any], Any]


BINARY: Final = Keys(equality_key, order_key)
"""The keys without a collation: strings compare by code points."""


class Collation:
    """How strings compare; made by `collation_of`. Immutable, may be shared by threads."""

    __slots__ = ("key", "keys", "options")

    key: Key
    """The sort key of a string: keys compare with ``<`` and ``==`` as the strings do under this collation."""
    keys: Keys
    """The keys of all values."""

    def __init__(self, options: CollationOptions) -> None:
        self.options: CollationOptions = options
        self.key = key_function(options)
        fold = self.fold
        self.keys = Keys(lambda value: equality_key(fold(value)), lambda value: order_key(fold(value)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Collation) and other.options == self.options

    def __hash__(self) -> int:
        return hash(self.options)

    def fold(self, value: Any) -> Any:
        """Return `value` with the keys of its strings, however deep, in their place; names of fields stay."""
        kind = type(value)
        if kind is str:
            return self.key(value)
        number = TYPES[kind]
        if number == ARRAY:
            return list(map(self.fold, value))
        if number == OBJECT:
            return {name: self.fold(item) for name, item in as_mapping(value).items()}
        return self.key(value) if number == STRING else value


def compares_strings(value: Any) -> bool:
    """Return whether comparing `value` depends on a collation: it is a string, or may hold one."""
    return TYPES[type(value)] in (STRING, OBJECT, ARRAY)


@lru_cache(maxsize=64)
def collation_of(options: CollationOptions) -> Collation:
    """Return the collation with these options; collations are cached."""
    return Collation(options)


def keys_of(collation: Collation | None) -> Keys:
    """Return the keys of values under `collation`, or without one."""
    return BINARY if collation is None else collation.keys
