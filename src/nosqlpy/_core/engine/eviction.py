"""Eviction: the oldest documents become places in the log, until the others fit the memory budget.

The log is gone through once, from where the last eviction ended. A document that is,
byte for byte, what lies at a place may be read from there, so nothing has to be noted
when it is written.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from itertools import pairwise

from nosqlpy._core.engine.reader import CHUNK, File
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.log.frame import body_at
from nosqlpy._core.log.operation import Located, locate
from nosqlpy._core.log.place import place_of
from nosqlpy._core.log.segment import HEADER_SIZE, damaged, segment_name

# an eviction goes on below the budget, by this part of it, so that the next write does not need one
SPARE = 8


def due(engine: Engine) -> bool:
    """Whether more documents are resident than the budget allows."""
    limit = engine.memory.limit
    return limit is not None and engine.memory.resident > limit


def evict(engine: Engine, end: int) -> None:
    """Let documents go until the others fit the budget. The active segment's file has `end` bytes by now.

    Raises:
        StorageError: A segment cannot be read.
        CorruptionError: What is read is no frame.
    """
    memory = engine.memory
    limit = memory.limit or 0
    wanted = limit - limit // SPARE
    for number, begin, size in _remaining(engine, end):
        offset = begin
        memory.evicted = (number, offset)
        while offset < size and memory.resident > wanted:
            offset = _evict_chunk(engine, memory.files().file(number), number, offset, size)
            memory.evicted = (number, offset)
        if memory.resident <= wanted:
            return


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


def _evict_chunk(engine: Engine, file: File, number: int, offset: int, size: int) -> int:
    """Let the documents of about a megabyte of frames go; return where the next frame begins."""
    data = file(offset, min(CHUNK, size - offset))
    start = 0
    while (frame := body_at(data, start)) is not None and frame[2] <= len(data):
        kind, begin, stop = frame
        _evict_body(engine, number, offset + begin, kind, data[begin:stop])
        start = stop
    if start:
        return offset + start
    if frame is None or offset + frame[2] > size:
        raise damaged(segment_name(number), offset, "holds no frame")
    kind, begin, stop = frame
    _evict_body(engine, number, offset + begin, kind, file(offset + begin, stop - begin))
    return offset + stop


def _evict_body(engine: Engine, number: int, begin: int, kind: int, body: bytes) -> None:
    try:
        operations = locate(kind, body)
    except (TypeError, ValueError) as error:
        raise damaged(segment_name(number), begin, "holds a damaged frame") from error
    for operation in operations:
        collection = engine.collection(operation.collection)
        if collection is not None and isinstance(operation, Located):
            pieces = [body[i:j] for i, j in pairwise(operation.offsets)]
            # the checksum of what memory holds: a damaged one in the frame would be found too late
            places = [
                place_of(number, begin + offset, len(piece), zlib.crc32(piece))
                for offset, piece in zip(operation.offsets, pieces, strict=False)
            ]
            collection.slots.give_places(operation.keys, pieces, places)
