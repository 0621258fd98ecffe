"""A shortage of memory: the n-th of the places at which the engine makes something new fails, once or for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from nosqlpy._core.engine import content, hints, snapshots, state
from nosqlpy._core.engine.reader import Reader
from nosqlpy._core.engine.slots import Slots
from nosqlpy._core.engine.unloaded import UnloadedSlots
from nosqlpy._core.index.hashed import HashIndex
from nosqlpy._core.index.manager import IndexManager
from nosqlpy._core.index.pending import Pending
from nosqlpy._core.log.section import SectionReader
from nosqlpy._core.log.snapshot import PartReader

INDEXED = ("insert", "insert_one", "replace", "remove", "remove_one", "build", "add", "drop", "clear")
# where dicts grow, and bytes and lists are made: planning, appending, applying, indexing, hints
POINTS: tuple[tuple[Any, str], ...] = (
    *((Slots, name) for name in ("put", "put_one", "delete", "delete_one", "clear", "recount", "move", "give_places")),
    *((UnloadedSlots, name) for name in ("put", "delete", "clear", "prepare", "loaded")),
    *((IndexManager, name) for name in INDEXED),
    *((HashIndex, name) for name in ("add", "discard", "enter_one", "leave_one")),
    *((Reader, name) for name in ("one", "many", "packed")),
    *((SectionReader, name) for name in ("everything", "data", "copy")),
    *((PartReader, name) for name in ("search", "content", "data")),
    *((Pending, name) for name in ("insert", "change", "remove", "take")),
    *((state.Engine, name) for name in ("change", "change_one", "apply", "replay")),
    (state, "encode_commit"),
    (state, "encode_one"),
    (content, "take"),
    (hints, "encode_section"),
    (hints, "encode_end"),
    (snapshots, "encode_part"),
)


class Shortage:
    """Counts the places while it is active, before and after each call; the `at`-th has no memory."""

    def __init__(self, at: int, *, forever: bool) -> None:
        self.at = at
        self.forever = forever
        self.places = 0
        self.where = ""

    @property
    def struck(self) -> bool:
        """Whether there were so many places."""
        return self.places >= self.at

    @contextmanager
    def active(self) -> Iterator[None]:
        """Let memory be short meanwhile."""
        with pytest.MonkeyPatch.context() as patch:
            for owner, name in POINTS:
                patch.setattr(owner, name, self._short(getattr(owner, name), name))
            yield

    def _short(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        def short(*args: Any, **kwargs: Any) -> Any:
            self._count(f"before {name}")
            result = function(*args, **kwargs)
            self._count(f"after {name}")
            return result

        return short

    def _count(self, where: str) -> None:
        self.places += 1
        if self.places == self.at or (self.forever and self.places > self.at):
            self.where = self.where or where
            raise MemoryError(where)
