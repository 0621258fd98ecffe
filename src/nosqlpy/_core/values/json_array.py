"""JSON arrays of documents, split into their elements as they come, so that none is in memory as a whole."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from nosqlpy._core.values.json_lines import Batch, parse_texts
from nosqlpy.errors import DocumentTooLarge, QueryError

COUNT = 1000
SIZE = 32 << 20

# What opens, closes and separates, and strings, which may contain the same characters; the last may lack its end.
_tokens = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[\]{},]', re.DOTALL)


def array_batches(blocks: Iterable[bytes], size_max: int) -> Iterator[Batch]:
    """Yield the elements of a JSON array as batches; a batch that ends with an error is followed by what comes after.

    Raises:
        QueryError: It is no array, ends inside, or something stands behind it; `details` has the line and column.
        DocumentTooLarge: An element has more than `size_max` bytes.
    """
    reader = _Elements(size_max)
    batch: list[tuple[bytes, int, int]] = []
    size = 0
    for block in blocks:
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
        self._scanned = 0
        self._depth = 0
        self._count = 0
        self._line, self._column = 1, 1
        self._ended = False

    def feed(self, block: bytes) -> Iterator[tuple[bytes, int, int]]:
        """Yield the elements that end in `block`, each with the line and column where it begins."""
        data = self._rest + block
        begin = 0
        for token in _tokens.finditer(data, self._scanned):
            first, at = token[0][:1], token.start()
            if first == b'"':
                if token.end() == len(data):  # its end may be in the next block
                    break
            elif first in b"[{" and self._depth:
                self._depth += 1
            elif first in b"]}" and self._depth > 1:
                self._depth -= 1
            elif self._depth == 1 and first in b",]":
                yield from self._element(data[begin:at], last=first == b"]")
                self._advance(data[at : at + 1])
                begin = at + 1
                self._end_if(first)
            elif self._depth == 0 and not self._ended:
                self._open(data[begin : at + 1])
                begin = at + 1
            self._scanned = token.end()
        self._keep(data, begin)

    def end(self) -> None:
        """Refuse an array that did not end."""
        if not self._ended:
            self._advance(self._rest)
            raise self._wrong("it ends inside the array" if self._depth else "a JSON array begins with [")

    def _open(self, text: bytes) -> None:
        if text.strip() != b"[":
            self._advance(text[: len(text) - len(text.lstrip())])
            raise self._wrong("a JSON array begins with [")
        self._advance(text)
        self._depth = 1

    def _end_if(self, token: bytes) -> None:
        if token == b"]":
            self._depth, self._ended = 0, True

    def _keep(self, data: bytes, begin: int) -> None:
        self._rest = data[begin:]
        self._scanned = max(0, self._scanned - begin)
        if self._ended and self._rest.strip():
            self._advance(self._rest[: len(self._rest) - len(self._rest.lstrip())])
            raise self._wrong("something stands behind the end of the array")
        if len(self._rest) > self._size_max:
            message = f"longer than {self._size_max} bytes, as no document is"
            raise DocumentTooLarge(message, details={"line": self._line, "column": self._column})

    def _element(self, text: bytes, *, last: bool) -> Iterator[tuple[bytes, int, int]]:
        begun = text.lstrip(b" \t\r\n")
        self._advance(text[: len(text) - len(begun)])
        element = begun.rstrip(b" \t\r\n")
        if element:
            yield element, self._line, self._column
        elif not last or self._count:
            raise self._wrong("a document is missing beside a comma")
        self._count += 1
        self._advance(begun)

    def _advance(self, text: bytes) -> None:
        self._line += text.count(b"\n")
        end = text.rfind(b"\n") + 1
        self._column = len(text[end:].decode(errors="replace")) + (1 if end else self._column)

    def _wrong(self, reason: str) -> QueryError:
        place = {"line": self._line, "column": self._column}
        return QueryError(reason, code=9, code_name="FailedToParse", details=place)
