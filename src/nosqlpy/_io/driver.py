"""The driver of cold procedures: it takes the steps that the core asks for, and decides nothing."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from nosqlpy._core.engine import effects
from nosqlpy._io.storage.port import Storage
from nosqlpy.errors import ReadOnlyError, StorageError

R = TypeVar("R")

_VERBS: dict[type[msgspec.Struct], str] = {
    effects.ListFiles: "list_files",
    effects.ReadFile: "read_file",
    effects.ReadPart: "read_part",
    effects.ReadOn: "read_on",
    effects.WriteFile: "write_file",
    effects.Append: "append",
    effects.Truncate: "truncate",
    effects.Sync: "sync",
    effects.SyncDirectory: "sync_directory",
    effects.Replace: "replace",
    effects.Remove: "remove",
    effects.Release: "release",
    effects.RandomBytes: "random_bytes",
}


def drive(procedure: effects.Procedure[R], storage: Storage, sync: Callable[[str], None] | None = None) -> R:
    """Carry out the effects of `procedure`; return its result. With `sync` that syncs files.

    Raises:
        OSError: The system refused an effect, and the procedure had no answer to that.
    """
    try:
        effect = procedure.send(None)
        while True:
            try:
                if sync is not None and type(effect) is effects.Sync:
                    value: Any = sync(effect.name)
                else:
                    value = getattr(storage, _VERBS[type(effect)])(*msgspec.structs.astuple(effect))
            except OSError as error:
                effect = procedure.throw(error)  # in here: an interrupt that takes its place has it as its context
            else:
                effect = procedure.send(value)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]


def storage_error(error: OSError, doing: str, meanwhile: str = "") -> StorageError:
    """Return the error that says what the system refused, and what to do about it, also while a disk is full."""
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return ReadOnlyError(f"{doing}: {error.strerror}; open the database with read_only=True, or make it writable")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(f"{doing}: the disk is full; nothing was changed: free some space and try again{meanwhile}")
    return StorageError(f"{doing}: {error}")
