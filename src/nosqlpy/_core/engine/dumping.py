"""Dumping and restoring: the content of a database as sections of one file, and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from nosqlpy._core.engine import content
from nosqlpy._core.engine.content import Content
from nosqlpy._core.engine.flags import Progress
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.engine.tail import Tail
from nosqlpy._core.log.dump import Catalogue, Documents, DumpReader, DumpWriter, End, Section
from nosqlpy._core.log.manifest import Manifest
from nosqlpy._core.log.operation import Define, Operation, Put
from nosqlpy._core.log.segment import SegmentHeader
from nosqlpy._core.values.foreign import check_foreign
from nosqlpy._core.values.keys import equality_keys
from nosqlpy.errors import CollectionNotFound, DocumentError, InvalidName
from nosqlpy.naming import check_collection_name, nearest

_UNDOING = ("drop", "clear", "rename", "unindex")


class Moment(msgspec.Struct, frozen=True):
    """What a dump holds, and how many commits the database had had by then."""

    content: Content
    lsn: int


def moment(engine: Engine, names: Sequence[str] | None) -> Moment:
    """Return what the database holds now, or the collections of these names.

    Raises:
        CollectionNotFound: There is no collection of such a name.
        Unloaded: One is to be loaded first.
    """
    if names is None:
        return Moment(content.take_once(engine), engine.tail.end.lsn)
    for name in names:
        if name not in engine.collections:
            raise CollectionNotFound(f"there is no collection {name!r}{nearest(name, engine.collections)}")
    chosen = [engine.collections[name] for name in dict.fromkeys(names)]
    return Moment(content.take_once(engine, chosen), engine.tail.end.lsn)


def dump(moment: Moment, writer: DumpWriter, progress: Progress | None = None) -> Iterator[bytes]:
    """Yield the bytes of the dump, piece by piece; tell `progress` how many documents are in them, and of how many."""
    yield writer.header(moment.lsn)
    size = done = 0
    for operations in content.frames(moment.content):
        definitions = [
            [operation.collection, operation.verb, operation.payload]
            for operation in operations
            if type(operation) is Define
        ]
        if definitions:
            yield writer.catalogue(definitions)
        for operation in operations:
            if type(operation) is Put:
                size += sum(map(len, operation.documents))
                yield writer.documents(operation.collection, operation.documents)
                done += len(operation.documents)
                if progress is not None:
                    progress(done, moment.content.count)
    yield writer.end(End(len(moment.content.documents), moment.content.count, size))


class Restoring:
    """Turns sections into the frames of a new database, and proves on the way that they make sense."""

    def __init__(self, reader: DumpReader) -> None:
        self._reader = reader
        nobody = SegmentHeader(bytes(16), 1, 0, 0, 0)
        # it holds the catalogue only: the engine knows best which definitions make sense
        self._catalogue = Engine(Manifest(bytes(16), 1, (), 1), Tail.start(nobody))
        self._keys: dict[int, set[Any]] = {}
        self.documents = self.size = 0

    @property
    def collections(self) -> int:
        """How many collections there have been."""
        return len(self._keys)

    def frames(self, pieces: Iterable[bytes]) -> Iterator[list[Operation]]:
        """Yield the operations of each frame that the pieces of a dump's file make.

        Raises:
            CorruptionError: It is no dump, is damaged or cut short, or holds what cannot be stored.
            FormatVersionError: A newer nosqlpy wrote it.
        """
        for piece in pieces:
            for section in self._reader.feed(piece):
                operations = self._operations(section)
                if operations:
                    yield operations
        self._reader.finish()

    def _operations(self, section: Section) -> list[Operation]:
        try:
            if isinstance(section, Catalogue):
                return [self._define(*definition) for definition in section.definitions]
            if isinstance(section, Documents):
                return [self._put(section)]
            self._check_end(section)
        except (DocumentError, InvalidName, KeyError, TypeError, ValueError) as error:
            raise self._reader.damage("has a section that makes no sense, before this place") from error
        return []

    def _define(self, number: int, verb: str, payload: dict[str, Any]) -> Operation:
        operation = Define(number, verb, payload)
        if verb in _UNDOING or (verb == "create") == (number in self._keys):
            raise ValueError("a collection is made once, and first, and stays")
        if verb == "create":
            if check_collection_name(payload["name"]) in self._catalogue.collections or type(number) is not int:
                raise ValueError("two collections have one name")
            self._keys[number] = set()
        self._catalogue.replay(operation)
        return operation

    def _put(self, section: Documents) -> Operation:
        keys = self._keys[section.collection]
        ids = check_foreign(section.blobs)
        found = equality_keys(ids)
        before = len(keys)
        keys.update(found)
        if len(keys) != before + len(found):
            raise ValueError("two documents of a collection have one _id")
        self.documents += len(ids)
        self.size += sum(map(len, section.blobs))
        return Put(section.collection, found, ids, section.blobs)

    def _check_end(self, end: End) -> None:
        if (end.collections, end.documents, end.bytes) != (self.collections, self.documents, self.size):
            raise ValueError("the end counts otherwise")
