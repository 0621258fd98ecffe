"""The background thread, by itself."""

from __future__ import annotations

import threading
from itertools import count

from nosqlpy._io.syncer import Syncer


def nothing() -> None:
    """Do nothing."""


def test_what_expires_is_looked_for_as_often_as_that_says() -> None:
    syncer, done, calls = Syncer(nothing, nothing, 1.0), threading.Event(), count(1)

    def expire() -> float | None:
        if next(calls) < 3:
            return 0.0
        done.set()
        return None

    syncer.expire = expire
    syncer.expire_in(0.0)

    assert done.wait(30)
    assert next(calls) == 4
    syncer.stop()


def test_an_earlier_look_at_what_expires_takes_the_place_of_a_later_one() -> None:
    syncer, done = Syncer(nothing, nothing, 1.0), threading.Event()
    syncer.expire = done.set  # type: ignore[assignment]
    syncer.expire_in(3600.0)
    syncer.expire_in(0.0)

    assert done.wait(30)
    syncer.stop()
