"""The document codec: documents and single values to MessagePack and back, every type kept.

Only what `nosqlpy._core.values.storable` allows is ever written; plain
documents, nearly all, are proved to be so by `nosqlpy._core.values.check` first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any, Final, TypedDict, TypeVar

import msgspec

from nosqlpy._core.values.check import (
    are_plain,
    has_wide_int,
    is_plain,
    is_plain_field,
    is_plain_scalar,
    is_plain_value,
)
from nosqlpy._core.values.extensions import Unstorable, inspect, pack_atom, unpack
from nosqlpy._core.values.identity import check_id, with_id, with_ids
from nosqlpy._core.values.kept import kept
from nosqlpy._core.values.storable import storable
from nosqlpy.errors import DocumentError, DocumentTooLarge

__all__ = [
    "SIZE_MAX",
    "check_id",
    "copy_value",
    "decode_document",
    "decode_fields",
    "decode_id",
    "decode_value",
    "encode_document",
    "encode_documents",
    "encode_fields",
    "encode_plain",
    "encode_value",
    "fields_decoder",
    "inspect_document",
    "inspect_value",
    "partial_decoder",
    "partial_inspector",
    "with_id",
    "with_ids",
    "without_room",
]

SIZE_MAX = 16 * 1024 * 1024
"""Bytes that an encoded document may have, as in MongoDB."""

PARTLY_MAX = 64
"""Fields beyond which all of a document is decoded: each name in it is looked for among them, one after the other."""

_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1

T = TypeVar("T")

_encode = msgspec.msgpack.Encoder(enc_hook=pack_atom).encode
# makes a copy that has just the room it needs: a third of the time of `bytes(memoryview(data))`
_join = b"".join
_NOTHING: Final = repeat(b"")
_decode = msgspec.msgpack.Decoder(ext_hook=unpack).decode
_inspect = msgspec.msgpack.Decoder(ext_hook=inspect).decode
_decode_fields = msgspec.msgpack.Decoder(dict[str, msgspec.Raw]).decode

# MessagePack's mark of an unsigned 64-bit integer, before one that no signed one can hold; it may be part of a text.
_past_int64 = re.compile(rb"\xcf[\x80-\xff]").search

# What the encoder raises for values that the proof lets pass: an int past 64 bits, a lone surrogate, a wide Int64.
_UNENCODABLE = (OverflowError, UnicodeEncodeError, Unstorable)


class _Identified(msgspec.Struct, gc=False):
    """The part of a document that `decode_id` reads."""

    id: Any = msgspec.field(name="_id", default=msgspec.UNSET)


_decode_identified = msgspec.msgpack.Decoder(_Identified, ext_hook=inspect).decode


def encode_document(document: Mapping[str, Any], *, size_max: int = SIZE_MAX) -> bytes:
    """Return `document` as MessagePack; the argument is not changed.

    Raises:
        DocumentError: It holds a value that cannot be stored; the message has the path.
        DocumentTooLarge: It would have more than `size_max` bytes.
    """
    data = encode_plain(document) if type(document) is dict and is_plain(document) else None
    if data is None:
        data = _encode_odd(document)
    if len(data) > size_max:
        raise _too_large(len(data), size_max)
    return _join((data, b""))  # a copy: see `without_room`


def encode_documents(documents: Sequence[Mapping[str, Any]], *, size_max: int = SIZE_MAX) -> list[bytes]:
    """Return every document as `encode_document` does, in less time for each.

    Raises:
        DocumentError: One holds a value that cannot be stored; `details` has its position as ``index``.
        DocumentTooLarge: One would have more than `size_max` bytes; likewise.
    """
    if set(map(type, documents)) == {dict} and are_plain(documents):  # type: ignore[arg-type]  # they are dicts
        encoded = _encode_all_plain(documents)
        if encoded is not None and max(map(len, encoded)) <= size_max:
            return encoded
    encoded = []
    for document in documents:
        try:
            encoded.append(encode_document(document, size_max=size_max))
        except DocumentError as error:
            error.details = {**error.details, "index": len(encoded)}
            raise
    return encoded


def without_room(blobs: Iterable[bytes]) -> list[bytes]:
    """Return copies of what the encoder gives, which has room behind it that nobody else can use.

    Of documents of 700 bytes, that room was 400 bytes for each.
    """
    return list(map(_join, zip(blobs, _NOTHING, strict=False)))


def encode_value(value: Any) -> bytes:
    """Return one value as MessagePack: an ``_id`` or a key of an index, all types kept.

    Raises:
        DocumentError: It cannot be stored.
    """
    if type(value) is int and _INT64_MIN <= value <= _INT64_MAX:
        return _encode(value)
    if type(value) is str:
        try:
            return _encode(value)
        except UnicodeEncodeError:
            return _encode(storable(value))
    if type(value) is not int and is_plain_value(value):
        data = encode_plain(value)
        if data is not None:
            return data
    return _encode(storable(value))


def copy_value(value: Any, name: str = "") -> Any:
    """Return `value` as it would be read back after it was stored; a caller's containers are copied.

    `name` is the path of the value, for the message.

    Raises:
        DocumentError: It cannot be stored.
    """
    return value if is_plain_scalar(value) else _decode(_encode(storable(value, name)))


# no function of Python's around it: that would be 4 % of a document
decode_document: Final[Callable[[bytes], dict[str, Any]]] = _decode
"""Returns the document that `encode_document` wrote, all new objects.

Raises:
    NotSupportedError: It has a value of a bson type, and pymongo is not installed.
"""


def decode_fields(data: bytes) -> dict[str, Any]:
    """Return the fields of an encoded document with their values still encoded: `decode_value` decodes one."""
    return _decode_fields(data)


def encode_fields(fields: dict[str, Any], changed: Iterable[str], *, size_max: int = SIZE_MAX) -> bytes | None:
    """Return the document of `fields` encoded: those `changed` are values now, the others as `decode_fields` gave them.

    None where it cannot be stored, or is too large; `encode_document` says what is wrong with it.
    """
    for name in changed:
        if name in fields and not is_plain_field(name, fields[name]):
            fields.update(storable({name: fields[name]}))
    data = encode_plain(fields)
    return None if data is None or len(data) > size_max else _join((data, b""))


def encode_plain(document: Any) -> bytes | None:
    """Return a value that was proved to be plain, encoded, or None if only the walk can say what is wrong with it."""
    try:
        data = _encode(document)
    except _UNENCODABLE:
        return None
    return None if 0xCF in data and _past_int64(data) and has_wide_int(document) else data


def decode_value(data: bytes) -> Any:
    """Return the value that `encode_value` wrote."""
    return _decode(data)


@kept(512)
def fields_decoder(names: frozenset[str]) -> Callable[[bytes], dict[str, Any]]:
    """Return the decoder of the top-level fields called so, and no others, in the order of the document; cached.

    It is ten times as fast as decoding all of a document of 500 bytes.
    """
    if len(names) > PARTLY_MAX:
        return lambda data: {name: value for name, value in _decode(data).items() if name in names}
    partly: Any = TypedDict("partly", dict.fromkeys(sorted(names), Any), total=False)  # type: ignore[misc]  # at run time
    decoder: msgspec.msgpack.Decoder[dict[str, Any]] = msgspec.msgpack.Decoder(partly, ext_hook=unpack)
    return decoder.decode


def inspect_document(data: bytes) -> dict[str, Any]:
    """Return the document, for what is no user's: without pymongo, values of bson types are stand-ins."""
    document: dict[str, Any] = _inspect(data)
    return document


def inspect_value(data: bytes) -> Any:
    """Return the value that `encode_value` wrote, likewise."""
    return _inspect(data)


def decode_id(data: bytes) -> Any:
    """Return the ``_id`` of an encoded document without the rest of it, as `inspect_value` does."""
    return _decode_identified(data).id


def partial_decoder(struct_type: type[T]) -> Callable[[bytes], T]:
    """Return a decoder of encoded documents that reads the fields of a `msgspec.Struct` type only."""
    return msgspec.msgpack.Decoder(struct_type, ext_hook=unpack).decode


def partial_inspector(struct_type: type[T]) -> Callable[[bytes], T]:
    """Return such a decoder for what is no user's, as `inspect_document`."""
    return msgspec.msgpack.Decoder(struct_type, ext_hook=inspect).decode


def _encode_all_plain(documents: Sequence[Mapping[str, Any]]) -> list[bytes] | None:
    """Return them encoded, or None."""
    try:
        return without_room(map(_encode, documents))
    except _UNENCODABLE:
        return None


def _encode_odd(document: Any) -> bytes:
    if not isinstance(document, Mapping):
        raise DocumentError(f"a document is a mapping with str keys, not {type(document).__name__}")
    return _encode(storable(document))


def _too_large(size: int, size_max: int) -> DocumentTooLarge:
    return DocumentTooLarge(f"the document has {size} bytes encoded, the limit is {size_max}")
