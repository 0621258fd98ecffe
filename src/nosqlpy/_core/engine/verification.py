"""Verification: every byte on disk against its checksum, and every document against the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nosqlpy._core.engine.effects import ListFiles, Procedure, ReadFile
from nosqlpy._core.engine.recovery import check_sealed
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.log.frame import scan_segment
from nosqlpy._core.log.manifest import MANIFEST, decode_manifest
from nosqlpy._core.log.packed import check_unpacked
from nosqlpy._core.log.segment import damaged, decode_header, segment_name
from nosqlpy._core.values.codec import inspect_document
from nosqlpy.errors import CorruptionError

# documents that are read at once
STEP = 1000


def verify(engine: Engine, *, files: bool) -> Procedure[dict[str, Any]]:
    """Check documents and, with `files`, manifest and segments; return how much was checked. The log has been flushed.

    Raises:
        CorruptionError: Something is not what was written; `details` has the file and the offset.
    """
    report = {"ok": True, "segments": 0, "frames": 0, "bytes": 0}
    if files:
        report |= yield from _check_files(engine)
    for collection in list(engine.collections.values()):
        engine.load(collection.number)
    report["documents"] = sum(
        _check_documents(collection.slots.all(), collection.name) for collection in list(engine.collections.values())
    )
    return report


def _check_files(engine: Engine) -> Procedure[dict[str, Any]]:
    names: list[str] = yield ListFiles()
    if MANIFEST not in names:
        raise damaged(MANIFEST, 0, "is missing")
    published = decode_manifest((yield ReadFile(MANIFEST)))
    # a reader keeps no writer still: what is sealed meanwhile stays as it is, until a compaction removes it
    newest = published.generation if engine.read_only else engine.manifest.generation
    if published.database != engine.manifest.database or not (
        engine.manifest.generation <= published.generation <= newest
    ):
        raise damaged(MANIFEST, 0, "is not the one that this database published")
    frames, size = 0, 0
    for segment in engine.manifest.sealed:
        name = segment_name(segment.number)
        data: bytes = yield ReadFile(name)
        header = decode_header(data, file=name)
        frames += len(check_sealed(segment, header, check_unpacked(data, segment, header)).frames)
        size += len(data)
    data = yield ReadFile(engine.tail.name)
    scan = scan_segment(data, decode_header(data, file=engine.tail.name), synced=engine.tail.end.size)
    return {
        "segments": len(engine.manifest.sealed) + 1,
        "frames": frames + len(scan.frames),
        "bytes": size + len(data),
    }


def _check_documents(blobs: Sequence[bytes], name: str) -> int:
    for start in range(0, len(blobs), STEP):
        for data in blobs[start : start + STEP]:
            try:
                inspect_document(data)
            except ValueError as error:
                raise CorruptionError(f"a document of collection {name!r} cannot be decoded") from error
    return len(blobs)
