"""BSON, documents back to back, as mongodump writes them: read a thousand at a time, and written.

Manual: bsonspec.org/spec.html and database-tools/mongodump. bson itself, a part of pymongo, reads and writes a
document; what is around it is here. Of the types that BSON no longer has, undefined is read as null, a symbol as a
text and a DBPointer as a DBRef.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import cache
from importlib import import_module
from typing import Any

from nosqlpy._core.values.json_lines import Batch
from nosqlpy.errors import NosqlpyError, NotSupportedError, QueryError

COUNT, SIZE = 1000, 8 << 20
SIZE_MAX = (16 << 20) + (16 << 10)
"""Bytes that a document may have: 16 MiB, and the 16 KiB more that a server allows for its own use."""

ARCHIVE = b"\x6d\xe2\x99\x81"
GZIP = b"\x1f\x8b\x08"
_SIZE = struct.Struct("<i")
_SIZE_MIN = 5


def bson_batches(blocks: Iterable[bytes]) -> Iterator[Batch]:
    """Yield the documents as batches, each numbered by the byte where it begins.

    A batch that ends with an error is followed by what comes after that document.

    Raises:
        NotSupportedError: It is an archive of mongodump; or pymongo is not installed.
        QueryError: It is damaged where one document ends and the next begins; `details` has the ``offset``.
    """
    decode = _codec()[0]
    texts: list[bytes] = []
    size, begun = 0, 0
    damage: NosqlpyError | None = None
    try:
        for offset, text in _framed(blocks):
            if len(texts) == COUNT or size > SIZE:
                yield from _decoded(texts, begun, decode)
                texts, size, begun = [], 0, offset
            texts.append(text)
            size += len(text)
    except NosqlpyError as error:  # of the file; that of a document is in its batch
        damage = error
    yield from _decoded(texts, begun, decode)
    if damage is not None:
        raise damage


def _framed(blocks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield each document's offset and bytes; damage is raised once all before it were taken."""
    data, offset = b"", 0
    for block in blocks:
        data += block
        if not offset and data[:4] == ARCHIVE:
            raise NotSupportedError("an archive of mongodump is not supported: dump without --archive, to a directory")
        at = 0
        while len(data) - at >= _SIZE.size:
            (length,) = _SIZE.unpack_from(data, at)
            if not _SIZE_MIN <= length <= SIZE_MAX:
                raise _unframed(data, offset, at, f"a document cannot have {length} bytes")
            if len(data) - at < length:
                break
            if data[at + length - 1]:
                reason = f"no document ends after the {length} bytes that this one should have"
                raise _unframed(data, offset, at, reason)
            yield offset + at, data[at : at + length]
            at += length
        data, offset = data[at:], offset + at
    if data:
        raise _unframed(data, offset, 0, "the file ends inside a document")


def _unframed(data: bytes, offset: int, at: int, reason: str) -> QueryError:
    """Return the error that says what is wrong at a place of `data`, which begins at `offset` of the file."""
    if not offset + at and data.startswith(GZIP):
        reason = "the file is compressed with gzip: say format='bson.gz'"
    return _damaged(offset + at, reason)


def _decoded(texts: list[bytes], offset: int, decode: Callable[[bytes], dict[str, Any]]) -> Iterator[Batch]:
    start = 0
    while True:
        documents: list[dict[str, Any]] = []
        numbers: list[int] = []
        error: NosqlpyError | None = None
        for text in texts[start:]:
            try:
                documents.append(decode(text))
            except _errors() as problem:
                error = _damaged(offset, f"no document: {problem}")
                break
            numbers.append(offset)
            offset += len(text)
        used = texts[start : start + len(documents) + (error is not None)]
        yield Batch(documents, numbers, plain=False, texts=used, error=error)
        if error is None:
            return
        offset += len(used[-1])
        start += len(used)


def _damaged(offset: int, reason: str) -> QueryError:
    return QueryError(reason, code=22, code_name="InvalidBSON", details={"line": offset})


def encode_bson(document: dict[str, Any]) -> bytes:
    """Return `document` as BSON; of dates the milliseconds, for BSON has no more.

    Raises:
        NotSupportedError: pymongo is not installed.
    """
    encoded: bytes = _codec()[1](document)
    return encoded


@cache
def _codec() -> tuple[Callable[[bytes], dict[str, Any]], Callable[[dict[str, Any]], bytes]]:
    """Return the functions that decode and encode a document."""
    try:
        bson, options, binary = map(import_module, ("bson", "bson.codec_options", "bson.binary"))
        decimal128 = import_module("bson.decimal128")
    except ImportError:
        raise NotSupportedError('BSON needs pymongo: pip install "nosqlpy[mongodb]"') from None

    class Decimals(options.TypeEncoder):  # type: ignore[misc,name-defined]
        python_type = Decimal

        def transform_python(self, value: Decimal) -> Any:
            return decimal128.Decimal128(value)

    chosen = options.CodecOptions(
        tz_aware=True,
        uuid_representation=binary.UuidRepresentation.STANDARD,
        datetime_conversion=options.DatetimeConversion.DATETIME_AUTO,
        type_registry=options.TypeRegistry([Decimals()]),
    )
    return (
        lambda data: bson.decode(data, codec_options=chosen),
        lambda document: bson.encode(document, codec_options=chosen),
    )


@cache
def _errors() -> tuple[type[Exception], ...]:
    """Return what bson raises for bytes that are no document."""
    return (import_module("bson.errors").InvalidBSON, RecursionError, OverflowError, ValueError)
