"""Encoded documents from outside: proved to be such as nosqlpy writes, before anything relies on them.

Their depth is counted before they are decoded: the decoder recurses, and on a
thread with a small stack a hostile document would end the interpreter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nosqlpy._core.values.codec import check_id, decode_document, encode_documents
from nosqlpy._core.values.extensions import CODE, DBREF, PATTERN, REGEX
from nosqlpy._core.values.storable import DEPTH_MAX
from nosqlpy.errors import DocumentError, NosqlpyError, NotSupportedError

# bytes with which MessagePack's arrays and maps begin, and its extensions, whose payload may hold some
_OPENING = bytes([*range(0x80, 0xA0), *range(0xC7, 0xCA), *range(0xD4, 0xD9), *range(0xDC, 0xE0)])
_OTHERS = bytes(sorted(set(range(256)) - set(_OPENING)))
_NESTING = frozenset((PATTERN, REGEX, CODE, DBREF))

# by the first byte: how many bytes the length, or the number of values, has that follows
_SIZED = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
_EXTENSIONS = {0xC7: 1, 0xC8: 2, 0xC9: 4}
_FIXED_EXTENSIONS = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
_FIXED = {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
_COUNTED = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}


def check_foreign(blobs: Sequence[bytes]) -> list[Any]:
    """Return the ids of encoded documents from outside, each of which could have been stored as it is.

    Raises:
        DocumentError: One could not.
        NotSupportedError: One has a value of a bson type, and pymongo is not installed.
    """
    for data in blobs:
        _check_depth(data)
    try:
        documents = list(map(decode_document, blobs))
    except NotSupportedError:
        raise
    except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError, NosqlpyError) as error:
        raise DocumentError("a document cannot be decoded") from error
    except Exception as error:  # `struct.error` and `re.error` of extensions have no common base
        raise DocumentError("a document has an extension that cannot be decoded") from error
    for document in documents:
        if type(document) is not dict or next(iter(document), None) != "_id":
            raise DocumentError("a document is no map that begins with an _id")
        check_id(document["_id"])
    encode_documents(documents)
    return [document["_id"] for document in documents]


def _check_depth(data: bytes) -> None:
    """Refuse what is nested too deep, or claims more than there is, without recursion.

    Raises:
        DocumentError: It does.
    """
    if len(data.translate(None, _OTHERS)) <= DEPTH_MAX:  # too few bytes that could open a level, wherever they stand
        return
    levels = [1]  # how many values are still to come on each level
    offset, size = 0, len(data)
    while levels:
        if not levels[-1]:
            levels.pop()
            continue
        levels[-1] -= 1
        if offset >= size or len(levels) > DEPTH_MAX + 1:
            raise DocumentError(f"a document is cut short, or nested deeper than {DEPTH_MAX} levels")
        offset, inside = _step(data, offset)
        levels.append(inside)


def _step(data: bytes, offset: int) -> tuple[int, int]:
    """Return where the next value begins, and how many values this one holds, which come before it."""
    first = data[offset]
    if first < 0x80 or first >= 0xE0 or first in (0xC0, 0xC1, 0xC2, 0xC3):
        return offset + 1, 0
    if first < 0x90:
        return offset + 1, 2 * (first & 15)
    if first < 0xA0:
        return offset + 1, first & 15
    if first < 0xC0:
        return offset + 1 + (first & 31), 0
    if first in _COUNTED:
        width, values = _COUNTED[first]
        return offset + 1 + width, values * _number(data, offset + 1, width)
    if first in _FIXED:
        return offset + 1 + _FIXED[first], 0
    if first in _SIZED:
        width = _SIZED[first]
        return offset + 1 + width + _number(data, offset + 1, width), 0
    if first in _FIXED_EXTENSIONS:
        return _extension(data, offset + 1, _FIXED_EXTENSIONS[first])
    width = _EXTENSIONS[first]
    return _extension(data, offset + 1 + width, _number(data, offset + 1, width))


def _extension(data: bytes, offset: int, size: int) -> tuple[int, int]:
    """Return as `_step` for an extension whose code is at `offset`; the payload of some is a value."""
    nesting = offset < len(data) and data[offset] in _NESTING
    return (offset + 1, 1) if nesting else (offset + 1 + size, 0)


def _number(data: bytes, offset: int, width: int) -> int:
    return int.from_bytes(data[offset : offset + width], "big")
