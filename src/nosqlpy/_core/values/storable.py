"""The walk that puts any document in storable form, or refuses it with the path of what cannot be stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import is_dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from typing import Any

import msgspec
from msgspec.msgpack import Ext

from nosqlpy._core.values.check import is_known_key, learn_key, learn_type
from nosqlpy._core.values.extensions import Atom, Compound, Unstorable, extension_of, is_hooked
from nosqlpy.errors import DocumentError

_encode = msgspec.msgpack.Encoder().encode

DEPTH_MAX = 100
"""Levels of nesting that a document may have; the document itself is the first."""

_OVERFLOW = 15  # MongoDB's code

_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
_ALWAYS = frozenset((float, bool, type(None), bytes))  # every value of these types can be stored as it is

_PATH_PARTS_MAX = 12  # of a path in a message: that of a document which holds itself has a hundred

# What to use in place of a type that is refused; the first that fits speaks.
_INSTEAD: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (Enum, "its value"),
    ((set, frozenset), "a list"),
    ((bytearray, memoryview, bytes), "bytes"),
    (datetime, "a datetime.datetime"),
    (date, "a datetime"),
    (time, "a str or a datetime"),
    (timedelta, "a number of seconds"),
    (str, "a str"),
    (int, "an int"),
    (float, "a float"),
    ((list, tuple), "a list"),
    (msgspec.Struct, "msgspec.to_builtins"),
)


def storable(value: Any, name: str = "", depth_max: int = DEPTH_MAX) -> Any:
    """Return `value` in the form that the encoder takes, sharing nothing that could change with it.

    `name` is the path of the value itself, for the message; `depth_max` how many levels it may have.

    Raises:
        DocumentError: A value or key cannot be stored; the message has its path.
    """
    try:
        return _walk(value, 1 + DEPTH_MAX - depth_max)
    except Unstorable as refusal:
        parts = [name, *reversed(refusal.parts)] if name else refusal.parts[::-1]
        path = ".".join(parts[:_PATH_PARTS_MAX]) + (" …" if len(parts) > _PATH_PARTS_MAX else "")
        reason = f"nested deeper than {depth_max} levels" if refusal.code == _OVERFLOW else str(refusal)
        message = f"{path}: {reason}" if path else reason
        raise DocumentError(message, code=refusal.code, code_name=refusal.code_name) from None


def _walk(value: Any, level: int) -> Any:
    """Return the storable form of `value`, which opens nesting `level` if it is a document or array."""
    kind = type(value)
    if kind is str:
        return _text(value)
    if kind is int:
        if _INT64_MIN <= value <= _INT64_MAX:
            return value
        raise Unstorable("an int past 64 bits cannot be stored; use a float or a Decimal")
    if kind in _ALWAYS:
        return value
    if kind is datetime:
        return _instant(value)
    if kind is list or kind is tuple:
        return _array(value, level)
    extension = extension_of(kind)
    if extension is not None:
        return _extension(value, extension, level)
    if isinstance(value, Mapping):
        return _document(value, level)
    raise Unstorable(_refusal(value))


def _extension(value: Any, extension: Atom | Compound, level: int) -> Ext:
    if isinstance(extension, Compound):
        return Ext(extension.code, _encode(_document(extension.fields(value), level)))
    if is_hooked(type(value)):
        learn_type(type(value))
    return Ext(extension.code, extension.payload(value))


def _document(value: Mapping[Any, Any], level: int) -> dict[str, Any]:
    _check_level(level)
    result: dict[str, Any] = {}
    for key, item in value.items():
        name = key if is_known_key(key) and type(key) is str else _key(key)
        kind = type(item)
        # Most values, without a call.
        if kind in _ALWAYS or (kind is str and item.isascii()) or (kind is int and _INT64_MIN <= item <= _INT64_MAX):
            result[name] = item
            continue
        try:
            result[name] = _walk(item, level + 1)
        except Unstorable as refusal:
            refusal.parts.append(name)
            raise
    if len(result) != len(value):
        raise Unstorable("two keys of a document read the same")
    return result


def _array(value: Iterable[Any], level: int) -> list[Any]:
    _check_level(level)
    result: list[Any] = []
    for item in value:
        kind = type(item)
        if kind in _ALWAYS or (kind is str and item.isascii()) or (kind is int and _INT64_MIN <= item <= _INT64_MAX):
            result.append(item)
            continue
        try:
            result.append(_walk(item, level + 1))
        except Unstorable as refusal:
            refusal.parts.append(str(len(result)))
            raise
    return result


def _check_level(level: int) -> None:
    if level > DEPTH_MAX:
        raise Unstorable("nested too deep", code=_OVERFLOW, code_name="Overflow")


def _key(key: Any) -> str:
    """Return a key as text; a key of a str subclass is what it reads, for nobody can tell them apart in a dict."""
    if not isinstance(key, str):
        raise Unstorable(f"a key is a str, not {_article(type(key))}")
    name = str.__str__(key)
    if "\0" in name:
        raise Unstorable("a key must not contain NUL")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise Unstorable("a key has a lone surrogate, which UTF-8 cannot hold") from None
    learn_key(name)
    return name


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Unstorable("a str with a lone surrogate cannot be stored; UTF-8 cannot hold it") from None
    return value


def _instant(value: datetime) -> datetime:
    if value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise Unstorable("a datetime outside the years 1 to 9999 in UTC cannot be stored") from None


def _refusal(value: Any) -> str:
    """Return why a value of this type cannot be stored, and what to use instead."""
    text = f"{_article(type(value))} cannot be stored"
    for kinds, instead in _INSTEAD:
        if isinstance(value, kinds):
            return f"{text}; use {instead}"
    return f"{text}; use dataclasses.asdict" if is_dataclass(value) else text


def _article(kind: type) -> str:
    name = kind.__name__
    return f"an {name}" if name[0] in "aeiouAEIO" else f"a {name}"
