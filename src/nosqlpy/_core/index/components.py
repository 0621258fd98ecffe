"""Index keys that are in order: rank and content of a value, from its equality key.

An equality key is hashable and says which values are equal; a *component* is hashable,
says the same, and sorts as MongoDB sorts values.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias

from nosqlpy._core.query.sortvalues import UNDEFINED
from nosqlpy._core.values.keys import equality_key
from nosqlpy._core.values.order import FarInstant

Component: TypeAlias = tuple[float, Any]
"""The rank of a value's type bracket, and what orders values inside of it."""

UNDEFINED_KEY: Final = (0,)
"""What an empty array stands under in an index, as on a server."""
WHOLE: Final = -2
"""Marks the key of an array that an equality can ask for, and that is no key of the index as a server's has them."""
NULL_RANK: Final = 5
NAN_RANK: Final = 9.5
"""NaN is a number, below all others, and in no range of them."""
NUMBER_RANK: Final = 10
STRING_RANK: Final = 15
OBJECT_ID_RANK: Final = 35
ABOVE: Final = 0.25
"""Added to a rank it is past all values of that rank, and before the next."""


def index_key(value: Any) -> Hashable:
    """Return the key of a value that `sortvalues` found."""
    return UNDEFINED_KEY if value is UNDEFINED else equality_key(value)


def whole_key(key: Hashable) -> Hashable:
    """Return what stands in an index for an array as such."""
    return (WHOLE, key)


def rank_of(key: Hashable) -> float:
    """Return the rank of an equality key; below zero for that of a whole array."""
    kind = type(key)
    if kind is str:
        return STRING_RANK
    if kind is int or kind is float:
        return NUMBER_RANK
    if kind is bytes:
        return OBJECT_ID_RANK
    if isinstance(key, tuple):
        rank: float = key[0]
        return NAN_RANK if rank == NUMBER_RANK else rank
    if key is None:
        return NULL_RANK
    if isinstance(key, datetime | FarInstant):
        return 45
    return NUMBER_RANK if isinstance(key, int | float | Decimal) else STRING_RANK


def component(key: Hashable) -> Component:
    """Return rank and content of an equality key."""
    rank = rank_of(key)
    if not isinstance(key, tuple):
        return rank, key
    make = _CONTENTS.get(rank)
    return (rank, key[1:]) if make is None else (rank, make(key))


def in_order(keys: Iterable[Any]) -> list[Hashable]:
    """Return equality keys in the order of their values."""
    found = list(keys)
    return sorted(found) if set(map(type, found)) in PLAIN_TYPES else sorted(found, key=component)


def _object(key: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a document's fields in the order in which MongoDB compares them: type, name, content."""
    fields = []
    for name, item in key[1:]:
        rank, content = component(item)
        fields.append((rank, name, content))
    return tuple(fields)


_CONTENTS: Final[dict[float, Callable[[tuple[Any, ...]], Any]]] = {
    NAN_RANK: lambda _: None,
    20: _object,
    25: lambda key: tuple(map(component, key[1:])),
    65: lambda key: (key[1], _object(key[2])),
}
NESTED_RANKS: Final = frozenset((NULL_RANK, 20, 25, 65))
"""Ranks whose equality keys do not sort, or not as their values do; all others' do."""
PLAIN_TYPES: Final = ({str}, {int}, {bytes})
"""What keys are of that sort by themselves, and quickly."""
