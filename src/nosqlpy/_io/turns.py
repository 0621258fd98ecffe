"""Turns: how transactions, and the writes that wait for one, have the right to write one after the other."""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident
from typing import Any, TypeVar

from nosqlpy._core.engine.state import Change, Engine
from nosqlpy._io.committing import Committing
from nosqlpy._io.following import AT_ONCE
from nosqlpy._io.gate import Occupied, Turn
from nosqlpy.aliases import Durability

R = TypeVar("R")


class Turns(Committing):
    """Lets one transaction after the other write. Reads, syncs and whatever changes no document go on meanwhile.

    A transaction has its turn as long as it is open, and with it the lock of writers, so
    that other processes wait as well; `lock`, which is held around a commit, it has not.
    """

    def in_turn(self, function: Callable[[], R], timeout_s: float | None) -> R:
        """Do as `exclusively`; while others have the right to write, wait for a turn.

        Raises:
            LockedError: It did not come within `timeout_s` seconds (None: for ever).
        """
        try:
            return self.exclusively(function)
        except Occupied:
            turn = Turn(self, get_ident())
        try:
            self.gate.await_turn(turn, timeout_s)
            return self.exclusively(self.conclude, turn, function)
        finally:
            self.end_turn(turn)

    def reserve(self, turn: Turn, *, wait: bool = True) -> None:
        """Keep the lock of writers until a turn ends, once it is that turn; all that others wrote is known.

        Raises:
            LockedError: Another process kept the lock for longer than ``lock_timeout``.
            InvalidOperation: This thread is in here already, and was interrupted by what calls now.
            StorageError: An earlier write failed half-way; the database must be reopened.
            WouldWait: As `try_exclusively`, where the caller may not `wait`.
        """
        thread, inside = get_ident(), self._inside
        if thread in inside:
            raise self._entangled()
        try:
            inside.add(thread)
            with self.lock if wait else self.taken_at_once():
                try:
                    if self._shares:
                        self._take(wait=wait)
                    if self._pending is not None:
                        self._settle()
                    if self.engine.failed or self.engine.read_only:
                        self.engine.check_writable()
                    self._reserved = turn
                finally:
                    if self._shares:
                        self._give()
        finally:
            inside.discard(thread)
        if self.warned:
            self._log_warnings()

    def conclude(self, turn: Turn, function: Callable[[], R]) -> R:
        """Return the result of `function`, with which a turn ends. To be called by `exclusively`."""
        self._admitted = turn
        try:
            return function()
        finally:
            self._admitted = None
            self.gate.leave(turn)

    def write_last(
        self, turn: Turn, durability: Durability, plan: Callable[[Engine], Change[Any]], *, wait: bool = True
    ) -> int | None:
        """Do as `exclusively` with `conclude` and `commit`, in one function; return as `log`.

        Raises:
            InvalidOperation: This thread is in here already, and was interrupted by what calls now.
            Occupied: It is not this turn any more.
            WouldWait: As `try_exclusively`, where the caller may not `wait`; the turn goes on.
        """
        thread, inside = get_ident(), self._inside
        if thread in inside:
            raise self._entangled()
        try:
            inside.add(thread)
            with self.lock if wait else self.taken_at_once():
                try:
                    if self.gate.owner is not turn:
                        raise Occupied
                    if self._shares and not self._holds:
                        self._take()
                    if self._pending is not None:
                        self._settle()
                    change = plan(self.engine)
                    lsn = self.log(durability, change) if change.data else None
                finally:
                    self.gate.leave(turn)
                    if self._reserved is turn:
                        self._reserved = None
                    if self._shares:
                        self._give()
        finally:
            inside.discard(thread)
        if self.warned:
            self._log_warnings()
        return lsn

    def end_turn(self, turn: Turn) -> None:
        """Let others write again. It waits for nobody; ending a turn again does nothing."""
        self.gate.leave(turn)
        if self._reserved is turn:
            self._reserved = None
        if not self._shares or self.closed or not self._holds:
            return
        thread = get_ident()
        taken = False
        if thread not in self._inside:
            (taken,) = map(self.lock.acquire, AT_ONCE)
        if not taken:
            self._syncer.appended(buffered=True)  # whoever has the lock gives back, or this does in a moment
            return
        try:
            self._inside.add(thread)
            self._give()
        finally:
            try:
                self._inside.discard(thread)
            finally:
                self.lock.release()

    def end_turn_of(self, holder: object) -> None:
        """End the turn of `holder`, if it is his."""
        turn = self.gate.owner
        if turn is not None and turn.holder is holder:
            self.end_turn(turn)
