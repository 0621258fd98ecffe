"""Backups: a database, while others write to it, as it was at one moment, in another directory."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from nosqlpy._core.engine import backup, building, content
from nosqlpy._core.engine.content import Content
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.engine.tail import Position
from nosqlpy._io.building import build_in_directory, directory_of, refuse_inside
from nosqlpy._io.database import Database
from nosqlpy.aliases import Document
from nosqlpy.errors import StorageError

ATTEMPTS = 3
DOING = "the backup was given up"


def back_up(database: Database, watch: Callable[[], None], target: str | os.PathLike[str]) -> Document:
    """Write a copy of this moment of the database to a new or empty directory; return what was copied.

    Raises:
        InvalidURL: `target` is no path.
        StorageError: The directory is not empty, or the disk is full; there is no copy then.
        CorruptionError: A segment of the original is damaged; likewise.
    """
    place = directory_of("backup", target)
    refuse_inside(place, database.options.directory)
    began = time.monotonic()
    report = (_copy if database.options.path is not None else _write)(database, place, watch)
    return {**report, "seconds": round(time.monotonic() - began, 6)}


def _copy(database: Database, target: Path, watch: Callable[[], None]) -> Document:
    def look() -> None:
        database.check_open()
        watch()

    with database.keeping_segments():
        for attempt in range(ATTEMPTS):
            moment = database.moment(backup.moment)
            try:
                size = build_in_directory(target, DOING, backup.copy(moment), look, database.storage)
                break
            except StorageError as error:  # who only reads cannot keep others from compacting
                if not isinstance(error.__cause__, FileNotFoundError) or attempt == ATTEMPTS - 1:
                    raise
    return {"bytes": size, "documents": moment.documents, "lsn": moment.lsn}


def _write(database: Database, target: Path, watch: Callable[[], None]) -> Document:
    """Write what memory holds, which no file does."""
    taken, identity, end = database.moment(_everything)
    parts = content.frames(taken)
    size = build_in_directory(target, DOING, building.build(parts, database=identity, end=end), watch)
    return {"bytes": size, "documents": taken.count, "lsn": end.lsn}


def _everything(engine: Engine) -> tuple[Content, bytes, Position]:
    return content.take(engine), engine.manifest.database, engine.tail.end
