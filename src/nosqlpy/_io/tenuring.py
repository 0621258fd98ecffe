"""Batches of a long list, handed to the oldest generation of Python's collector of cycles, which does not look at them.

100,000 documents are some 500,000 dicts and lists. CPython takes them for young until its collector has
gone through them, several times, and through all that was there before: 200 ms at a time, in which no
other task or thread has a turn. But what was just decoded, and is about to be kept, is no garbage.
`gc.freeze` and `gc.unfreeze`, one after the other, put it where it would end up; both take no time.

All else that is young goes along, and might be found later if it is garbage. So what others make
meanwhile is counted: once it is as much as leads to a full run, nothing is handed over until there
was one. Nothing is done either where the collector is off, or where somebody has frozen objects.
It is never turned off here: there is nothing that would have to be restored.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from time import monotonic
from typing import Final, TypeVar

from nosqlpy._core.engine.flags import Progress, check_progress

T = TypeVar("T")

LONG: Final = 4096
"""Documents that a find looks at before any are handed over: with fewer, its share in a full run is small."""

FROZEN_MIN: Final = 1000
"""Frozen objects beyond which somebody has frozen them: CPython 3.12 begins with 375 of its own."""
FROZEN_S: Final = 10.0
"""Seconds for which frozen objects are taken to stay frozen: to count a million of them takes milliseconds."""

# without the lock, both would go through all objects
_QUICK: Final = sys.implementation.name == "cpython" and getattr(sys, "_is_gil_enabled", lambda: True)()


class Debt:
    """What others have made, in containers, since the last full run of the collector."""

    __slots__ = ("_runs", "frozen_until", "made")

    def __init__(self) -> None:
        self.made: int = 0
        # when it is worth while to look again whether objects are frozen
        self.frozen_until: float = 0.0
        self._runs = -1

    def is_frozen(self) -> bool:
        """Return whether somebody has frozen objects, as far as that is known: to count them takes long."""
        now = monotonic()
        if now < self.frozen_until:
            return True
        if gc.get_freeze_count() > FROZEN_MIN:
            self.frozen_until = now + FROZEN_S
            return True
        return False

    def is_small(self) -> bool:
        """Return whether no full run is due, having added what was made since the last batch was handed over."""
        runs = gc.get_stats()[2]["collections"]
        if runs != self._runs:
            self._runs, self.made = runs, 0
        young, middle, old = gc.get_threshold()
        (count, younger, middling) = gc.get_count()
        self.made += count + young * (younger + middle * middling)
        return self.made <= young * max(1, middle) * max(1, old)


# of this process: threads may lose a batch of each other's in it, and no more
_debt: Final = Debt()


def _may_hand_over() -> bool:
    return _QUICK and gc.isenabled() and not _debt.is_frozen() and _debt.is_small()


def _hand_over() -> None:
    gc.freeze()
    gc.unfreeze()


def next_kept(steps: Iterator[list[T]]) -> list[T] | None:
    """Return the next batch, which its caller keeps, or None after the last one."""
    if not _may_hand_over():
        return next(steps, None)
    batch = next(steps, None)
    _hand_over()
    return batch


class Growth:
    """Is told how an index grows, tells `progress`, and hands over what is new in the index, which is kept.

    Raises:
        QueryError: `progress` is no function.
    """

    __slots__ = ("_may", "_progress")

    def __init__(self, progress: Progress | None) -> None:
        check_progress(progress)
        self._progress = progress
        self._may = _may_hand_over()

    def __call__(self, done: int, total: int) -> None:
        if self._may:
            _hand_over()
        if self._progress is not None:
            self._progress(done, total)
        self._may = _may_hand_over()
