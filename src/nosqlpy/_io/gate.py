"""The gate: it lets everybody write, or the one whose turn it is, and the others in the order in which they came."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable

from nosqlpy.errors import LockedError


class Occupied(Exception):
    """A transaction has the right to write, or others are waiting for it: wait for a turn."""


class Turn:
    """The right to write, or the wait for it. `holder` is the backend that wants it, `caller` the thread or task."""

    __slots__ = ("caller", "holder", "wake")

    def __init__(self, holder: object, caller: object) -> None:
        self.holder: object = holder
        self.caller: object = caller
        # called, on any thread, once it is the turn of a holder who has waited
        self.wake: Callable[[], object]


class Gate:
    """Whose turn it is, if anybody's, and who is waiting.

    While it is nobody's turn, a write needs none: it looks at `owner` with the lock of
    writers held, and who has been given a turn takes that lock before he reads anything.
    """

    __slots__ = ("_lock", "_waiting", "owner")

    def __init__(self) -> None:
        self.owner: Turn | None = None
        self._waiting: deque[Turn] = deque()
        # a signal handler may come in between, and do as another thread would
        self._lock = threading.RLock()

    def take(self, turn: Turn) -> bool:
        """Return whether it is this turn now, which it is if it is nobody's. `leave` ends it either way."""
        with self._lock:
            if self.owner is None and not self._waiting:
                self.owner = turn
        return self.owner is turn

    def enter(self, turn: Turn) -> bool:
        """Return whether it is this turn now; else it waits until it is woken. `leave` ends it either way."""
        with self._lock:
            self._waiting.append(turn)
            self._pass_on(turn)
            return self.owner is turn

    def leave(self, turn: Turn) -> None:
        """End a turn, or the wait for it. Doing so again does nothing."""
        if self.owner is not turn and not self._waiting:
            return
        with self._lock:
            if self.owner is turn:
                self.owner = None
                if self._waiting:
                    self._pass_on()
            elif turn in self._waiting:
                self._waiting.remove(turn)

    def _pass_on(self, entering: Turn | None = None) -> None:
        if self.owner is None and self._waiting:
            self.owner = turn = self._waiting.popleft()
            if turn is not entering:
                turn.wake()

    def await_turn(self, turn: Turn, timeout_s: float | None) -> None:
        """Return once it is this turn, which this thread waits for. Whatever happens, `leave` ends it.

        Raises:
            LockedError: It did not come within `timeout_s` seconds (None: for ever), or never can.
        """
        asleep = threading.Lock()
        asleep.acquire()
        turn.wake = asleep.release
        if not self.enter(turn):
            self.check_patience(turn, timeout_s)
            asleep.acquire(timeout=-1 if timeout_s is None else timeout_s)
            self.check_turn(turn, timeout_s)

    def check_turn(self, turn: Turn, timeout_s: float | None) -> None:
        """Refuse to go on without a turn.

        Raises:
            LockedError: It did not come.
        """
        if self.owner is not turn:
            raise self.refusal(timeout_s)

    def check_patience(self, turn: Turn, timeout_s: float | None) -> None:
        """Refuse to wait for ever for oneself.

        Raises:
            LockedError: The one whose turn it is has called this, and there is no timeout.
        """
        owner = self.owner
        if timeout_s is None and owner is not None and owner.caller == turn.caller:
            raise self.refusal(None)

    @staticmethod
    def refusal(timeout_s: float | None) -> LockedError:
        """Return the error of one who waited in vain."""
        waited = "" if timeout_s is None else f"; waited {timeout_s:g} s"
        return LockedError(
            f"a transaction of this process has the right to write{waited}: pass session= to an operation that belongs "
            "to it, end it sooner, or wait longer with lock_timeout=",
            details={"pid": os.getpid()},
        )
