"""Eviction: the oldest documents become places in the log, until the others fit the memory budget.

The log is gone through once, from where the last eviction ended. A document that is,
byte for byte, what lies at a place may be read from there, so nothing has to be noted
when it is written.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from itertools import pairwise

from nosqlpy._core.engine.state import Engine
from nosqlpy._core.engine.walk import bodies, operations
from nosqlpy._core.log.operation import Located
from nosqlpy._core.log.place import place_of
from nosqlpy._core.log.segment import HEADER_SIZE

# an eviction goes on below the budget, by this part of it, so that the next write does not need one
SPARE = 8


def due(engine: Engine, most: int | None = None) -> bool:
    """Whether more documents are resident than the budget allows, or, where there is one, than have `most` bytes."""
    limit = engine.memory.limit
    return limit is not None and engine.memory.resident > (limit if most is None else most)


def evict(engine: Engine, end: int, most: int | None = None) -> None:
    """Let documents go until the others fit the budget, or have `most` bytes.

    The active segment's file has `end` bytes by now.

    Raises:
        StorageError: A segment cannot be read.
        CorruptionError: What is read is no frame.
    """
    limit = (engine.memory.limit or 0) if most is None else most
    _evict_down_to(limit - limit // SPARE, engine, end)


def evict_all(engine: Engine) -> None:
    """Let all documents go, where all of the log is in sealed segments: the database is being closed.

    Raises:
        StorageError: A segment cannot be read.
        CorruptionError: What is read is no frame.
    """
    _evict_down_to(0, engine, HEADER_SIZE)


def _evict_down_to(wanted: int, engine: Engine, end: int) -> None:
    memory = engine.memory
    for number, offset, size in _remaining(engine, end):
        memory.evicted = (number, offset)
        for begin, kind, _, body in bodies(memory.files().file(number), number, offset, size):
            if memory.resident <= wanted:
                return
            _evict_body(engine, number, begin, kind, body)
            memory.evicted = (number, begin + len(body))


def _remaining(engine: Engine, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield the segments that may hold resident documents: number, where to begin, and size."""
    segments = [(segment.number, segment.size) for segment in engine.manifest.sealed]
    segments.append((engine.tail.header.number, end))
    numbers = [number for number, _ in segments]
    current, offset = engine.memory.evicted or (0, 0)
    if current in numbers:
        segments = segments[numbers.index(current) :]
    for number, size in segments:
        yield number, offset if number == current else HEADER_SIZE, size


def _evict_body(engine: Engine, number: int, begin: int, kind: int, body: bytes) -> None:
    for operation in operations(number, begin, kind, body):
        collection = engine.collection(operation.collection)
        if collection is not None and isinstance(operation, Located):
            pieces = [body[i:j] for i, j in pairwise(operation.offsets)]
            # the checksum of what memory holds: a damaged one in the frame would be found too late
            places = [
                place_of(number, begin + offset, len(piece), zlib.crc32(piece))
                for offset, piece in zip(operation.offsets, pieces, strict=False)
            ]
            collection.slots.give_places(operation.keys, pieces, places)
            collection.columns.forget()  # they keep the documents of the last scan
