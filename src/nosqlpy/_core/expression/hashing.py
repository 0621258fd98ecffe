"""Hashes of texts and binary data: $hash, $hexHash.

Manual: reference/operator/aggregation/hash, hexHash.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from typing import Any, Final

from nosqlpy._core.expression.failures import FAILED_TO_PARSE, failure
from nosqlpy._core.expression.operators import Codes, of_fields
from nosqlpy._core.values.order import binary_content
from nosqlpy._core.values.types import BINARY, MISSING, STRING, TYPES, type_name
from nosqlpy.naming import nearest

_CODES: Final = Codes(FAILED_TO_PARSE, FAILED_TO_PARSE, FAILED_TO_PARSE)

# xxHash's primes and layout: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
_MASK: Final = 2**64 - 1
_PRIMES: Final = (
    0x9E3779B185EBCA87,
    0xC2B2AE3D27D4EB4F,
    0x165667B19E3779F9,
    0x85EBCA77C2B2AE63,
    0x27D4EB2F165667C5,
)
_STRIPE: Final = struct.Struct("<4Q")


def xxh64(data: bytes) -> bytes:
    """Return the hash of 64 bits that xxHash makes of `data` with the seed 0, its highest byte first."""
    first, second, _, _, fifth = _PRIMES
    striped = len(data) - len(data) % 32
    if striped:
        lanes = [(first + second) & _MASK, second, 0, -first & _MASK]
        for stripe in _STRIPE.iter_unpack(data[:striped]):
            lanes = [_round(lane, word) for lane, word in zip(lanes, stripe, strict=True)]
        total = sum(_turned(lane, by) for lane, by in zip(lanes, (1, 7, 12, 18), strict=True)) & _MASK
        for lane in lanes:
            total = ((total ^ _round(0, lane)) * first + _PRIMES[3]) & _MASK
    else:
        total = fifth
    return _scattered(_rest(total + len(data), data[striped:])).to_bytes(8, "big")


def _round(lane: int, word: int) -> int:
    return _turned((lane + word * _PRIMES[1]) & _MASK, 31) * _PRIMES[0] & _MASK


def _turned(value: int, by: int) -> int:
    return (value << by | value >> 64 - by) & _MASK


def _rest(total: int, tail: bytes) -> int:
    """Return the hash so far with the bytes behind the last stripe, fewer than 32."""
    first, second, third, fourth, fifth = _PRIMES
    while len(tail) >= 8:
        total ^= _round(0, int.from_bytes(tail[:8], "little"))
        total, tail = _turned(total, 27) * first + fourth & _MASK, tail[8:]
    if len(tail) >= 4:
        total ^= int.from_bytes(tail[:4], "little") * first & _MASK
        total, tail = _turned(total, 23) * second + third & _MASK, tail[4:]
    for byte in tail:
        total = _turned(total ^ byte * fifth & _MASK, 11) * first & _MASK
    return total


def _scattered(total: int) -> int:
    total = (total ^ total >> 33) * _PRIMES[1] & _MASK
    total = (total ^ total >> 29) * _PRIMES[2] & _MASK
    return total ^ total >> 32


_ALGORITHMS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "md5": lambda data: hashlib.md5(data, usedforsecurity=False).digest(),
    "sha256": lambda data: hashlib.sha256(data).digest(),
    "xxh64": xxh64,
}


@of_fields("$hash", ("input", "algorithm"), {}, _CODES)
def hashed(value: Any, algorithm: Any) -> bytes | None:
    """Return the hash of a text, as UTF-8, or of binary data; null of null."""
    if value is None or value is MISSING:
        return None
    number = TYPES[type(value)]
    if number not in (STRING, BINARY):
        raise failure(f"$hash requires that 'input' be a string or binData, found: {type_name(value)}", 10754000)
    if type(algorithm) is not str:
        raise failure(f"$hash requires that 'algorithm' be a string, found: {type_name(algorithm)}", 10754001)
    if algorithm not in _ALGORITHMS:
        known = ", ".join(_ALGORITHMS)
        raise failure(f"the algorithms of $hash are {known}{nearest(algorithm, _ALGORITHMS)}", 10754002)
    return _ALGORITHMS[algorithm](value.encode() if number == STRING else binary_content(value)[2])


@of_fields("$hexHash", ("input", "algorithm"), {}, _CODES)
def hexadecimal(value: Any, algorithm: Any) -> str | None:
    """Return the hash as a text of hexadecimal digits."""
    found: bytes | None = hashed(value, algorithm)
    return None if found is None else found.hex().upper()
