"""JSON text from elsewhere: how deep it is, and what is wrong with it, and where."""

from __future__ import annotations

import re
from math import isfinite
from typing import Any

import msgspec

from nosqlpy.errors import DocumentError, QueryError

DEPTH_MAX = 200
"""Levels that JSON text may nest: twice as many as a document's, for each value may be wrapped in a type's object."""

# What opens and closes a level, and strings, which may contain the same characters. A string without
# an end is taken as far as it goes, so that hostile text costs no more than its length.
_structure = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)
_numbers = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|-?\d++(?:\.\d++)?(?:[eE][+-]?\d++)?', re.DOTALL)
# a pair, another character in the form of its escape, or else (the group) half of a pair
_escapes = re.compile(rb"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\[^u]|(\\u[dD][89a-fA-F]..)", re.DOTALL)
_non_finite = re.compile(rb"-?(?:NaN|Infinity)").match
_HALF = "half of a surrogate pair, which UTF-8 cannot hold"
_literal = re.compile(rb"[\s:,\[]([tn].{3}|f.{4})\Z", re.DOTALL)
_at_byte = re.compile(r" \(byte (\d+)\)")
_KINDS = {list: "an array", str: "a string", type(None): "null", bool: "a boolean"}


def check_depth(data: bytes) -> None:
    """Refuse JSON text that is nested too deep to be decoded on any thread's stack.

    Raises:
        DocumentError: It has more than 200 levels; `details` has the ``column``.
    """
    if len(data) <= DEPTH_MAX or data.count(b"{") + data.count(b"[") <= DEPTH_MAX:
        return
    depth = 0
    for token in _structure.finditer(data):
        first = token[0][:1]
        if first in b"{[":
            depth += 1
            if depth > DEPTH_MAX:
                column = _position(data, token.start())
                message = f"nested deeper than {DEPTH_MAX} levels"
                raise DocumentError(message, code=15, code_name="Overflow", details=column)
        elif first in b"}]":
            depth -= 1


def not_a_document(value: Any) -> QueryError:
    """Return the error that says that a JSON value is no object."""
    kind = _KINDS.get(type(value), "a number")
    return QueryError(f"a document is a JSON object, this is {kind}", details={"line": 1, "column": 1})


def malformed(data: bytes, error: Exception) -> QueryError:
    """Return the error that says what the decoder found wrong with `data`, and where."""
    found = _at_byte.search(str(error))
    if isinstance(error, msgspec.ValidationError):
        reason, offset = "a number that no type can hold", _too_large(data)
    elif found is not None:
        reason = str(error).removeprefix("JSON is malformed: ")[: -len(found[0])]
        offset = _start(data, int(found[1]), reason)
        if reason == "invalid utf-16 surrogate pair" and (half := _half_pair(data)) is not None:
            reason, offset = _HALF, half
        elif _non_finite(data, offset) is not None:
            reason = 'NaN and Infinity are no JSON; {"$numberDouble": "NaN"} and so on are'
    elif (half := _half_pair(data)) is not None:
        reason, offset = _HALF, half
    else:
        reason, offset = "it ends inside a value", len(data)
    if (undecodable := _not_utf8(data)) <= offset:
        reason, offset = "a byte that is not UTF-8", undecodable
    return QueryError(reason, code=9, code_name="FailedToParse", details=_position(data, offset))


def _start(data: bytes, offset: int, reason: str) -> int:
    """Return where the fault begins that the decoder, given its `reason`, found at `offset`."""
    if reason == "trailing characters":
        return offset - 1
    if data[offset - 1 : offset] == b"-" and data[offset : offset + 1] == b"I":
        return offset - 1
    word = _literal.search(data[max(0, offset - 6) : offset])  # read as true, null or false, and none of them
    return offset - len(word[1]) if word is not None else offset


def _half_pair(data: bytes) -> int | None:
    """Return where the first half of a surrogate pair stands alone, if one does."""
    return next((found.start() for found in _escapes.finditer(data) if found[1] is not None), None)


def _position(data: bytes, offset: int) -> dict[str, int]:
    """Return the line and column, counted from 1 and in characters, of a byte."""
    before = data[:offset].decode(errors="replace")
    return {"line": before.count("\n") + 1, "column": len(before) - before.rfind("\n")}


def _not_utf8(data: bytes) -> int:
    """Return where `data` ceases to be UTF-8: behind its end if it does not."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.start
    return len(data) + 1


def _too_large(data: bytes) -> int:
    for token in _numbers.finditer(data):
        if token[0][:1] != b'"' and (len(token[0]) > 300 or not isfinite(float(token[0]))):
            return token.start()
    return 0
