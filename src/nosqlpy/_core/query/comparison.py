"""The comparison operators: $eq $ne $gt $gte $lt $lte $in $nin.

Manual: reference/operator/query-comparison. Ranges hold inside one type bracket
only; ``null`` equals a missing field; NaN equals NaN and is in no other range.
"""

from __future__ import annotations

import operator as python
from collections.abc import Callable, Hashable
from datetime import datetime
from functools import partial
from typing import Any, Final

from nosqlpy._core.query import sieves
from nosqlpy._core.query.collated import compile_collated
from nosqlpy._core.query.condition import PLAIN, Condition, Not, Test, ValueTest
from nosqlpy._core.query.registry import is_operators, operator
from nosqlpy._core.query.text import regex_test
from nosqlpy._core.values.collation import Collation
from nosqlpy._core.values.depth import check_depth
from nosqlpy._core.values.keys import equality_key
from nosqlpy._core.values.order import NAN, bracket, normal_date, order_key
from nosqlpy._core.values.types import ARRAY, DATE, MAX_KEY, MIN_KEY, MISSING, REGEX, TYPES
from nosqlpy.errors import QueryError


@operator("$eq", total=True, compares=True)
def compile_eq(operand: Any) -> Condition:
    """Match values equal to `operand`; a stored regular expression equals itself, and strings are not searched."""
    return _equality(operand)


@operator("$ne", total=True, compares=True)
def compile_ne(operand: Any) -> Condition:
    """Match documents in which no value equals `operand`."""
    if TYPES[type(operand)] == REGEX:
        raise QueryError("$ne cannot have a regular expression as its operand; use $not")
    return Not(_equality(operand))


@operator("$gt", total=True, compares=True)
def compile_gt(operand: Any) -> Condition:
    """Match values that sort after `operand`, within its type bracket."""
    return _ordering("$gt", operand)


@operator("$gte", total=True, compares=True)
def compile_gte(operand: Any) -> Condition:
    """Match values that sort at or after `operand`, within its type bracket."""
    return _ordering("$gte", operand)


@operator("$lt", total=True, compares=True)
def compile_lt(operand: Any) -> Condition:
    """Match values that sort before `operand`, within its type bracket."""
    return _ordering("$lt", operand)


@operator("$lte", total=True, compares=True)
def compile_lte(operand: Any) -> Condition:
    """Match values that sort at or before `operand`, within its type bracket."""
    return _ordering("$lte", operand)


@operator("$in", compares=True)
def compile_in(operand: Any) -> Condition:
    """Match values that equal one of an array's elements, or in which one of its regular expressions is found."""
    return _membership("$in", operand)


@operator("$nin", compares=True)
def compile_nin(operand: Any) -> Condition:
    """Match documents in which no value matches ``$in``."""
    return Not(_membership("$nin", operand))


def compile_value(operand: Any, collation: Collation | None = None) -> Condition:
    """Return the condition of a plain ``{field: operand}``: equality, or a search if it is a regular expression."""
    if TYPES[type(operand)] == REGEX:
        return regex_test(operand)
    if collation is not None:
        return compile_collated("$eq", _equality, operand, collation)
    return _equality(operand)


def _equality(operand: Any) -> Test:
    kind = type(operand)
    if kind is str:
        # Whatever else a value is, Python too finds it different from a str.
        return Test(partial(python.eq, operand), sieves.equal_to(operand, sieves.COMPARABLE[str]))
    if kind not in PLAIN:
        check_depth(operand)
        if TYPES[kind] == DATE:
            operand = normal_date(operand)
    key = equality_key(operand)
    if key is None:
        return Test(lambda value: equality_key(value) is None, sieves.is_null)
    kinds = sieves.COMPARABLE.get(type(operand), _NO_KINDS)
    if not kinds or operand != operand:  # noqa: PLR0124 - NaN
        return Test(lambda value: equality_key(value) == key)

    def test(value: Any) -> bool:
        kind = type(value)
        if kind in kinds:
            return bool(value == operand)
        return kind not in PLAIN and equality_key(value) == key

    return Test(test, sieves.equal_to(operand, kinds, test))


_NO_KINDS: Final[frozenset[type]] = frozenset()


_COMPARE: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "$gt": python.gt,
    "$gte": python.ge,
    "$lt": python.lt,
    "$lte": python.le,
}


def _ordering(name: str, operand: Any) -> Test:
    kind = type(operand)
    number = TYPES[kind]
    if number == REGEX:
        raise QueryError(f"{name} cannot have a regular expression as its operand")
    if operand is None:
        return _null_ordering(name)
    if number in (MIN_KEY, MAX_KEY):
        return _extreme_ordering(name, number)
    if number == DATE:
        operand = normal_date(operand)
    check_depth(operand)
    wanted_rank, limit = order_key(operand)
    if limit is NAN:
        or_equal = name in ("$gte", "$lte")
        return Test(lambda value: or_equal and order_key(value)[1] is NAN)
    compare = _COMPARE[name]
    kinds = sieves.COMPARABLE.get(kind, _NO_KINDS)

    def test(value: Any) -> bool:
        kind = type(value)
        if kind in kinds:
            return bool(compare(value, limit))
        rank, content = order_key(value)
        return rank == wanted_rank and content is not NAN and bool(compare(content, limit))

    return Test(test, sieves.ordered(name, operand, kinds, test) if kinds else None)


def _null_ordering(name: str) -> Test:
    if name in ("$gte", "$lte"):
        return _equality(None)
    return Test(lambda _: False)


def _extreme_ordering(name: str, number: int) -> Test:
    """Return the test against MinKey or MaxKey, which compare with values of every bracket, and with missing ones."""
    rank = number  # the bracket of either is its type number
    towards = ("$gt", "$gte") if number == MIN_KEY else ("$lt", "$lte")
    others = name in towards
    itself = name in ("$gte", "$lte")
    return Test(lambda value: itself if bracket(value) == rank else others)


def _membership(name: str, operand: Any) -> Test:
    if TYPES[type(operand)] != ARRAY:
        raise QueryError(f"{name} needs an array, not {type(operand).__name__}")
    if _OWN_KEYS.issuperset(map(type, operand)) and all(map(python.eq, operand, operand)):  # only NaN is not itself
        keys = frozenset(operand)
        test = _key_test(keys)
        return Test(test, sieves.one_of(keys | {MISSING} if None in keys else keys, _OWN_KEYS, test))
    regexes = [regex_test(item) for item in operand if TYPES[type(item)] == REGEX]
    values = [item for item in operand if TYPES[type(item)] != REGEX]
    for item in values:
        if is_operators(item):
            raise QueryError(f"cannot nest $ under {name}")
        check_depth(item)
    keys = frozenset(map(equality_key, values))
    test = _key_test(keys)
    if len(keys) <= DATES_MAX and {datetime}.issuperset(map(type, keys)):
        sieve = sieves.one_of(tuple(keys), sieves.COMPARABLE[datetime], test)
    else:
        sieve = sieves.looked_up(keys, _OWN_DATES, test)
    if not regexes:
        return Test(test, sieve)
    tests = [test, *(regex.test for regex in regexes)]
    searches = [regex.sieve or sieves.each(sieves.any_value(regex.test)) for regex in regexes]
    return Test(lambda value: any(test(value) for test in tests), sieves.either([sieve, *searches]))


def _key_test(keys: frozenset[Hashable]) -> ValueTest:
    return lambda value: equality_key(value) in keys


DATES_MAX: Final = 12
"""Dates that are compared one by one: 35 ns each, and the hash of a date takes 450."""

_OWN_KEYS: Final[frozenset[type]] = frozenset((str, int, float, type(None), type(MISSING)))
"""Classes whose values can be looked up among equality keys as they are (bool cannot: it would meet 0 and 1)."""
_OWN_DATES: Final[frozenset[type]] = frozenset((str, int, datetime))
"""Among them, and stored dates, those that are neither NaN nor missing."""
