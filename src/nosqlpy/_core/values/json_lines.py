"""JSON Lines, a document on each: read a thousand at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from nosqlpy._core.values.extended_json import decode_json, may_have_types
from nosqlpy._core.values.storable import DEPTH_MAX
from nosqlpy.errors import NosqlpyError, QueryError

_decode = msgspec.json.Decoder().decode
_decode_lines = msgspec.json.Decoder().decode_lines
_HEAD = b'{"_id":'

# What a file that is no UTF-8 text begins with.
_OTHERS = {
    b"\xff\xfe": "UTF-16 text; what is imported is UTF-8",
    b"\xfe\xff": "UTF-16 text; what is imported is UTF-8",
    b"\x1f\x8b": "compressed with gzip; decompress it first",
    b"\x28\xb5\x2f\xfd": "compressed with zstd; decompress it first",
    b"BZh": "compressed with bzip2; decompress it first",
    b"PK\x03\x04": "a zip archive; unpack it first",
}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_NO_BRACKET = bytes(set(range(256)) - set(b"{[\n"))

GROUP = 100
"""Documents that exist at a time while plain lines are encoded: so few that they stay in the processor's cache, and
that Python's collector of cycles, which counts 700 new containers, has no reason to run."""


class Batch(msgspec.Struct):
    """The documents of some lines, and the number of each one's line.

    `plain` documents hold what JSON has and nothing else, and are not nested too
    deep to be stored. `error` says why the line behind the last document is none.
    `texts` are what the documents were read from, and behind them that of which none was.
    """

    documents: list[dict[str, Any]]
    numbers: Sequence[int]
    plain: bool
    texts: Sequence[bytes]
    error: NosqlpyError | None = None

    @property
    def last(self) -> int:
        """The number of the last document's line; 0 if there is none."""
        return self.numbers[-1] if self.numbers else 0

    def part(self, start: int, size: int) -> Batch:
        """Return `size` documents from the one at `start` on; with the error, if it comes after the last of them."""
        end = start + size
        error = self.error if end >= len(self.documents) else None
        return Batch(self.documents[start:end], self.numbers[start:end], self.plain, self.texts[start:end], error)


def without_mark(head: bytes) -> bytes:
    """Return the beginning of a file without the byte order mark that some programs put before UTF-8.

    Raises:
        QueryError: It is the beginning of something that is no text in UTF-8.
    """
    for magic, what in _OTHERS.items():
        if head.startswith(magic):
            raise QueryError(f"the file is {what}", details={"line": 1, "column": 1})
    return head.removeprefix(_BYTE_ORDER_MARK)


class Plain(msgspec.Struct):
    """Documents, a few at a time; `headed`: each begins with its ``_id``."""

    groups: Iterator[list[dict[str, Any]]]
    headed: bool


def plain_groups(lines: Sequence[bytes]) -> Plain | None:
    """Return the documents of `lines` a few at a time; None unless they can hold only what JSON has, and not deep.

    A line that is no document ends it with an error, as `parse_lines` would describe it, or brings no dict.
    """
    text = b"\n".join(lines)
    if not text or may_have_types(text) or any(map(_may_be_deep, _long(lines))):
        return None
    if b"\\" in text and b"\\u0000" in text:  # to look for one byte takes a thirtieth of the time
        return None
    if text.startswith(_HEAD) and text.endswith(b"}") and text.count(b"}\n" + _HEAD) == len(lines) - 1:
        return Plain(_headed_groups(lines), headed=True)
    groups = (list(map(_decode, lines[start : start + GROUP])) for start in range(0, len(lines), GROUP))
    return Plain(groups, headed=False)


def _headed_groups(lines: Sequence[bytes]) -> Iterator[list[dict[str, Any]]]:
    """Yield the documents of lines that all begin with `_HEAD` and end with a brace, decoded by one call for a group.

    No document goes on in the next line then, for inside of one a comma stands between ``}`` and ``{``; so where the
    numbers are equal, every line is one document.
    """
    for start in range(0, len(lines), GROUP):
        group = lines[start : start + GROUP]
        documents = _decode_lines(b"\n".join(group))
        if len(documents) != len(group):
            raise msgspec.DecodeError("a line holds several documents")
        yield documents


def _long(lines: Sequence[bytes]) -> Iterable[bytes]:
    """Return those of `lines` that have room for more levels than a document may have."""
    return [line for line in lines if len(line) > 2 * DEPTH_MAX] if max(map(len, lines)) > 2 * DEPTH_MAX else ()


def parse_lines(lines: Sequence[bytes], first: int) -> Batch:
    """Return the documents of `lines`, of which the first has the number `first`, up to one that is none."""
    return parse_texts(lines, range(first, first + len(lines)), [1] * len(lines))


def parse_texts(texts: Sequence[bytes], numbers: Sequence[int], columns: Sequence[int]) -> Batch:
    """Return the documents of JSON `texts`, which begin in the lines `numbers` at `columns`, up to one that is none."""
    text = b"\n".join(texts)
    if not may_have_types(text) and not _may_be_deep(text):
        try:
            documents = list(map(_decode, texts))
        except (msgspec.DecodeError, UnicodeDecodeError):
            documents = []  # one text after the other, to find the one
        if set(map(type, documents)) == {dict}:
            return Batch(documents, numbers, plain=b"\\u0000" not in text, texts=texts)
    return _parse_each(texts, numbers, columns)


def _may_be_deep(text: bytes) -> bool:
    """Return whether a line opens more brackets than a document has levels: then their depth must be looked at."""
    return max(map(len, text.translate(None, _NO_BRACKET).split(b"\n"))) > DEPTH_MAX


def _parse_each(texts: Sequence[bytes], places: Sequence[int], columns: Sequence[int]) -> Batch:
    documents: list[dict[str, Any]] = []
    numbers: list[int] = []
    used: list[bytes] = []
    for text, number, column in zip(texts, places, columns, strict=True):
        if not text or text.isspace():
            continue
        used.append(text)
        try:
            documents.append(decode_json(text))
        except NosqlpyError as error:
            error.details = {**error.details, **_place(error, number, column)}
            return Batch(documents, numbers, plain=False, texts=used, error=error)
        numbers.append(number)
    return Batch(documents, numbers, plain=False, texts=used)


def _place(error: NosqlpyError, number: int, column: int) -> dict[str, int]:
    """Return where an error is in the file, whose text begins in line `number` at `column`."""
    line, within = error.details.get("line", 1), error.details.get("column", 1)
    return {"line": number + line - 1, "column": within + column - 1 if line == 1 else within}
