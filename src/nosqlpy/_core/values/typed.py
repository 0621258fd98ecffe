"""Typed documents: to and from msgspec Structs, dataclasses, TypedDicts and pydantic models."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import uuid
from collections.abc import Callable, Mapping
from enum import Enum
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
        self.encode: Callable[[T], Mapping[str, Any]] = encode
        self.decode: Callable[[bytes], T] = decode
        self.convert: Callable[[dict[str, Any]], T] = convert


def itself(document: Any) -> Any:
    """Return a document as it is."""
    return document


PLAIN: TypeCodec[dict[str, Any]] = TypeCodec(itself, decode_document, itself)


def codec_for(kind: Any) -> TypeCodec[Any]:
    """Return the codec of documents of type `kind`; None and dict mean plain dicts.

    Raises:
        ConfigurationError: `kind` is none of Struct, dataclass, TypedDict and pydantic model.
    """
    if kind is None or kind is dict:
        return PLAIN
    if is_typeddict(kind):
        return _msgspec_codec(kind, itself)
    if isinstance(kind, type):
        if issubclass(kind, msgspec.Struct) or dataclasses.is_dataclass(kind):
            return _msgspec_codec(kind, _to_document(kind))
        if hasattr(kind, "model_validate") and hasattr(kind, "model_dump"):
            return _pydantic_codec(kind)
    raise ConfigurationError(
        f"documents cannot have the type {kind!r}; use a msgspec Struct, a dataclass, a TypedDict or a pydantic model"
    )


def _to_document(kind: type) -> Callable[[Any], Mapping[str, Any]]:
    def encode(value: Any) -> Mapping[str, Any]:
        if not isinstance(value, kind):
            raise _wrong_type(kind, value)
        document: dict[str, Any] = _to_builtins(value)
        return _without_null_id(document)

    return encode


def _to_builtins(value: Any) -> Any:
    try:
        return msgspec.to_builtins(value, builtin_types=_VALUES)
    except TypeError:  # a value of a type that msgspec does not know: the document codec may
        return _walk(value)


def _walk(value: Any) -> Any:
    """Return `value` with objects and containers taken apart, and all else as it is."""
    if isinstance(value, msgspec.Struct):
        fields = ((field.encode_name, getattr(value, field.name)) for field in msgspec.structs.fields(value))
        return {name: _walk(item) for name, item in fields if item is not msgspec.UNSET}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        attributes = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
        return {name: _walk(item) for name, item in attributes if item is not msgspec.UNSET}
    if isinstance(value, Enum):
        return value.value
    if type(value) is dict:
        return {name: _walk(item) for name, item in value.items()}
    return [_walk(item) for item in value] if type(value) in (list, tuple, set, frozenset) else value


def _wrong_type(kind: type, value: Any) -> DocumentError:
    return DocumentError(f"this collection holds {kind.__name__}, not {type(value).__name__}")


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
            raise _misfit(kind, document, error) from error

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
            raise _wrong_type(kind, model)
        return _without_null_id(_to_builtins(model.model_dump(by_alias=True)))

    def convert(document: dict[str, Any]) -> Any:
        try:
            return kind.model_validate(document)
        except ValueError as error:
            raise _misfit(kind, document, error) from error

    return TypeCodec(encode, lambda data: convert(decode_document(data)), convert)


def _misfit(kind: Any, document: Mapping[str, Any], error: Exception) -> ValidationError:
    name = kind.__name__
    details: dict[str, Any] = {"type": name}
    if "_id" in document:
        details["_id"] = document["_id"]
    return ValidationError(f"a stored document is no {name}: {_reason(error)}", details=details)


def _reason(error: Any) -> str:
    """Return what is wrong and with which field. Pydantic's own messages may show the value."""
    if not hasattr(error, "errors"):
        return str(error)
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, entry['loc']))}: {entry['type']}" for entry in found)
