"""Re-basing: after another process has compacted, places in segments that are gone become places in its base.

The files of these segments can be read on, since they are open, but they take room on
the disk until they are let go. A document whose place is in one of them has not been
written since, so the base holds it, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator

from nosqlpy._core.engine.reader import Reader
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.engine.walk import bodies, operations, places_in
from nosqlpy._core.log.manifest import SealedSegment
from nosqlpy._core.log.operation import Located
from nosqlpy._core.log.segment import HEADER_SIZE

# documents that are looked at between two turns of others: less than a millisecond
STEP = 5_000


def rebase(engine: Engine) -> Iterator[None]:
    """Move places into the base of the manifest, and let go of files. It yields where others may have their turn.

    It ends early where the database is compacted once more.

    Raises:
        StorageError: The base cannot be read.
        CorruptionError: It is damaged.
    """
    reader, sealed = engine.memory.reader, engine.manifest.sealed
    if reader is None or not sealed or not sealed[0].kind or not _old(reader, sealed[0]):
        return
    base = sealed[0]
    for begin, kind, _, body in bodies(reader.file(base.number), base.number, HEADER_SIZE, base.size):
        if engine.manifest.sealed[:1] != (base,) or engine.memory.reader is not reader:
            return
        _move(engine, base, begin, kind, body)
        yield
    for _ in _places_left(engine, base):
        yield
        if engine.manifest.sealed[:1] != (base,) or engine.memory.reader is not reader:
            return


def _old(reader: Reader, base: SealedSegment) -> set[int]:
    """Return the open segments for which the base stands: what came after it has a higher number."""
    return {number for number in reader.files if number < base.number}


def _move(engine: Engine, base: SealedSegment, begin: int, kind: int, body: bytes) -> None:
    for operation in operations(base.number, begin, kind, body):
        collection = engine.collection(operation.collection)
        if collection is not None and isinstance(operation, Located):
            collection.slots.replace(operation.keys, places_in(base.number, begin, operation))


def _places_left(engine: Engine, base: SealedSegment) -> Iterator[None]:
    """Let go of the files for which the base stands, once no document has a place there any more."""
    for collection in list(engine.collections.values()):
        if not collection.is_loaded:
            return  # its hint has places there
        keys = collection.slots.keys()
        for start in range(0, len(keys), STEP):
            if collection.slots.any_before(keys[start : start + STEP], base.number):
                return
            yield
    if engine.memory.reader is not None:
        engine.memory.reader.drop(_old(engine.memory.reader, base))
