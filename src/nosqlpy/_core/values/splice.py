"""Splices: one top-level field of an encoded document, changed where it lies, with nothing else decoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from nosqlpy._core.values.check import is_plain_field, is_struct_field
from nosqlpy._core.values.codec import SIZE_MAX, encode_plain, encode_value
from nosqlpy._core.values.extensions import unpack
from nosqlpy.errors import DocumentError

_decode: Callable[[bytes], Any] = msgspec.msgpack.Decoder(ext_hook=unpack).decode
_encode_int: Callable[[int], bytes] = msgspec.msgpack.Encoder().encode


class Field:
    """The top-level field of one name in encoded documents; made by `field_of`. May be shared by threads."""

    __slots__ = ("_key", "_name", "_read")

    def __init__(self, name: str) -> None:
        self._name = name
        self._key = encode_value(name)
        raw: Any = msgspec.field(name=name, default=None)
        part = msgspec.defstruct("Part", [("raw", msgspec.Raw, raw)], gc=False)
        self._read: Callable[[bytes], Any] = msgspec.msgpack.Decoder(part).decode

    def changed(
        self, data: bytes, change: Callable[[Any], Any], step: int | None = None, size_max: int = SIZE_MAX
    ) -> bytes | None:
        """Return an encoded document in which this field has what `change` makes of its value, which it may alter.

        To an int it may add a `step`: that is seen to here. None where it takes a look at the whole document: it
        has no such field; the bytes of the field are in there twice, maybe inside a text; the new value is
        not seen to be storable at a glance; or the document would have more than `size_max` bytes.
        """
        raw = self._read(data).raw
        if raw is None:
            return None
        key = self._key
        held = key + raw
        before, _, behind = data.partition(held)
        if data.rfind(held) != len(before):  # from both ends: occurrences may overlap
            return None
        value = _decode(raw)
        value = value + step if step is not None and type(value) is int else change(value)
        if type(value) is int and -(2**63) <= value < 2**63:
            encoded: bytes | None = _encode_int(value)
        else:
            encoded = encode_plain(value) if is_plain_field(self._name, value) else None
        if encoded is None:
            return None
        changed = b"".join((before, key, encoded, behind))
        return changed if len(changed) <= size_max else None


def field_of(name: str) -> Field | None:
    """Return the field of this name, None if no field of a struct can have that, or no field at all."""
    try:
        return Field(name) if is_struct_field(name) else None
    except DocumentError:
        return None
