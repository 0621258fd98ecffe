"""Stand-ins for values of bson's types where pymongo is not installed.

They have what it takes to compare and sort such a value, to find the document
that has it as ``_id``, and to store it again as it was; and never reach a user.
A class here has the name and the module of the one that it stands for, by
which all else knows its BSON type.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, Self, TypeVar

C = TypeVar("C", bound=type)

_INT64: Final = struct.Struct(">q")
_TIMESTAMP: Final = struct.Struct(">II")
_HALVES: Final = struct.Struct("<QQ")

_EXPONENT_BIAS: Final = 6176
_COEFFICIENT_MAX: Final = 10**34 - 1  # a greater one counts as 0


def _in(module: str) -> Callable[[C], C]:
    """Let the decorated class have a module of bson as its own."""

    def rename(kind: C) -> C:
        kind.__module__ = f"bson.{module}"
        return kind

    return rename


@_in("objectid")
class ObjectId:
    """Its 12 bytes."""

    __slots__ = ("binary",)

    def __init__(self, data: bytes) -> None:
        self.binary = data


@_in("int64")
class Int64(int):
    """An int that is stored as 64 bits."""


@_in("decimal128")
class Decimal128:
    """Its 16 bytes, as BSON has them."""

    __slots__ = ("bid",)

    def __init__(self, data: bytes) -> None:
        self.bid = data

    def to_decimal(self) -> Decimal:
        """Return the number (General Decimal Arithmetic, the encoding with a binary integer)."""
        low, high = _HALVES.unpack(self.bid)
        sign = high >> 63
        kind = high >> 58 & 0b11111
        if kind >= 0b11110:
            name = "NaN" if kind == 0b11111 else "Infinity"
            return Decimal(f"-{name}" if sign else name)
        coefficient, place = (high & (1 << 49) - 1) << 64 | low, 49
        if kind >= 0b11000:
            coefficient, place = _COEFFICIENT_MAX + 1, 47
        digits = tuple(map(int, str(coefficient))) if coefficient <= _COEFFICIENT_MAX else (0,)
        return Decimal((sign, digits, (high >> place & 0x3FFF) - _EXPONENT_BIAS))


@_in("binary")
class Binary(bytes):
    """Bytes with a subtype."""

    subtype: int

    def __new__(cls, data: bytes) -> Self:
        """Return the value of a payload, which begins with the subtype."""
        value = super().__new__(cls, data[1:])
        value.subtype = data[0]
        return value


@_in("regex")
class Regex:
    """A pattern that Python need not be able to compile."""

    __slots__ = ("flags", "pattern")

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.pattern, self.flags = fields["pattern"], fields["flags"]


@_in("timestamp")
class Timestamp:
    """Seconds, and a number that tells apart what happened in one."""

    __slots__ = ("inc", "time")

    def __init__(self, data: bytes) -> None:
        self.time, self.inc = _TIMESTAMP.unpack(data)


@_in("min_key")
class MinKey:
    """What sorts below all else."""


@_in("max_key")
class MaxKey:
    """What sorts above all else."""


@_in("code")
class Code(str):
    """Code, perhaps with variables."""

    __slots__ = ("scope",)

    scope: Any

    def __new__(cls, fields: Mapping[str, Any]) -> Self:
        """Return the value of a decoded payload."""
        value = super().__new__(cls, fields["code"])
        value.scope = fields["scope"]
        return value


@_in("dbref")
class DBRef:
    """A document that names another one."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields

    def as_doc(self) -> Mapping[str, Any]:
        """Return the document."""
        return self._fields


@_in("datetime_ms")
class DatetimeMS:
    """Milliseconds since 1970."""

    __slots__ = ("_milliseconds",)

    def __init__(self, data: bytes) -> None:
        (self._milliseconds,) = _INT64.unpack(data)

    def __int__(self) -> int:
        return int(self._milliseconds)


def integer(data: bytes) -> Int64:
    """Return the number of a payload of 8 bytes."""
    return Int64(_INT64.unpack(data)[0])
