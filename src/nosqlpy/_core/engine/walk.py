"""Walks through the log: frames one after the other, and where the documents lie that they put."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec

from nosqlpy._core.engine.reader import CHUNK, File, Reader
from nosqlpy._core.log.frame import FRAME_SIZE, body_at, head_at
from nosqlpy._core.log.manifest import SealedSegment
from nosqlpy._core.log.operation import Define, Delete, Located, covered_size, locate
from nosqlpy._core.log.place import CRC_SHIFT, OFFSET_SHIFT, Place, place_of
from nosqlpy._core.log.segment import HEADER_SIZE, damaged, decode_header, segment_name


def bodies(file: File, number: int, begin: int, size: int) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Yield the frames of a segment from `begin` up to `size`: where its body begins, its kind, head and body.

    Raises:
        CorruptionError: There is something else than a frame.
    """
    while begin < size:
        data = file(begin, min(CHUNK, size - begin))
        start = 0
        while (frame := body_at(data, start)) is not None and frame[2] <= len(data):
            kind, first, stop = frame
            yield begin + first, kind, data[start:first], data[first:stop]
            start = stop
        if not start:
            if frame is None or begin + frame[2] > size:
                raise damaged(segment_name(number), begin, "holds no frame")
            kind, first, start = frame  # longer than what is read at once
            yield begin + first, kind, data[:first], file(begin + first, start - first)
        begin += start


def operations(number: int, begin: int, kind: int, body: bytes) -> list[Located | Delete | Define]:
    """Return the operations of a body that begins at `begin` of a segment.

    Raises:
        CorruptionError: They cannot be decoded.
    """
    try:
        return locate(kind, body)
    except ValueError as error:
        raise damaged(segment_name(number), begin, "holds a damaged frame") from error


def places_in(segment: int, begin: int, operation: Located) -> list[Place]:
    """Return where the documents of a body lie that begins at `begin` of a segment."""
    first = place_of(segment, begin, 0, 0)  # what the others add to; a call for each would take twice as long
    offsets, crcs = operation.offsets, operation.crcs
    return [
        first + (offset << OFFSET_SHIFT) + (crc << CRC_SHIFT) + end - offset
        for offset, end, crc in zip(offsets, islice(offsets, 1, None), crcs, strict=False)
    ]


# objects that are let go at once: less than a millisecond
EMPTY_STEP = 5_000


class Columns(msgspec.Struct):
    """Where the documents of one collection lie, in their order: lists of equal length."""

    keys: list[Hashable] = []
    ids: list[Any] = []
    places: list[Place] = []

    def let_go(self) -> None:
        """Empty it."""
        for column in (self.places, self.keys, self.ids):
            empty(column)


def empty(objects: list[Any]) -> None:
    """Empty a list some thousands at a time: no other thread can run while a million objects are let go at once."""
    while objects:
        del objects[-EMPTY_STEP:]


class Ledger(msgspec.Struct):
    """Where the documents of one collection lie, in their order; and the ids that are not their own keys."""

    places: dict[Hashable, Place] = {}
    odd: dict[Hashable, Any] = {}

    def put(self, segment: int, begin: int, operation: Located) -> None:
        """Take down documents of a body that begins at `begin`."""
        self.places.update(zip(operation.keys, places_in(segment, begin, operation), strict=True))
        if operation.keys is not operation.ids:
            self.odd.update(zip(operation.keys, operation.ids, strict=True))

    def columns(self) -> Columns:
        """Return it as columns."""
        keys = list(self.places)
        ids = [self.odd.get(key, key) for key in keys] if self.odd else list(keys)
        return Columns(keys, ids, list(self.places.values()))


# where the documents of a collection lay before the walk
Before = Callable[[int], Ledger]


def walk(
    reader: Reader, segments: Iterable[SealedSegment], before: Before, wanted: Collection[int]
) -> dict[int, Ledger]:
    """Return the ledgers of those `wanted` collections that sealed segments write to. Every frame is verified.

    Raises:
        CorruptionError: A segment is damaged; a document's own bytes are not looked at.
        StorageError: One cannot be read.
    """
    ledgers: dict[int, Ledger] = {}
    for segment in segments:
        for begin, operation in written(reader, segment):
            if operation.collection in wanted:
                _take(ledgers, segment.number, begin, operation, before)
    return ledgers


def written(
    reader: Reader, segment: SealedSegment, first: int = HEADER_SIZE
) -> Iterator[tuple[int, Located | Delete | Define]]:
    """Yield the operations of a segment from its byte `first` on, and where the body of each begins.

    Every frame is verified.

    Raises:
        CorruptionError: One is damaged; a document's own bytes are not looked at.
        StorageError: The segment cannot be read.
    """
    file, name = reader.file(segment.number), segment_name(segment.number)
    salt = decode_header(file(0, HEADER_SIZE), file=name).salt
    for begin, kind, head, body in bodies(file, segment.number, first, segment.size):
        plain, crc = head_at(head)
        if zlib.crc32(body[: covered_size(kind, body)], zlib.crc32(plain, salt)) != crc:
            raise damaged(name, begin - FRAME_SIZE, "is damaged")
        for operation in operations(segment.number, begin, kind, body):
            yield begin, operation


def _take(
    ledgers: dict[int, Ledger], segment: int, begin: int, operation: Located | Delete | Define, before: Before
) -> None:
    number = operation.collection
    if isinstance(operation, Define) and operation.verb in ("create", "drop", "clear"):
        # a repeated create, and a number that is given again: either way there is nothing in it
        ledgers[number] = Ledger()
    elif not isinstance(operation, Define):
        if number not in ledgers:
            ledgers[number] = before(number)
        if isinstance(operation, Located):
            ledgers[number].put(segment, begin, operation)
        else:
            for key in operation.keys:
                ledgers[number].places.pop(key, None)
