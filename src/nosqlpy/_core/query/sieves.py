"""Tests of whole columns: one comprehension instead of a call per document.

A sieve answers by one inlined comparison (see `generated`) where an entry is of the operand's own
kind, by "no" for the other plain scalars, and asks the value test about the
rest: arrays, documents, several values, rare numeric types.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from datetime import datetime
from operator import or_
from typing import Any, Final

from nosqlpy._core.query.condition import PLAIN, Sieve, ValueTest
from nosqlpy._core.query.entries import Entries
from nosqlpy._core.query.generated import Comparing, plain_sieve, sieve
from nosqlpy._core.query.several import Several
from nosqlpy._core.values.types import MISSING

_NUMBERS: Final = frozenset((int, float))

COMPARABLE: Final[dict[type, frozenset[type]]] = {
    int: _NUMBERS,
    float: _NUMBERS,
    str: frozenset((str,)),
    bool: frozenset((bool,)),
    datetime: frozenset((datetime,)),
}
"""By class of a (UTC) operand, the classes of values that Python compares with it as MongoDB does."""


def any_value(test: ValueTest) -> ValueTest:
    """Return the test of a column's entry: an array matches by an element or as a whole, several values by any."""

    def matches(entry: Any) -> bool:
        kind = type(entry)
        if kind is list:
            return any(map(test, entry)) or test(entry)
        if kind is Several:
            return any(map(test, entry))
        return test(entry)

    return matches


def whole_value(test: ValueTest) -> ValueTest:
    """Return the test of a column's entry in which an array counts only as a whole."""

    def matches(entry: Any) -> bool:
        if type(entry) is Several:
            return any(map(test, entry))
        return test(entry)

    return matches


def each(test: ValueTest) -> Sieve:
    """Return the sieve that calls `test` on every entry."""
    return lambda entries: list(map(test, entries))


class Comparison:
    """The sieve of ``entry <symbol> operand``, for values of some classes, and of a test for all but plain others."""

    __slots__ = ("comparing",)

    def __init__(self, symbol: str, operand: Any, kinds: frozenset[type], rest: ValueTest) -> None:
        # a loop over documents can be made of it
        self.comparing: Comparing = Comparing(symbol, operand, kinds, rest)

    def __call__(self, entries: Iterable[Any]) -> list[bool]:
        """Return for which entries of a column it holds."""
        comparing = self.comparing
        if type(entries) is Entries and entries.kinds <= comparing.kinds:
            return plain_sieve(comparing.symbol)(comparing.operand, entries)
        return sieve(comparing.form)(comparing.constants, entries)


def equal_to(operand: Any, kinds: frozenset[type], test: ValueTest | None = None) -> Sieve:
    """Return the sieve of ``entry == operand``; without `test`, equality in Python is equality for every value."""
    return Comparison("==", operand, kinds, any_value(test) if test is not None else _contains(operand))


def _contains(operand: Any) -> ValueTest:
    return lambda entry: isinstance(entry, list) and operand in entry


def one_of(members: Collection[Hashable], kinds: frozenset[type], test: ValueTest) -> Sieve:
    """Return the sieve of ``entry in members``."""
    return Comparison("in", members, kinds, any_value(test))


def ordered(name: str, operand: Any, kinds: frozenset[type], test: ValueTest) -> Sieve:
    """Return the sieve of ``$gt``, ``$gte``, ``$lt`` or ``$lte``."""
    return Comparison(_SYMBOLS[name], operand, kinds, any_value(test))


_SYMBOLS: Final = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}


def looked_up(members: frozenset[Hashable], kinds: frozenset[type], test: ValueTest) -> Sieve:
    """Return the sieve of ``entry in members`` for values of `kinds`, and of `test` for all others."""
    rest = any_value(test)
    constants = {value: test(value) for value in (False, True, None, MISSING)}

    def sieve(entries: Iterable[Any]) -> list[bool]:
        return [
            entry in members
            if (kind := type(entry)) in kinds
            else (constants[entry] if kind in _CONSTANTS else rest(entry))
            for entry in entries
        ]

    return sieve


_CONSTANTS: Final = frozenset((bool, type(None), type(MISSING)))


def either(sieves: Sequence[Sieve]) -> Sieve:
    """Return the sieve of what one of `sieves` lets pass."""
    first, *others = sieves

    def sieve(entries: Iterable[Any]) -> list[bool]:
        column = list(entries)
        flags = first(column)
        for other in others:
            flags = list(map(or_, flags, other(column)))
        return flags

    return sieve


def masked(mask: int, target: int, equal: bool, test: ValueTest) -> Sieve:
    """Return the sieve of ``(entry & mask == target) is equal`` for whole numbers, and of `test` for other values."""
    rest = any_value(test)

    def sieve(entries: Iterable[Any]) -> list[bool]:
        return [(entry & mask == target) is equal if type(entry) is int else rest(entry) for entry in entries]

    return sieve


def typed(known: Mapping[type, bool], small: bool | None, test: ValueTest) -> Sieve:
    """Return the sieve of a test of types: as `known` by the class; of ints, if said, those that are so `small` or not.

    Small ones fit 32 bits.
    """
    rest = any_value(test)
    if small is None:
        return lambda entries: [known[kind] if (kind := type(entry)) in known else rest(entry) for entry in entries]
    return lambda entries: [
        (_INT_MIN <= entry <= _INT_MAX) is small
        if (kind := type(entry)) is int
        else (known[kind] if kind in known else rest(entry))
        for entry in entries
    ]


_INT_MIN: Final = -(2**31)
_INT_MAX: Final = 2**31 - 1


def is_null(entries: Iterable[Any]) -> list[bool]:
    """Return which entries are null or missing: the sieve of ``{field: null}``."""
    return [
        entry is None or entry is MISSING or (isinstance(entry, list) and (None in entry or MISSING in entry))
        for entry in entries
    ]


def is_present(entries: Iterable[Any]) -> list[bool]:
    """Return which entries hold a value: the sieve of ``$exists``."""
    return [
        entry is not MISSING if type(entry) is not Several else any(value is not MISSING for value in entry)
        for entry in entries
    ]


def searched(search: Callable[[str], object], test: ValueTest) -> Sieve:
    """Return the sieve of strings that `search` finds something in."""
    rest = any_value(test)

    def sieve(entries: Iterable[Any]) -> list[bool]:
        return [
            search(entry) is not None if (kind := type(entry)) is str else kind not in PLAIN and rest(entry)
            for entry in entries
        ]

    return sieve
