"""Splices: one top-level field of an encoded document, changed where it lies, with nothing else decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from nosqlpy._core.values.check import is_plain_field, is_struct_field
from nosqlpy._core.values.codec import encode_plain, encode_value
from nosqlpy._core.values.extensions import unpack
from nosqlpy._core.values.types import MISSING
from nosqlpy.errors import DocumentError

_decode: Callable[[bytes], Any] = msgspec.msgpack.Decoder(ext_hook=unpack).decode


class Field:
    """The top-level field of one name in encoded documents; made by `field_of`. May be shared by threads."""

    __slots__ = ("_key", "_name", "_read")

    def __init__(self, name: str) -> None:
        self._name = name
        self._key = encode_value(name)
        raw: Any = msgspec.field(name=name, default=None)
        part = msgspec.defstruct("Part", [("raw", msgspec.Raw, raw)], gc=False)
        self._read: Callable[[bytes], Any] = msgspec.msgpack.Decoder(part).decode

    def changed(self, data: bytes, runs: Iterable[Callable[[dict[str, Any]], None]]) -> bytes | None:
        """Return an encoded document as it is after `runs`, which alter a document of this field alone.

        None where that takes a look at the whole document: it has no such field, or loses it; the bytes of the
        field are in there twice, maybe inside a text; or the new value is not seen to be storable at a glance.
        """
        raw = self._read(data).raw
        if raw is None:
            return None
        name, key = self._name, self._key
        held = key + raw
        start = data.find(held)
        if data.rfind(held) != start:  # from both ends: occurrences may overlap
            return None
        field = {name: _decode(raw)}
        for run in runs:
            run(field)
        value = field.get(name, MISSING)
        encoded = encode_plain(value) if is_plain_field(name, value) else None
        if encoded is None:
            return None
        return b"".join((data[: start + len(key)], encoded, data[start + len(held) :]))


def field_of(name: str) -> Field | None:
    """Return the field of this name, None if no field of a struct can have that, or no field at all."""
    try:
        return Field(name) if is_struct_field(name) else None
    except DocumentError:
        return None
