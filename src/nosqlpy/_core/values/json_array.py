"""JSON arrays of documents, split into their elements as they come, so that none is in memory as a whole."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator
from itertools import chain

from nosqlpy._core.values.json_lines import Batch, parse_texts
from nosqlpy.errors import DocumentTooLarge, QueryError

COUNT = 1000
SIZE = 32 << 20

# A group that may fail behind its beginning is never repeated possessively: Python before 3.11.5 gets that wrong
# (gh-106052). It is repeated so often at most, since each time takes memory.
_TIMES = rb"{0,500}"
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
# What comes before the next bracket, inside of an element; and before the next bracket or comma, between elements.
# A string that lacks its end, for that is in the next block, ends them too.
_FLAT = rb'[^"\[\]{}]*+(?:%s[^"\[\]{}]*+)%s' % (_STRING, _TIMES)
_inside = re.compile(_FLAT, re.DOTALL).match
_between = re.compile(rb'[^"\[\]{},]*+(?:%s[^"\[\]{},]*+)%s' % (_STRING, _TIMES), re.DOTALL).match
_NESTED = rb"%s(?:(?:\[%s\]|\{%s\})%s)%s" % (_FLAT, _FLAT, _FLAT, _FLAT, _TIMES)
# An element that is nested no deeper than most are, with the comma behind it: it is found at once.
_shallow = re.compile(
    rb"[ \t\r\n]*+(\{%s(?:(?:\[%s\]|\{%s\})%s)%s\})[ \t\r\n]*+," % (_FLAT, _NESTED, _NESTED, _FLAT, _TIMES), re.DOTALL
).match
_CLOSING = {b"[": b"]", b"{": b"}"}
_SPACE = b" \t\r\n"


def array_batches(blocks: Iterable[bytes], size_max: int) -> Iterator[Batch]:
    """Yield the elements of a JSON array as batches; a batch that ends with an error is followed by what comes after.

    Raises:
        QueryError: It is no array, ends inside, or something stands behind it; `details` has the line and column.
        DocumentTooLarge: An element has more than `size_max` bytes.
    """
    reader = _Elements(size_max)
    batch: list[tuple[bytes, int, int]] = []
    size = 0
    for block in chain(blocks, [b""]):
        for element in reader.feed(block):
            batch.append(element)
            size += len(element[0])
            if len(batch) == COUNT or size > SIZE:
                yield from _parsed(batch)
                batch, size = [], 0
    yield from _parsed(batch)
    reader.end()


def _parsed(elements: list[tuple[bytes, int, int]]) -> Iterator[Batch]:
    start = 0
    while True:
        texts = [text for text, _, _ in elements[start:]]
        batch = parse_texts(texts, [line for _, line, _ in elements[start:]], [at for _, _, at in elements[start:]])
        yield batch
        if batch.error is None:
            return
        start += len(batch.texts)


class _Elements:
    """Splits an array; knows the line and column, in characters, of what it has not given out yet."""

    def __init__(self, size_max: int) -> None:
        self._size_max = size_max
        self._rest = b""
        self._new: list[bytes] = []
        self._new_size = 0
        self._scanned = 0
        self._closing: list[bytes] = []
        self._misfit: int | None = None
        self._count = 0
        self._line, self._column = 1, 1
        self._ended = False

    def feed(self, block: bytes) -> Iterator[tuple[bytes, int, int]]:
        """Yield the elements that are complete with `block`, each with the line and column where it begins.

        An empty block is the last one. Others may be kept until there are more, so that
        a long element is not looked at over and over.
        """
        self._new.append(block)
        self._new_size += len(block)
        if not block or self._new_size > len(self._rest) // 4:
            data = b"".join((self._rest, *self._new))
            self._new, self._new_size = [], 0
            if not self._closing and not self._ended:
                data = self._opened(data)
            self._keep(data, (yield from self._split(data)))

    def end(self) -> None:
        """Refuse an array that did not end."""
        if not self._ended:
            opened = bool(self._closing)
            self._advance(self._rest if self._misfit is None else self._rest[: self._misfit])
            if self._misfit is not None:
                raise self._wrong("a bracket that does not fit the one that was opened")
            raise self._wrong("it ends inside the array" if opened else "a JSON array begins with [")

    def _opened(self, data: bytes) -> bytes:
        """Return what stands behind the bracket that begins the array."""
        head = data.lstrip(_SPACE)
        if not head:
            return data
        self._advance(data[: len(data) - len(head)])
        if head[:1] != b"[":
            raise self._wrong("a JSON array begins with [")
        self._advance(b"[")
        self._closing.append(b"]")
        return head[1:]

    def _split(self, data: bytes) -> Generator[tuple[bytes, int, int], None, int]:
        """Yield the elements in `data`; return where the one begins that is not complete."""
        closing, at, begin = self._closing, self._scanned, 0
        while closing:
            if at == begin and (whole := _shallow(data, at)) is not None:
                yield self._whole(whole)
                begin = at = whole.end()
                continue
            found = (_inside if len(closing) > 1 else _between)(data, at)
            assert found is not None, "it may be empty"
            token = data[found.end() : found.end() + 1]
            if token == b'"' and found.end() > at:
                at = found.end()  # behind so many strings that others may follow
                continue
            at = found.end()
            if not token or token == b'"':
                break
            if token in _CLOSING:
                closing.append(_CLOSING[token])
            elif len(closing) > 1:
                if token != closing.pop() and self._misfit is None:
                    self._misfit = at - begin
            elif token == b"}":
                self._misfit = at - begin if self._misfit is None else self._misfit
            else:
                yield from self._element(data[begin : at + 1])
                self._misfit = None
                begin = at + 1
                if token == b"]":
                    closing.pop()
                    self._ended = True
            at += 1
        self._scanned = at - begin
        return begin

    def _keep(self, data: bytes, begin: int) -> None:
        self._rest = data[begin:]
        if self._ended and (behind := self._rest.lstrip(_SPACE)):
            self._advance(self._rest[: len(self._rest) - len(behind)])
            raise self._wrong("something stands behind the end of the array")
        if len(self._rest) > self._size_max:
            message = f"longer than {self._size_max} bytes, as no document is"
            raise DocumentTooLarge(message, details={"line": self._line, "column": self._column})

    def _whole(self, found: re.Match[bytes]) -> tuple[bytes, int, int]:
        """Return the element that was found, and go behind its comma."""
        if found.start(1) != found.start():
            self._advance(found.string[found.start() : found.start(1)])
        element = found[1], self._line, self._column
        self._count += 1
        self._advance(found.string[found.start(1) : found.end()])
        return element

    def _element(self, text: bytes) -> Iterator[tuple[bytes, int, int]]:
        """Yield the element of `text`, which ends with the comma or the bracket behind it."""
        begun = text.lstrip(_SPACE)
        if len(begun) != len(text):
            self._advance(text[: len(text) - len(begun)])
        element = begun[:-1].rstrip(_SPACE)
        if element:
            yield element, self._line, self._column
        elif text[-1:] == b"," or self._count:
            raise self._wrong("a document is missing beside a comma")
        self._count += 1
        self._advance(begun)

    def _advance(self, text: bytes) -> None:
        end = text.rfind(b"\n") + 1
        if end:
            self._line += text.count(b"\n")
            self._column = 1
            text = text[end:]
        self._column += len(text) if text.isascii() else len(text.decode(errors="replace"))

    def _wrong(self, reason: str) -> QueryError:
        place = {"line": self._line, "column": self._column}
        return QueryError(reason, code=9, code_name="FailedToParse", details=place)
