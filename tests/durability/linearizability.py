"""Whether a recorded history of calls on one register can have happened one after the other (Wing and Gong)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple


class Call(NamedTuple):
    """One call: when it began and ended, what it was, with which value, and what it returned."""

    began: int
    ended: int
    kind: str
    value: int
    result: Any


def take(state: int | None, call: Call) -> tuple[bool, int | None]:
    """Return whether the register may answer so in this state, and its state afterwards."""
    match call.kind:
        case "write":
            return True, call.value
        case "swap":
            return call.result == state, call.value
        case "add":
            return call.result == state, None if state is None else state + 1
        case _:
            return call.result == state, state


def is_linearizable(history: Sequence[Call], state: int | None = None) -> bool:
    """Return whether there is an order of the calls that respects time, in which every answer is right."""
    calls = sorted(history)
    seen: set[tuple[frozenset[int], int | None]] = set()
    stack: list[tuple[frozenset[int], int | None]] = [(frozenset(range(len(calls))), state)]
    while stack:
        open_calls, now = stack.pop()
        if not open_calls:
            return True
        if (open_calls, now) in seen:
            continue
        seen.add((open_calls, now))
        # only what began before the first of the others ended can have been next
        first_end = min(calls[at].ended for at in open_calls)
        for at in open_calls:
            if calls[at].began <= first_end:
                right, after = take(now, calls[at])
                if right:
                    stack.append((open_calls - {at}, after))
    return False
