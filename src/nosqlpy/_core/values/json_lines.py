"""JSON Lines, a document on each: read about a thousand at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
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
    b"\xff\xfe\0\0": "UTF-32 text; what is imported is UTF-8",
    b"\0\0\xfe\xff": "UTF-32 text; what is imported is UTF-8",
    b"\xff\xfe": "UTF-16 text; what is imported is UTF-8",
    b"\xfe\xff": "UTF-16 text; what is imported is UTF-8",
    b"\x1f\x8b": "compressed with gzip; decompress it first",
    b"\x28\xb5\x2f\xfd": "compressed with zstd; decompress it first",
    b"BZh": "compressed with bzip2; decompress it first",
    b"PK\x03\x04": "a zip archive; unpack it first",
    b"\x89NQD": "a dump of nosqlpy, which is restored, not imported",
}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MARK_SIZE = 4
_MARKS = frozenset(mark[0] for mark in (*_OTHERS, _BYTE_ORDER_MARK))

# an ASCII character in two bytes or four, which text without a mark begins with
_is_wide = re.compile(rb"\0{0,3}[\t\n\r -~]\0").match
_is_wide_big_endian = re.compile(rb"\0{1,3}[\t\n\r -~]").match

_NO_BRACKET = bytes(set(range(256)) - set(b"{[\n"))

_ARRAY = "; if the file is one JSON array, say format='json'"
# what to say of a line that begins so, or is no longer
_ADVICE = {
    b"{": "; JSON Lines has a whole document on each line",
    b"[": _ARRAY,
    **{b"[" + bytes([byte]): _ARRAY for byte in b" {]"},
}

PORTION_SIZE = 256 << 10
"""Bytes of plain lines that are looked at, and written, together."""

GROUP_SIZE = 12 << 10
"""Bytes of plain lines whose documents exist at a time while they are encoded: so few that they stay in the processor's
cache, and that Python's collector of cycles, which counts 700 new containers, seldom has a reason to run."""

# bytes that tell how long lines are
_SAMPLE_SIZE = 8 << 10


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


def is_head(data: bytes) -> bool:
    """Return whether `data` is enough of the beginning of a file to tell what that is."""
    return len(data) >= _MARK_SIZE or (len(data) > 1 and data[0] not in _MARKS and 0 not in data)


def without_mark(head: bytes) -> bytes:
    """Return the beginning of a file without the byte order mark that some programs put before UTF-8.

    Raises:
        QueryError: It is the beginning of something that is no text in UTF-8.
    """
    for magic, what in _OTHERS.items():
        if head.startswith(magic):
            raise QueryError(f"the file is {what}", details={"line": 1, "column": 1})
    if _is_wide(head) or _is_wide_big_endian(head):
        message = "the file is UTF-16 or UTF-32 text; what is imported is UTF-8"
        raise QueryError(message, details={"line": 1, "column": 1})
    return head.removeprefix(_BYTE_ORDER_MARK)


class Plain(msgspec.Struct, frozen=True):
    """Lines and their documents, a few at a time; `headed`: each begins with its ``_id``; `nameless`: none has one."""

    groups: Iterator[tuple[bytes, list[dict[str, Any]]]]
    headed: bool
    nameless: bool


def plain_groups(text: bytes, lines: int) -> Plain | None:
    """Return the documents of so many lines a few at a time; None unless they can hold only what JSON has.

    A line that is no document, or that is nested far too deep, ends it with an error that says
    no more than that, or brings no dict. Whether a line brings several is seen at the end, and
    `may_be_deep` says whether one is nested deeper than a document may be.
    """
    if not text or may_have_types(text):
        return None
    escaped = b"\\" in text
    if escaped and b"\\u0000" in text:  # to look for one byte takes a thirtieth of the time
        return None
    whole = text.endswith(b"}")
    headed = whole and text.startswith(_HEAD) and text.count(b"}\n" + _HEAD) == lines - 1
    regular = headed or (whole and text.startswith(b"{") and text.count(b"}\n{") == lines - 1)
    groups = _decoded(text, _decode_lines if regular else _decode_each)
    return Plain(groups, headed, nameless=not headed and not escaped and b'"_id"' not in text)


def _decoded(
    text: bytes, decode: Callable[[bytes], list[dict[str, Any]]]
) -> Iterator[tuple[bytes, list[dict[str, Any]]]]:
    """Yield the lines of `text` and their documents, as many at a time as have `GROUP_SIZE` bytes.

    `decode` takes several lines. Where all begin with ``{`` and end with ``}`` it may be one call for all: no document
    goes on in the next line then, for inside of one a comma stands between ``}`` and ``{``.
    So if there are as many documents as lines, every line is one.
    """
    for group in _cut(text, GROUP_SIZE):
        yield group, decode(group)


def may_be_deep(lines: bytes, count: int, longest: int) -> bool:
    """Return whether one of `count` documents of some lines may be too deep; encoded, the `longest` has so many bytes.

    Each level takes a byte of these at least, so that small documents are told by that.
    """
    if longest <= DEPTH_MAX:
        return False
    brackets = 2 * len(lines) - len(lines.replace(b"{", b"")) - len(lines.replace(b"[", b""))  # see `_count`
    # each document opens one: what they open besides is all that one of them can have
    return brackets - count >= DEPTH_MAX and _may_be_deep(lines)


def _decode_each(text: bytes) -> list[dict[str, Any]]:
    return list(map(_decode, text.split(b"\n")))


def _count(text: bytes, byte: bytes) -> int:
    """Return how often `byte` stands in `text`; `bytes.count` takes longer, for it compares byte by byte."""
    return len(text) - len(text.replace(byte, b""))


def _cut(text: bytes, size: int) -> Iterator[bytes]:
    """Yield the lines of `text`, as many at a time as have `size` bytes, or one that is longer.

    They are found by their ends: nobody needs a list of them.
    """
    start = 0
    while len(text) - start > size:
        end = text.rfind(b"\n", start, start + size)
        if end < 0:
            end = text.find(b"\n", start + size)
        if end < 0:
            break
        yield text[start:end]
        start = end + 1
    yield text[start:]


def line_portions(text: bytes, lines: int) -> Iterator[tuple[bytes, int]]:
    """Yield the lines of `text`, about `lines` at a time, and how many they are.

    How long lines are is told by the first ones; where that is wrong by more than a half, there are more portions.
    """
    sample = text[:_SAMPLE_SIZE]
    size = min(PORTION_SIZE, lines * len(sample) // (_count(sample, b"\n") + 1))
    for piece in _cut(text, size):
        count = _count(piece, b"\n") + 1
        if count <= 2 * lines:
            yield piece, count
        else:
            short = _cut(piece, lines * len(piece) // count)
            yield from ((portion, _count(portion, b"\n") + 1) for portion in short)


def parse_lines(lines: Sequence[bytes], first: int) -> Batch:
    """Return the documents of `lines`, of which the first has the number `first`, up to one that is none."""
    batch = parse_texts(lines, range(first, first + len(lines)), [1] * len(lines))
    if batch.error is not None and (advice := _ADVICE.get(batch.texts[-1].strip()[:2])) is not None:
        error = batch.error
        batch.error = type(error)(f"{error}{advice}", code=error.code, code_name=error.code_name, details=error.details)
    return batch


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
