"""Import of JSON Lines, JSON arrays, CSV, TSV and BSON: files, and streams of bytes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from nosqlpy._core.engine import importing
from nosqlpy._core.engine.importing import Imported
from nosqlpy._core.engine.intake import CHUNK, portions
from nosqlpy._core.engine.state import Change, Engine
from nosqlpy._core.values.bson_file import bson_batches
from nosqlpy._core.values.json_array import array_batches
from nosqlpy._core.values.json_lines import Batch, is_head, line_portions, parse_lines, without_mark
from nosqlpy._core.values.sheet import check_types, sheet_batches
from nosqlpy._io.database import Database
from nosqlpy._io.filling import Filling
from nosqlpy._io.formats import BSON, DELIMITERS, blocks, format_of, gathered, unzipped
from nosqlpy._io.ids import new_id, new_ids
from nosqlpy._io.places import Place, check_place
from nosqlpy.aliases import Durability
from nosqlpy.errors import (
    ConfigurationError,
    DocumentTooLarge,
    NosqlpyError,
    NotSupportedError,
    QueryError,
    StorageError,
    WriteError,
)
from nosqlpy.naming import nearest

# JSON may need six characters for a byte of text: a longer line is no document of 16 MiB
LINE_SIZE_MAX = 128 << 20

MODES = ("insert", "upsert", "replace")
AFTER_REJECTION = 16


class Importing(msgspec.Struct, frozen=True):
    """How a file is imported; `on_reject` gets what cannot go in, which otherwise ends the import."""

    format: str
    mode: str
    types: Mapping[str, str]
    durability: Durability
    make_id: Callable[[], Any]
    on_reject: Callable[[dict[str, Any]], object] | None
    filling: Filling

    def make_ids(self, count: int) -> list[Any]:
        """Return so many new ids."""
        return new_ids(count) if self.make_id is new_id else [self.make_id() for _ in range(count)]


def import_file(
    database: Database,
    watch: Callable[[], None],
    name: str,
    source: Place | BinaryIO,
    format: str | None,
    mode: str,
    types: Mapping[str, str] | None,
    on_reject: Callable[[dict[str, Any]], object] | None,
    durability: Durability,
    make_id: Callable[[], Any],
) -> int:
    """Import a file of one of `FORMATS`, or a stream of its bytes; return how many documents went in.

    About a thousand lines at a time go in, as one atomic write, or 256 KiB of them. A collection that was empty, and
    has no index, stays in memory up to 96 MiB; beyond that its documents are in the log only, and loaded when they
    are asked for. Of a file for another one, which has more than four times ``memory_budget``, a quarter of that
    stays in memory. With mode
    ``replace`` the first of these and the removal of what was there are one write.

    Raises:
        QueryError: `source` is neither a path nor a stream, `types` are no document, or `on_reject` is no function.
        QueryError: A line is no document; those before it are in. `details` has ``line``, ``column``
            and ``imported``.
        DuplicateKeyError: Mode ``insert`` or ``replace``, and an ``_id`` is taken; likewise.
        DocumentError: A document cannot be stored; likewise.
        StorageError: The disk is full, for one; what was written before is in, and `details` has how many documents
            that are, as ``imported``, and up to which ``line`` of the file.
        OSError: The file cannot be read; a note says how many documents went in before, and up to which line.
        KeyboardInterrupt: Likewise, as with all that `source` and `on_reject` raise, and when the task of an async
            call is cancelled; what was being written at the moment of an interrupt may be in too, and is not counted.
    """
    check_place("import_file", source, "read")
    found = format_of(format, source)
    if mode not in MODES:
        raise ConfigurationError(f"mode is one of {', '.join(MODES)}{nearest(mode, MODES)}")
    columns = {} if types is None else types
    check_types(columns)
    if columns and found not in DELIMITERS:
        raise ConfigurationError("types are those of the columns of CSV and TSV; JSON says itself what its values are")
    if on_reject is not None and mode == "replace":
        raise ConfigurationError("mode 'replace' is atomic in its first part, and so takes no on_reject")
    if on_reject is not None and not callable(on_reject):
        raise QueryError(f"on_reject is a function, not {type(on_reject).__name__}", code=14, code_name="TypeMismatch")
    how = partial(Importing, found, mode, columns, durability, make_id, on_reject)
    if not isinstance(source, (str, os.PathLike)):
        return _import(database, watch, name, source, "", how(Filling(database, name, None)))
    with Path(source).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        return _import(database, watch, name, file, f"{os.fspath(source)}: ", how(Filling(database, name, size)))


def _import(
    database: Database, watch: Callable[[], None], name: str, stream: BinaryIO, where: str, how: Importing
) -> int:
    so_far = SoFar(how.format, how.mode)
    lsn = None
    clear = how.mode == "replace"
    try:
        for piece in _pieces(stream, how):
            watch()
            for done, unsynced in _written(database, name, piece, how, clear=clear):
                lsn, clear = unsynced or lsn, False
                so_far.add(done, rejects=how.on_reject is not None)
            so_far.reach(piece.last)  # behind what was rejected, and empty lines
    except (QueryError, WriteError, NotSupportedError) as error:
        raise _located(error, where, so_far.imported, how.format) from None
    except StorageError as error:
        details = {**error.details, "imported": so_far.imported} | ({"line": so_far.line} if so_far.line else {})
        raise type(error)(f"{error} ({so_far})", code=error.code, code_name=error.code_name, details=details) from error
    except BaseException as error:  # the file cannot be read, on_reject cannot write, or somebody has stopped it
        error.add_note(str(so_far))
        raise
    finally:
        if lsn is not None:
            database.wait_durable(lsn)
    return so_far.imported


class SoFar:
    """How many documents an import has put in, up to which line of the file it is done, and how to go on from there."""

    def __init__(self, format: str, mode: str) -> None:
        self.imported: int = 0
        self.line: int = 0
        self._format = format
        self._mode = mode

    def add(self, done: Imported, *, rejects: bool) -> None:
        """Count what became of a part; raise the error that keeps out what comes behind it, unless that is rejected."""
        self.imported += done.count
        self.reach(done.line)
        if done.error is not None and not rejects:
            raise done.error

    def reach(self, line: int) -> None:
        """Note that everything up to this line is done; BSON has no lines."""
        if self._format not in BSON:
            self.line = max(self.line, line)

    def __str__(self) -> str:
        place = f", up to line {self.line}" if self.line else ""
        return f"{self.imported} imported before it{place}{self._way_on() if self.imported else ''}"

    def _way_on(self) -> str:
        if self._format in ("jsonl", "ndjson"):
            mode = ", to be imported with mode='insert'" if self._mode == "replace" else ""
            return f"; tail -n +{self.line + 1} gives the rest{mode}"
        return "; where the documents have an _id, import the file again with mode='upsert'"


class Lines(msgspec.Struct, frozen=True):
    """Lines of JSON, with these `numbers`."""

    text: bytes
    numbers: range

    @property
    def last(self) -> int:
        """The number of the last line."""
        return self.numbers[-1]


def _written(
    database: Database, name: str, piece: Batch | Lines, how: Importing, *, clear: bool
) -> Iterator[tuple[Imported, int | None]]:
    """Write a batch, or lines; yield what became of it as `_parts` does."""
    if isinstance(piece, Lines):
        return _line_parts(database, name, piece, how, clear=clear)
    return _parts(database, name, piece, how, clear=clear)


def _line_parts(
    database: Database, name: str, lines: Lines, how: Importing, *, clear: bool
) -> Iterator[tuple[Imported, int | None]]:
    """Write plain lines in the short way, and from one on that is odd or refused, in the way that looks at each."""
    start = 0
    prepared = importing.prepare_lines(lines.text, lines.numbers, how.make_ids, database.engine.document_size_max)
    if prepared is not None:
        plan = partial(importing.import_batch, batch=prepared, upsert=how.mode == "upsert", clear=clear)
        done, lsn = _commit(database, how, plan, name, clear=clear)
        if done.error is None or done.count:
            yield Imported(done.count, done.line, None), lsn
            clear = False
        if done.error is None:
            return
        start = done.count
    for batch in _parsed(lines.text.split(b"\n")[start:], lines.numbers.start + start):
        yield from _parts(database, name, batch, how, clear=clear)


def _parsed(lines: list[bytes], number: int) -> Iterator[Batch]:
    """Yield `lines` as batches; one that ends with an error is followed by what comes after it."""
    while True:
        batch = parse_lines(lines, number)
        yield batch
        if batch.error is None:
            return
        done = batch.error.details["line"] + 1 - number
        lines, number = lines[done:], number + done


def _parts(
    database: Database, name: str, batch: Batch, how: Importing, *, clear: bool
) -> Iterator[tuple[Imported, int | None]]:
    """Write a batch; yield what became of it, and behind a document that is refused of what comes after that."""
    size = len(batch.documents)
    start = 0
    while True:
        part = batch.part(start, size)
        prepared = importing.prepare(part, how.make_id, database.engine.document_size_max)
        plan = partial(importing.import_batch, batch=prepared, upsert=how.mode == "upsert", clear=clear)
        yield (found := _commit(database, how, plan, name, clear=clear))
        start += found[0].count
        if found[0].error is not None and how.on_reject is not None:
            how.on_reject(_rejection(found[0].error, batch.texts[start], how.format))
            start += 1
            size = AFTER_REJECTION  # so that a file of which every line is refused is not encoded over and over
        if start >= len(batch.texts):
            return


def _rejection(error: NosqlpyError, text: bytes, format: str) -> dict[str, Any]:
    """Return a line, or a document of BSON, that did not go in, and why."""
    if format in BSON:
        return {"offset": error.details["line"], "reason": str(error), "bson": text}
    place = {"line": error.details["line"], "column": error.details.get("column", 1)}
    shown = text.decode(errors="replace")
    exact = {} if shown.encode() == text else {"bytes": text}
    return {**place, "reason": str(error), "text": shown, **exact}


def _commit(
    database: Database, how: Importing, plan: Callable[[Engine, str], Change[Imported]], name: str, *, clear: bool
) -> tuple[Imported, int | None]:
    commit = partial(database.commit, how.durability, plan, name)
    return database.in_turn_loaded(partial(how.filling.commit, commit, clear=clear))


def _located(error: NosqlpyError, where: str, imported: int, format: str) -> NosqlpyError:
    """Return `error` with the place where it happened, and how many documents went in before."""
    details = {"line": 1, "column": 1, **error.details, "imported": imported}
    place = f"line {details['line']}, column {details['column']}"
    if format in BSON:  # which has no lines: documents are numbered by their first byte
        details["offset"] = error.details.get("line", 0)
        del details["line"], details["column"]
        place = f"byte {details['offset']}"
    message = f"{where}{place}: {error} ({imported} imported before it)"
    return type(error)(message, code=error.code, code_name=error.code_name, details=details)


def _pieces(stream: BinaryIO, how: Importing) -> Iterator[Batch] | Iterator[Lines]:
    if how.format == "json":
        return array_batches(_read(stream), LINE_SIZE_MAX)
    if how.format in BSON:
        return bson_batches((unzipped if how.format == "bson.gz" else blocks)(stream))
    if how.format in DELIMITERS:
        return sheet_batches(_chunks(stream), DELIMITERS[how.format], how.types)
    return _numbered(_texts(gathered(_read(stream)) if how.mode == "replace" else _read(stream)))


def _numbered(texts: Iterator[bytes]) -> Iterator[Lines]:
    """Yield lines, about a thousand at a time; an empty file has an empty one, so that ``replace`` has one to write."""
    number = 1
    try:
        for text in chain([next(texts, b"")], texts):
            for lines, count in line_portions(text, CHUNK):
                yield Lines(lines, range(number, number + count))
                number += count
    except DocumentTooLarge as error:
        error.details = {"line": number}
        raise


def _chunks(stream: BinaryIO) -> Iterator[list[bytes]]:
    """Yield the lines of `stream`, a thousand at a time or 32 MiB of them; once nothing, if there are none."""
    number = 1
    try:
        for text in _texts(_read(stream)):
            lines = text.split(b"\n")
            for places in portions(lines):
                yield lines[places.start : places.stop]
            number += len(lines)
    except DocumentTooLarge as error:
        error.details = {"line": number}
        raise
    if number == 1:
        yield []


def _texts(read: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the complete lines of each block that was read, without the end of the last; the last line needs none.

    Raises:
        DocumentTooLarge: The next line is longer than any document; the lines before it were yielded.
    """
    begun: list[bytes] = []  # parts of a line whose end was not read yet
    size = 0
    for block in read:
        end = block.rfind(b"\n")
        if end >= 0:
            yield b"".join([*begun, memoryview(block)[:end]])
            begun, size = [], 0
        begun.append(block[end + 1 :])
        size += len(block) - end - 1
        if size > LINE_SIZE_MAX:
            raise DocumentTooLarge(f"longer than {LINE_SIZE_MAX} bytes, as no document is")
    if size:
        yield b"".join(begun)


def _read(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the blocks of a stream of text, without the byte order mark."""
    head: bytes | None = b""
    for block in blocks(stream):
        if head is None:
            yield block
        elif is_head(head := head + block):  # of a pipe the first block may be a byte
            yield without_mark(head)
            head = None
    if head:
        yield without_mark(head)
