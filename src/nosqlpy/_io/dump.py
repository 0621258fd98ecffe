"""Dumps: a database, or some of its collections, as one checked file; and a new database from it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from nosqlpy._core.engine import building, dumping
from nosqlpy._core.engine.dumping import Restoring
from nosqlpy._core.engine.flags import Progress, check_progress
from nosqlpy._core.log.dump import DumpReader, DumpWriter
from nosqlpy._io.building import build_in_directory, directory_of, refuse_inside
from nosqlpy._io.database import Database
from nosqlpy._io.places import Place, check_bytes, check_place, write_to
from nosqlpy.aliases import Document
from nosqlpy.errors import QueryError
from nosqlpy.naming import check_collection_name

BLOCK_SIZE = 1 << 20


def dump(
    database: Database,
    watch: Callable[[], None],
    target: Place | BinaryIO,
    collections: Sequence[str] | None,
    compression: str | None,
    progress: Progress | None = None,
) -> Document:
    """Write what the database holds at one moment to a file, or into a stream of bytes; return what that was.

    Raises:
        QueryError: `target` is neither a path nor a stream, `collections` no list of names, or `progress` no function.
        CollectionNotFound: There is no collection of such a name.
        ConfigurationError: There is no such compression.
        StorageError: The file would lie in the directory of the database.
        OSError: The file cannot be written; what was there is as it was.
    """
    check_place("dump", target, "write")
    if isinstance(target, (str, os.PathLike)):
        refuse_inside(Path(target), database.options.directory)
    if collections is not None and not isinstance(collections, list | tuple):
        message = f"dump takes a list of names of collections, not {type(collections).__name__}"
        raise QueryError(message, code=14, code_name="TypeMismatch")
    check_progress(progress)
    for name in collections or ():
        check_collection_name(name)
    writer = DumpWriter(compression)
    began = time.monotonic()
    moment = database.moment(lambda engine: dumping.moment(engine, collections))

    def write(stream: BinaryIO) -> int:
        size = 0
        for part in dumping.dump(moment, writer, progress):
            watch()
            stream.write(part)
            size += len(part)
        return size

    size = write_to(target, write)
    return {
        "bytes": size,
        "collections": len(moment.content.documents),
        "documents": moment.content.count,
        "lsn": moment.lsn,
        "seconds": round(time.monotonic() - began, 6),
    }


def restore(watch: Callable[[], None], source: Place | BinaryIO, directory: str | os.PathLike[str]) -> Document:
    """Make a database of a dump in a new or empty directory; return what it holds.

    Raises:
        QueryError: `source` is neither a path nor a stream.
        InvalidURL: `directory` is no path.
        CorruptionError: The dump is damaged or cut short, or is none; nothing that opens is left in the directory.
        StorageError: The directory is not empty, or the disk is full; likewise.
        OSError: The file cannot be read; likewise.
    """
    check_place("restore", source, "read")
    target = directory_of("restore", directory)
    if not isinstance(source, (str, os.PathLike)):
        return _restore(watch, source, "the dump", target)
    with Path(source).open("rb") as file:
        return _restore(watch, file, os.fspath(source), target)


def _restore(watch: Callable[[], None], stream: BinaryIO, name: str, target: Path) -> Document:
    began = time.monotonic()
    restoring = Restoring(DumpReader(name))
    parts = restoring.frames(_blocks(stream))
    size = build_in_directory(target, "the dump cannot be restored", building.build(parts), watch)
    return {
        "bytes": size,
        "collections": restoring.collections,
        "documents": restoring.documents,
        "seconds": round(time.monotonic() - began, 6),
    }


def _blocks(stream: BinaryIO) -> Iterator[bytes]:
    while block := stream.read(BLOCK_SIZE):
        yield check_bytes(block)
