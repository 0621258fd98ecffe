"""Who has waited long for the lock of writers, and goes first.

A process that writes all the time gives the lock back for microseconds only, in which hardly anybody who tries now
and then meets it. Whoever has waited for a while says so in the shared page; others then let him have it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from nosqlpy._core.engine.shared import WAITING
from nosqlpy._io.storage.lock import PAUSE_MAX_S, PAUSE_MIN_S
from nosqlpy.errors import LockedError

# how long one waits before he says so: taking turns after each write would make all slower
PATIENCE_S = 0.02
# how often he tries then
PAUSE_FIRST_S = 0.0005
# for how long others let him go first. He has it by then, or somebody keeps it for long
GIVE_WAY_S = 0.05
# after so long without a try he waits no longer: he was killed, or stopped
STALE_MS = 100

_PID_BITS = 22
_PID = (1 << _PID_BITS) - 1


class Line:
    """The place of this process among those who wait for the lock."""

    def __init__(self, words: memoryview, pid: int) -> None:
        self._words = words
        self._pid = pid & _PID

    def wait(
        self, attempt: Callable[[], bool], timeout_s: float | None, refusal: Callable[[float], LockedError]
    ) -> None:
        """Try again and again until `attempt` succeeds; after `timeout_s` seconds (None: never) raise the `refusal`."""
        began, pause = time.monotonic(), PAUSE_MIN_S
        try:
            while not (self._may_try(time.monotonic() - began) and attempt()):
                if timeout_s is not None and time.monotonic() - began >= timeout_s:
                    raise refusal(timeout_s)
                time.sleep(pause)
                pause = min(pause * 2, PAUSE_FIRST_S if self._is_first() else PAUSE_MAX_S)
        finally:
            if self._is_first():
                self._words[WAITING] = 0

    def _may_try(self, waited_s: float) -> bool:
        """Return whether to try now; after some patience also say that this process waits."""
        if self._is_another_first():
            return waited_s >= GIVE_WAY_S
        if waited_s >= PATIENCE_S and not self._words.readonly:
            self._words[WAITING] = _now_ms() << _PID_BITS | self._pid
        return True

    def _is_first(self) -> bool:
        word = self._words[WAITING]
        return word != 0 and word & _PID == self._pid

    def _is_another_first(self) -> bool:
        """Return whether another process waits, as the page says; what it says of one who does no longer is removed."""
        word = self._words[WAITING]
        if word == 0 or word & _PID == self._pid:
            return False
        if 0 <= _now_ms() - (word >> _PID_BITS) <= STALE_MS:
            return True
        if not self._words.readonly:
            self._words[WAITING] = 0
        return False


def _now_ms() -> int:
    """Return the time of a clock that all processes share, and that nobody sets."""
    return time.monotonic_ns() // 1_000_000
