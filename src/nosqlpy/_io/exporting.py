"""Export of JSON Lines, JSON arrays, CSV, TSV and BSON: files, and streams of bytes."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeAlias, TypeVar

import msgspec

from nosqlpy._core.engine import reads
from nosqlpy._core.engine.execution import Query, Request
from nosqlpy._core.engine.flags import Progress, told
from nosqlpy._core.engine.reads import decoder
from nosqlpy._core.values.bson_file import encode_bson
from nosqlpy._core.values.extended_json import encode_json
from nosqlpy._core.values.flat import columns_of, encode_row, flatten
from nosqlpy._io.building import refuse_inside
from nosqlpy._io.database import Database
from nosqlpy._io.formats import BSON, DELIMITERS, format_of
from nosqlpy._io.places import Place, check_place, write_to
from nosqlpy.aliases import Document
from nosqlpy.errors import ConfigurationError, DocumentError

R = TypeVar("R")

Steps: TypeAlias = Iterator[list[Document]]


def export_file(
    database: Database,
    watch: Callable[[], None],
    name: str,
    target: Place | BinaryIO,
    format: str | None,
    query: Query,
    progress: Progress | None,
    *,
    canonical: bool,
) -> int:
    """Export documents to a file of one of `FORMATS`, or into a stream of bytes; return how many.

    The file appears under its name, in the place of one that is there, once all of it
    is on the disk. What is no regular file, such as a pipe, is written as it goes.

    Raises:
        QueryError: `target` is neither a path nor a stream, or `progress` is no function.
        ConfigurationError: `canonical`, and the format has no such form.
        DocumentError: A document has no form in JSON that would be read back as the same.
        StorageError: The file would lie in the directory of the database.
        OSError: The file cannot be written; what was there is as it was.
    """
    check_place("export_file", target, "write")
    if isinstance(target, (str, os.PathLike)):
        refuse_inside(Path(target), database.options.directory)
    found = format_of(format, target)
    if canonical and (found in DELIMITERS or found in BSON):
        raise ConfigurationError(f"canonical is a form of JSON, and {found} has none")
    passes = 2 if found in DELIMITERS else 1
    request = Request(msgspec.structs.replace(query, once=True), decoder(query.projection))
    # of one moment, all of them
    found_now = database.view_unexpired(lambda engine: [reads.execute(engine, name, request) for _ in range(passes)])
    watched = [_watched(execution.steps(), watch) for execution in found_now]
    steps = told(watched, found_now[0].plan.candidates, progress)
    return write_to(target, partial(_WRITERS.get(found, _write_lines), steps, Exporting(found, canonical)))


def _watched(steps: Steps, watch: Callable[[], None]) -> Steps:
    for documents in steps:
        watch()
        yield documents


class Exporting(msgspec.Struct, frozen=True):
    """How a file is exported: its format, and whether JSON says of each number of which type it is."""

    format: str
    canonical: bool

    def json(self, document: Document) -> bytes:
        """Return a document as JSON."""
        return encode_json(document, canonical=self.canonical)


def _write_lines(steps: Sequence[Steps], how: Exporting, stream: BinaryIO) -> int:
    return _write(stream, _encoded(steps[0], how.json))


def _write_bson(steps: Sequence[Steps], how: Exporting, stream: BinaryIO) -> int:
    if how.format == "bson.gz":
        with gzip.GzipFile(fileobj=stream, mode="wb", mtime=0) as zipped:
            return _write_documents(steps[0], zipped.write)
    return _write_documents(steps[0], stream.write)


def _write_documents(steps: Steps, write: Callable[[bytes], object]) -> int:
    count = 0
    for documents in _encoded(steps, encode_bson):
        write(b"".join(documents))
        count += len(documents)
    return count


def _write_array(steps: Sequence[Steps], how: Exporting, stream: BinaryIO) -> int:
    count = 0
    for texts in _encoded(steps[0], how.json):
        stream.write(b",\n" if count else b"[\n")
        stream.write(b",\n".join(texts))
        count += len(texts)
    stream.write(b"\n]\n" if count else b"[]\n")
    return count


def _write_sheet(steps: Sequence[Steps], how: Exporting, stream: BinaryIO) -> int:
    columns: dict[str, None] = {}
    for documents in steps[0]:
        for names in map(columns_of, documents):
            columns.update(dict.fromkeys(names))
    if columns:
        stream.write(encode_row(list(columns), DELIMITERS[how.format]))
    return _write(stream, _encoded(steps[1], partial(_row, columns, DELIMITERS[how.format])))


def _row(columns: Iterable[str], delimiter: str, document: Document) -> bytes:
    cells = flatten(document)
    return encode_row([cells.get(name, "") for name in columns], delimiter).removesuffix(b"\n")


_WRITERS: dict[str, Callable[[Sequence[Steps], Exporting, BinaryIO], int]] = {
    "json": _write_array,
    "csv": _write_sheet,
    "tsv": _write_sheet,
    **dict.fromkeys(BSON, _write_bson),
}


def _encoded(batches: Steps, encode: Callable[[Document], R]) -> Iterator[list[R]]:
    number = 0
    for batch in batches:
        lines = []
        for document in batch:
            number += 1
            try:
                lines.append(encode(document))
            except DocumentError as error:
                message = f"document {number}: {error}"
                raise DocumentError(message, code=error.code, code_name=error.code_name) from None
        if lines:
            yield lines


def _write(stream: BinaryIO, batches: Iterator[list[bytes]]) -> int:
    count = 0
    for lines in batches:
        lines.append(b"")
        stream.write(b"\n".join(lines))
        count += len(lines) - 1
    return count
