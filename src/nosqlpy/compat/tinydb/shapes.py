"""What a query asks, as data: from it a filter is made, where one can be."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec


class Test(msgspec.Struct, frozen=True):
    """One test of the value at a path, which consists of keys and of functions."""

    __test__ = False

    operator: str
    path: tuple[Any, ...]
    operand: Any = None


class Both(msgspec.Struct, frozen=True):
    """All `parts` hold; one is asked only if those before it do."""

    parts: tuple[Shape, ...]


class OneOf(msgspec.Struct, frozen=True):
    """One of `parts` holds; one is asked only if none before it does."""

    parts: tuple[Shape, ...]


class Not(msgspec.Struct, frozen=True):
    """`part` does not hold."""

    part: Shape


class Always(msgspec.Struct, frozen=True):
    """Holds for every document."""


class Opaque(msgspec.Struct, frozen=True):
    """Python that nobody can look into: it may hold, not hold, or raise."""


Shape: TypeAlias = Test | Both | OneOf | Not | Always | Opaque
OPAQUE = Opaque()
