"""Import and export of JSON Lines: files, and streams of bytes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from nosqlpy._core.engine import importing, reads
from nosqlpy._core.engine.importing import Imported
from nosqlpy._core.engine.intake import portions
from nosqlpy._core.engine.reads import Query, Request, decoder
from nosqlpy._core.engine.state import Change, Engine
from nosqlpy._core.index.deferred import Unloaded
from nosqlpy._core.values.extended_json import encode_json
from nosqlpy._core.values.json_lines import parse_lines, without_mark
from nosqlpy._io.database import Database
from nosqlpy._io.places import Place, check_bytes, check_place, write_to
from nosqlpy.aliases import Durability
from nosqlpy.errors import (
    ConfigurationError,
    DocumentError,
    DocumentTooLarge,
    DuplicateKeyError,
    NosqlpyError,
    NotSupportedError,
    QueryError,
    ValidationError,
)
from nosqlpy.naming import nearest

BLOCK_SIZE = 1 << 20
# JSON may need six characters for a byte of text: a longer line is no document of 16 MiB
LINE_SIZE_MAX = 128 << 20

MODES = ("insert", "upsert", "replace")
FORMATS = ("jsonl", "ndjson")
_OTHER_FORMATS = (
    *("arrow", "avro", "bson", "bz2", "csv", "feather", "gz", "msgpack", "parquet", "pickle", "pkl", "sqlite", "toml"),
    *("tsv", "xlsx", "xml", "xz", "yaml", "yml", "zip", "zst"),
)


# ── importing ────────────────────────────────────────────────────────────────────


def import_file(
    database: Database,
    name: str,
    source: Place | BinaryIO,
    format: str | None,
    mode: str,
    durability: Durability,
    make_id: Callable[[], Any],
) -> int:
    """Import a JSON Lines file, or a stream of its bytes; return how many documents it had.

    A thousand lines at a time go in, as one atomic write. With mode ``replace`` the
    first thousand and the removal of what was there are one write.

    Raises:
        QueryError: `source` is neither a path nor a stream.
        QueryError: A line is no JSON document; those before it are in. `details` has ``line``, ``column``
            and ``imported``.
        DuplicateKeyError: Mode ``insert`` or ``replace``, and an ``_id`` is taken; likewise.
        DocumentError: A document cannot be stored; likewise.
        OSError: The file cannot be read.
    """
    check_place("import_file", source, "read")
    _check_format(format, source)
    if mode not in MODES:
        raise ConfigurationError(f"mode is one of {', '.join(MODES)}{nearest(str(mode), MODES)}")
    if not isinstance(source, (str, os.PathLike)):
        return _import(database, name, source, "", mode, durability, make_id)
    with Path(source).open("rb") as file:
        return _import(database, name, file, f"{os.fspath(source)}: ", mode, durability, make_id)


def _import(
    database: Database,
    name: str,
    stream: BinaryIO,
    where: str,
    mode: str,
    durability: Durability,
    make_id: Callable[[], Any],
) -> int:
    imported, number, lsn = 0, 1, None
    clear = mode == "replace"
    try:
        for lines in _chunks(stream):
            batch = importing.prepare(parse_lines(lines, number), make_id, database.engine.document_size_max)
            number += len(lines)
            plan = partial(importing.import_batch, name=name, batch=batch, upsert=mode == "upsert", clear=clear)
            done, unsynced = _commit(database, durability, plan)
            lsn, clear = unsynced or lsn, False
            imported += done.count
            if done.error is not None:
                raise done.error
    except (QueryError, DocumentError, DuplicateKeyError, ValidationError, NotSupportedError) as error:
        raise _located(error, where, number, imported) from None
    finally:
        if lsn is not None:
            database.wait_durable(lsn)
    return imported


def _commit(
    database: Database, durability: Durability, plan: Callable[[Engine], Change[Imported]]
) -> tuple[Imported, int | None]:
    while True:
        try:
            return database.in_turn(partial(database.commit, durability, plan))
        except Unloaded as needed:
            database.load(needed)


def _located(error: NosqlpyError, where: str, line: int, imported: int) -> NosqlpyError:
    """Return `error` with the place where it happened, and how many documents went in before."""
    details = {"line": line, "column": 1, **error.details, "imported": imported}
    message = f"{where}line {details['line']}, column {details['column']}: {error} ({imported} imported before it)"
    return type(error)(message, code=error.code, code_name=error.code_name, details=details)


def _chunks(stream: BinaryIO) -> Iterator[list[bytes]]:
    """Yield the lines of `stream`, a thousand at a time or 32 MiB of them; once nothing, if there are none."""
    found = False
    for lines in _blocks(stream):
        for places in portions(lines):
            found = True
            yield lines[places.start : places.stop]
    if not found:
        yield []


def _blocks(stream: BinaryIO) -> Iterator[list[bytes]]:
    """Yield the complete lines of each block that is read; the last line needs no end.

    Raises:
        DocumentTooLarge: A line is longer than any document; the lines before it were yielded.
    """
    read = getattr(stream, "read1", stream.read)  # a pipe's reader gets what is there
    begun: list[bytes] = []  # parts of a line whose end was not read yet
    size, first = 0, True
    while block := read(BLOCK_SIZE):
        if first:
            block, first = without_mark(check_bytes(block)), False
        *lines, rest = block.split(b"\n")
        if lines:
            lines[0] = b"".join([*begun, lines[0]])
            yield lines
            begun, size = [], 0
        begun.append(rest)
        size += len(rest)
        if size > LINE_SIZE_MAX:
            raise DocumentTooLarge(f"longer than {LINE_SIZE_MAX} bytes, as no document is")
    if size:
        yield [b"".join(begun)]


# ── exporting ────────────────────────────────────────────────────────────────────


def export_file(database: Database, name: str, target: Place | BinaryIO, format: str | None, query: Query) -> int:
    """Export documents to a JSON Lines file, or into a stream of bytes; return how many.

    The file appears under its name, in the place of one that is there, once all of it
    is on the disk. What is no regular file, such as a pipe, is written as it goes.

    Raises:
        QueryError: `target` is neither a path nor a stream.
        DocumentError: A document has no form in JSON that would be read back as the same.
        OSError: The file cannot be written; what was there is as it was.
    """
    check_place("export_file", target, "write")
    _check_format(format, target)
    execution = database.view(reads.execute, name, Request(query, decoder(query.projection)))
    lines = _lines(execution.steps())
    return write_to(target, lambda stream: _write(stream, lines))


def _lines(batches: Iterator[list[dict[str, Any]]]) -> Iterator[list[bytes]]:
    number = 0
    for batch in batches:
        lines = []
        for document in batch:
            number += 1
            try:
                lines.append(encode_json(document))
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


# ── formats ──────────────────────────────────────────────────────────────────────


def _check_format(format: str | None, place: Place | BinaryIO) -> None:
    """Refuse every format but JSON Lines, which is also taken for granted where the file's name tells no other.

    Raises:
        NotSupportedError: `format`, or the ending of the file's name, is that of another one.
    """
    if format in FORMATS:
        return
    if format is not None:
        raise NotSupportedError(
            f"format {format!r} is not supported{nearest(str(format), FORMATS)}: use 'jsonl', JSON Lines"
        )
    ending = Path(os.fspath(place)).suffix[1:].lower() if isinstance(place, (str, os.PathLike)) else ""
    if ending in _OTHER_FORMATS:
        raise NotSupportedError(
            f"format {ending!r}, by the name of the file, is not supported: use JSON Lines ('jsonl'), "
            "or say format='jsonl' if it is that"
        )
