"""What an import leaves in memory of the documents that it has written."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from nosqlpy._core.engine.logged import Start, load_first, start_of
from nosqlpy._io.database import Database
from nosqlpy.errors import StorageError

R = TypeVar("R")

# a file with more than so many times the memory budget leaves only so great a part of it in use
KEPT_SHARE = 4


class Filling:
    """Makes the commits of an import of `size` bytes (None: not known), and keeps what they leave in memory small.

    A collection that was empty when it began, and has no index, is in the log only once it
    takes more than `FILLED_MAX`; of others the documents make room where the file is many
    times the memory budget.
    """

    def __init__(self, database: Database, name: str, size: int | None) -> None:
        self._database = database
        self._name = name
        limit = database.engine.memory.limit
        # of a file of many times the budget, all but the end is going to leave it again
        large = limit is not None and size is not None and size > KEPT_SHARE * limit
        self._kept = limit // KEPT_SHARE if limit is not None and large else None
        self._start: Start | None = None
        self._number: int | None = None

    def commit(self, commit: Callable[[], R], *, clear: bool) -> R:
        """Return the result of `commit`, which removes the documents there first if it is to `clear`.

        To be called by `exclusively`.
        """
        engine = self._database.engine
        if self._number is None:
            self._start = start_of(engine, self._name, clear=clear)
        done = commit()
        collection = engine.collections.get(self._name)
        if collection is None:
            return done
        if self._number is None:
            self._number = collection.number
            if self._start is not None:
                with suppress(StorageError):  # else the documents stay in memory
                    load_first(engine, collection)
        elif self._start is not None and collection.number == self._number:
            self._database.outgrow(collection, self._start)
        elif self._kept is not None:
            self._database.keep(self._kept)
        return done
