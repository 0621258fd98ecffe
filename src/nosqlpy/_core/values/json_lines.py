"""JSON Lines, a document on each: read a thousand at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from nosqlpy._core.values.extended_json import decode_json, may_have_types
from nosqlpy._core.values.storable import DEPTH_MAX
from nosqlpy.errors import NosqlpyError, QueryError

_decode = msgspec.json.Decoder().decode

# What a file that is no UTF-8 text begins with.
_OTHERS = {
    b"\xff\xfe": "UTF-16 text; JSON Lines is UTF-8",
    b"\xfe\xff": "UTF-16 text; JSON Lines is UTF-8",
    b"\x1f\x8b": "compressed with gzip; decompress it first",
    b"\x28\xb5\x2f\xfd": "compressed with zstd; decompress it first",
    b"BZh": "compressed with bzip2; decompress it first",
    b"PK\x03\x04": "a zip archive; unpack it first",
}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_NO_BRACKET = bytes(set(range(256)) - set(b"{[\n"))


class Batch(msgspec.Struct):
    """The documents of some lines, and the number of each one's line.

    `plain` documents hold what JSON has and nothing else, and are not nested too
    deep to be stored. `error` says why the line behind the last document is none.
    """

    documents: list[dict[str, Any]]
    numbers: Sequence[int]
    plain: bool
    error: NosqlpyError | None = None


def without_mark(head: bytes) -> bytes:
    """Return the beginning of a file without the byte order mark that some programs put before UTF-8.

    Raises:
        QueryError: It is the beginning of something that is no text in UTF-8.
    """
    for magic, what in _OTHERS.items():
        if head.startswith(magic):
            raise QueryError(f"the file is {what}", details={"line": 1, "column": 1})
    return head.removeprefix(_BYTE_ORDER_MARK)


def parse_lines(lines: Sequence[bytes], first: int) -> Batch:
    """Return the documents of `lines`, of which the first has the number `first`, up to one that is none."""
    text = b"\n".join(lines)
    if not may_have_types(text) and not _may_be_deep(text):
        try:
            documents = list(map(_decode, lines))
        except (msgspec.DecodeError, UnicodeDecodeError):
            documents = []  # one line after the other, to find the one
        if set(map(type, documents)) == {dict}:
            return Batch(documents, range(first, first + len(lines)), plain=b"\\u0000" not in text)
    return _parse_each(lines, first)


def _may_be_deep(text: bytes) -> bool:
    """Return whether a line opens more brackets than a document has levels: then their depth must be looked at."""
    return max(map(len, text.translate(None, _NO_BRACKET).split(b"\n"))) > DEPTH_MAX


def _parse_each(lines: Sequence[bytes], first: int) -> Batch:
    batch = Batch([], [], plain=False)
    numbers: list[int] = []
    for number, line in enumerate(lines, first):
        if not line or line.isspace():
            continue
        try:
            batch.documents.append(decode_json(line))
        except NosqlpyError as error:
            error.details = {**error.details, "line": number}
            batch.error = error
            break
        numbers.append(number)
    batch.numbers = numbers
    return batch
