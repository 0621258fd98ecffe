"""Typed documents: to and from msgspec Structs, dataclasses, TypedDicts and pydantic models."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, is_typeddict

import msgspec

from nosqlpy._core.values.codec import decode_document, partial_decoder
from nosqlpy.errors import ConfigurationError, DocumentError, ValidationError

T = TypeVar("T")

# left as they are for the document codec, which stores or refuses them by name
_VALUES = (
    bytes,
    bytearray,
    memoryview,
    datetime.datetime,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    uuid.UUID,
    decimal.Decimal,
)


class TypeCodec(Generic[T]):
    """How documents of one type go in and come out: `encode`, `decode` from stored bytes, `convert` from a dict."""

    __slots__ = ("convert", "decode", "encode")

    def __init__(
        self,
        encode: Callable[[T], Mapping[str, Any]],
        decode: Callable[[bytes], T],
        convert: Callable[[dict[str, Any]], T],
    ) -> None:
        self.encode = encode
        self.decode = decode
        self.convert = convert


def _same(document: Any) -> Any:
    return document


PLAIN: TypeCodec[dict[str, Any]] = TypeCodec(_same, decode_document, _same)


def codec_for(kind: Any) -> TypeCodec[Any]:
    """Return the codec of documents of type `kind`; None and dict mean plain dicts.

    Raises:
        ConfigurationError: `kind` is none of Struct, dataclass, TypedDict and pydantic model.
    """
    if kind is None or kind is dict:
        return PLAIN
    if is_typeddict(kind):
        return _msgspec_codec(kind, _same)
    if isinstance(kind, type):
        if issubclass(kind, msgspec.Struct) or dataclasses.is_dataclass(kind):
            return _msgspec_codec(kind, _to_document)
        if hasattr(kind, "model_validate") and hasattr(kind, "model_dump"):
            return _pydantic_codec(kind)
    raise ConfigurationError(
        f"documents cannot have the type {kind!r}; use a msgspec Struct, a dataclass, a TypedDict or a pydantic model"
    )


def _to_document(value: Any) -> Mapping[str, Any]:
    try:
        document = msgspec.to_builtins(value, builtin_types=_VALUES)
    except TypeError as error:
        raise DocumentError(f"a {type(value).__name__} cannot be stored: {error}") from error
    if not isinstance(document, dict):
        raise DocumentError(f"a document is an object with fields, not {type(value).__name__}")
    return _without_null_id(document)


def _without_null_id(document: dict[str, Any]) -> dict[str, Any]:
    """A typed document whose ``_id`` is still None gets a new one, like a dict that has none."""
    if "_id" in document and document["_id"] is None:
        del document["_id"]
    return document


def _msgspec_codec(kind: Any, encode: Callable[[Any], Mapping[str, Any]]) -> TypeCodec[Any]:
    direct = partial_decoder(kind)

    def convert(document: dict[str, Any]) -> Any:
        try:
            return msgspec.convert(document, kind, builtin_types=_VALUES)
        except msgspec.ValidationError as error:
            raise _misfit(kind, error) from error

    def decode(data: bytes) -> Any:
        try:
            return direct(data)
        except msgspec.ValidationError:
            # a field stored as an extension (UUID, Decimal, …) fits only once it is decoded
            return convert(decode_document(data))

    return TypeCodec(encode, decode, convert)


def _pydantic_codec(kind: Any) -> TypeCodec[Any]:
    def encode(model: Any) -> Mapping[str, Any]:
        if not isinstance(model, kind):
            raise DocumentError(f"this collection holds {kind.__name__}, not {type(model).__name__}")
        return _without_null_id(model.model_dump(by_alias=True))

    def convert(document: dict[str, Any]) -> Any:
        try:
            return kind.model_validate(document)
        except ValueError as error:
            raise _misfit(kind, error) from error

    return TypeCodec(encode, lambda data: convert(decode_document(data)), convert)


def _misfit(kind: Any, error: Exception) -> ValidationError:
    # the reason says which field, and of pydantic's also its value, which a message must not show
    reason = str(error) if isinstance(error, msgspec.ValidationError) else f"{error.__class__.__name__} of pydantic"
    return ValidationError(f"a stored document is no {kind.__name__}: {reason}", details={"type": kind.__name__})
