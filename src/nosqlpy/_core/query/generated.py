"""Loops that are written for one form of question: what a scan does for each document, without a call but for decoding.

This is the one module that makes source text. None of it comes from a user: it is put
together from the words here, the numbers of struct fields, and the symbols of `SYMBOLS`.
Paths, operands and classes are arguments of the functions that come of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias

import msgspec

from nosqlpy._core.query.condition import PLAIN, ValueTest

SYMBOLS: Final = frozenset(("==", ">", ">=", "<", "<=", "in"))

Form: TypeAlias = tuple[str, int]
"""A symbol, and how many classes of values it is used for; 0 stands for so many that they are looked up."""
Way: TypeAlias = tuple[tuple[int, ...], bool]
"""The numbers of struct fields that lead from a row to a value, and whether a detour goes on from there."""

Selector: TypeAlias = Callable[[Iterable[bytes]], list[bytes]]
"""Selects encoded documents; raises what the decoder does where one does not fit the row."""

_NAMED_MAX: Final = 2
"""Classes that are asked for one by one; more are looked up."""


class Reach(msgspec.Struct, frozen=True):
    """How a path is followed from a row: through struct fields, one within the other.

    Before each field but the first stands the struct that has it, and the detour for a value that is
    none; one detour more where the path goes on behind the last.
    """

    numbers: tuple[int, ...]
    structs: tuple[Any, ...]
    detours: tuple[Callable[[Any], Any], ...]

    @property
    def way(self) -> Way:
        """What of it is source text."""
        return self.numbers, len(self.detours) > len(self.structs)


class Comparing(msgspec.Struct, frozen=True):
    """What holds for a value of `kinds` if ``value <symbol> operand``, for no other plain one, for others by `rest`."""

    symbol: str
    operand: Any
    kinds: frozenset[type]
    rest: ValueTest

    @property
    def form(self) -> Form:
        """What of it is source text."""
        return self.symbol, len(self.kinds) if len(self.kinds) <= _NAMED_MAX else 0

    @property
    def constants(self) -> tuple[Any, ...]:
        """The rest of it, in the order of `_names`."""
        if len(self.kinds) > _NAMED_MAX:
            return self.operand, self.rest, self.kinds
        first = type(self.operand)
        return self.operand, self.rest, *sorted(self.kinds, key=lambda kind: kind is not first)


def _names(form: Form, suffix: object = "") -> list[str]:
    return [f"operand{suffix}", f"rest{suffix}", *(f"kind{suffix}_{number}" for number in range(form[1] or 1))]


def _is_of(form: Form, kind: str, suffix: object = "") -> str:
    """Return the expression of whether an expression of a class is one of a comparison's."""
    _, count = form
    if not count:
        return f"{kind} in kind{suffix}_0"
    return " or ".join(f"{kind if not number else 'kind'} is kind{suffix}_{number}" for number in range(count))


def _holds(form: Form, value: str, kind: str, suffix: object = "") -> str:
    """Return the expression of whether a comparison holds for a value; `kind` is that of its class."""
    compared = f"{value} {form[0]} operand{suffix}"
    return f"{compared} if {_is_of(form, kind, suffix)} else kind not in PLAIN and rest{suffix}({value})"


def _made(name: str, source: str) -> Any:
    """Return the function that a piece of source defines."""
    names: dict[str, Any] = {"PLAIN": PLAIN}
    exec(source, names)  # noqa: S102 - of the words of this module alone
    return names[name]


@lru_cache(maxsize=64)
def sieve(form: Form) -> Callable[[Sequence[Any], Iterable[Any]], list[bool]]:
    """Return what says, by the constants of a comparison, for which entries of a column it holds."""
    assert form[0] in SYMBOLS
    source = f"""
def sieve(constants, entries):
    {", ".join(_names(form))} = constants
    return [{_holds(form, "entry", "(kind := type(entry))")} for entry in entries]
"""
    return _made("sieve", source)  # type: ignore[no-any-return]


@lru_cache(maxsize=64)
def plain_sieve(symbol: str) -> Callable[[Any, Iterable[Any]], list[bool]]:
    """Return the same for entries all of which are of the classes of the comparison."""
    assert symbol in SYMBOLS
    source = f"""
def sieve(operand, entries):
    return [entry {symbol} operand for entry in entries]
"""
    return _made("sieve", source)  # type: ignore[no-any-return]


@lru_cache(maxsize=512)
def _selector(conditions: tuple[tuple[Way, Form], ...]) -> Callable[..., list[bytes]]:
    lines = []
    names = []
    for number, (way, form) in enumerate(conditions):
        assert form[0] in SYMBOLS
        names += [*_names(form, number), *_way_names(way, number)]
        lines += _follow(way, number)
        lines += [
            "kind = type(value)",
            f"if not ({_holds(form, 'value', 'kind', number)}):",
            "    continue",
        ]
    source = f"""
def select(decode, constants, blobs):
    {", ".join(names)}, = constants
    found = []
    for blob in blobs:
        row = decode(blob)
        {_indented(lines)}
        found.append(blob)
    return found
"""
    return _made("select", source)  # type: ignore[no-any-return]


@lru_cache(maxsize=512)
def _reader(way: Way) -> Callable[..., list[Any]]:
    names = _way_names(way, 0)
    unpacked = f"{', '.join(names)}, = constants" if names else "pass"
    source = f"""
def read(decode, constants, blobs):
    {unpacked}
    found = []
    for blob in blobs:
        row = decode(blob)
        {_indented(_follow(way, 0))}
        found.append(value)
    return found
"""
    return _made("read", source)  # type: ignore[no-any-return]


def _indented(lines: list[str]) -> str:
    return "\n        ".join(lines)


def _way_names(way: Way, number: int) -> list[str]:
    fields, goes_on = way
    names = [f"{what}{number}_{depth}" for depth in range(1, len(fields)) for what in ("struct", "detour")]
    return [*names, f"detour{number}_{len(fields)}"] if goes_on else names


def _follow(way: Way, number: int) -> list[str]:
    """Return the statements that have `value` be what a way leads to from `row`."""
    fields, goes_on = way
    lines = [f"value = row.f{fields[0]}"]
    for depth, field in enumerate(fields[1:], 1):
        taken = f"value.f{field} if type(value) is struct{number}_{depth} else detour{number}_{depth}(value)"
        lines.append(f"value = {taken}")
    if goes_on:
        lines.append(f"value = detour{number}_{len(fields)}(value)")
    return lines


def _way_constants(reach: Reach) -> list[Any]:
    constants: list[Any] = []
    for struct, detour in zip(reach.structs, reach.detours, strict=False):
        constants += [struct, detour]
    return [*constants, *reach.detours[len(reach.structs) :]]


def selector(decode: Callable[[bytes], Any], conditions: Sequence[tuple[Reach, Comparing]]) -> Selector:
    """Return what selects the encoded documents for which all comparisons hold.

    It raises what `decode` does where a document does not fit the row.
    """
    select = _selector(tuple((reach.way, comparing.form) for reach, comparing in conditions))
    constants: list[Any] = []
    for reach, comparing in conditions:
        constants += [*comparing.constants, *_way_constants(reach)]
    return lambda blobs: select(decode, constants, blobs)


def reader(decode: Callable[[bytes], Any], reach: Reach) -> Callable[[Iterable[bytes]], list[Any]]:
    """Return what gives the column of encoded documents that a path makes; it raises likewise."""
    read, constants = _reader(reach.way), _way_constants(reach)
    return lambda blobs: read(decode, constants, blobs)
