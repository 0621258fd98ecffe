"""What an operator compiles to: a value test, or a combination of such tests.

A condition is tested in two ways: on one value (an element under ``$elemMatch``)
and on all values that a path reaches in a document. Both derive from the same
four forms, so that an operator states its meaning once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

import msgspec

from nosqlpy._core.values.types import MISSING

ValueTest: TypeAlias = Callable[[Any], bool]
"""Whether one value matches; never raises, whatever the value is."""

Sieve: TypeAlias = Callable[[Iterable[Any]], list[bool]]
"""Which values of a column match; a column has one entry per document (see `partial.Several`)."""


PLAIN: Final = frozenset((str, int, float, bool, type(None), type(MISSING)))
"""Classes of values that are no containers, and that Python compares as MongoDB does, but for NaN."""


class Test(msgspec.Struct, frozen=True):
    """Matches a value; at the end of a path, an array or any element of it. `sieve` does the same to a column, fast."""

    test: ValueTest
    sieve: Sieve | None = None


class Whole(msgspec.Struct, frozen=True):
    """Matches a value as it stands: an array at the end of a path is tested as an array only.

    `position` says which element made an array match, where it was one.
    """

    test: ValueTest
    sieve: Sieve | None = None
    position: Callable[[list[Any]], int | None] | None = None


class Not(msgspec.Struct, frozen=True):
    """Matches where `condition` does not, on the document as a whole."""

    condition: Condition


class All(msgspec.Struct, frozen=True):
    """Matches where every one of `conditions` does, each by any value of the path."""

    conditions: tuple[Condition, ...]


Condition: TypeAlias = Test | Whole | Not | All


def value_test(condition: Condition) -> ValueTest:
    """Return the test of `condition` on one value, whose elements do not count if it is an array."""
    if isinstance(condition, Test | Whole):
        return condition.test
    if isinstance(condition, Not):
        inner = value_test(condition.condition)
        return lambda value: not inner(value)
    tests = [value_test(part) for part in condition.conditions]
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        first, second = tests
        return lambda value: first(value) and second(value)
    return lambda value: all(test(value) for test in tests)
