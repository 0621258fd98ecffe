"""Repair: a new database with all that can be saved of a damaged one, which is left as it is."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from nosqlpy._core.engine import building, content, repairing
from nosqlpy._core.engine.repairing import Repaired
from nosqlpy._io.building import build_in_directory, directory_of, refuse_inside
from nosqlpy._io.driver import drive, storage_error
from nosqlpy._io.storage.files import FileStorage
from nosqlpy.aliases import Document
from nosqlpy.errors import LockedError, StorageError

LOCK_TIMEOUT_S = 5.0


def repair(watch: Callable[[], None], damaged: str | os.PathLike[str], directory: str | os.PathLike[str]) -> Document:
    """Write what can be saved of a damaged database to a new or empty directory; return what was saved, and what lost.

    Raises:
        InvalidURL: A path is none.
        LockedError: The damaged database is open, in this or another process.
        StorageError: There is no such directory, the new one is not empty, or the disk is full.
        CorruptionError: Nothing can be saved.
    """
    source, target = directory_of("repair", damaged), directory_of("repair", directory)
    refuse_inside(target, source)
    began = time.monotonic()
    storage = FileStorage(source)
    try:
        storage.lock(shared=True, timeout_s=LOCK_TIMEOUT_S)
        _check_closed(storage, source)
        found = drive(repairing.repair(), storage)
    except FileNotFoundError as error:
        raise StorageError(f"there is no directory {str(source)!r}") from error
    except OSError as error:
        raise storage_error(error, f"the database at {str(source)!r} cannot be read") from error
    finally:
        storage.close()
    parts = content.frames(found.content)
    size = build_in_directory(target, "the repaired database cannot be written", building.build(parts), watch)
    return {**_report(found), "bytes": size, "seconds": round(time.monotonic() - began, 6)}


def _check_closed(storage: FileStorage, directory: Path) -> None:
    """Refuse a database that somebody has open: he may write to it, and what he has not written yet would be missing.

    Raises:
        LockedError: Somebody has.
    """
    if storage.is_attended():
        raise LockedError(
            f"the database at {str(directory)!r} is open, in this or another process: close it there, then repair it",
            details={"pid": None, "directory": str(directory)},
        )


def _report(found: Repaired) -> Document:
    return {
        "complete": not found.losses,
        "collections": len(found.content.documents),
        "documents": found.content.count,
        "commits": found.frames,
        "lost_bytes": sum(loss.bytes for loss in found.losses),
        "lost_commits": sum(loss.commits for loss in found.losses),
        "lost": list(map(msgspec.structs.asdict, found.losses)),
        "notes": found.notes,
    }
