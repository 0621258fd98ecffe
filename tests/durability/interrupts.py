"""Ctrl-C at every place where Python can deliver it: on entry of a function, and after each call has returned."""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import nosqlpy
from durability import simulated_disk

OURS = (str(Path(nosqlpy.__file__).parent), threading.__file__)
DISK = simulated_disk.__file__


class Interrupter:
    """Raises KeyboardInterrupt at the `at`-th place; `places` tells how many there were.

    The interpreter looks for signals where a Python function begins and where a call has
    returned, and that is where a profile function is called: what it raises comes from there.
    A storage call counts as one call, whose work is done.
    """

    def __init__(self, at: int) -> None:
        self.at = at
        self.places = 0
        self.where = ""

    def run(self, function: Callable[[], Any]) -> None:
        """Call `function`; what it raises comes out."""
        gc.disable()  # what an earlier interrupt left behind is not to be finalised, and interrupted, in here
        sys.setprofile(self._profile)
        try:
            function()
        finally:
            sys.setprofile(None)
            gc.enable()

    def _profile(self, frame: FrameType, event: str, argument: Any) -> None:
        if not _is_place(frame, event):
            return
        self.places += 1
        if self.places == self.at:
            sys.setprofile(None)
            self.where = f"{frame.f_code.co_filename}:{frame.f_lineno} {event} {argument}"
            raise KeyboardInterrupt(self.where)


def _is_place(frame: FrameType, event: str) -> bool:
    code = frame.f_code
    if event == "return":
        return _is_storage_call(code) and frame.f_back is not None and _is_ours(frame.f_back.f_code)
    return event in ("call", "c_return") and _is_ours(code)


def _is_storage_call(code: CodeType) -> bool:
    return code.co_filename == DISK and not code.co_name.startswith("_")


def _is_ours(code: CodeType) -> bool:
    return code.co_filename.startswith(OURS)


def in_time(function: Callable[[], Any], *, timeout_s: float = 120) -> Any:
    """Return what `function` returns on another thread; hanging is a failure, not a hang of the tests."""
    result: list[Any] = []
    thread = threading.Thread(target=lambda: result.append(_caught(function)), daemon=True)
    thread.start()
    thread.join(timeout_s)
    assert result, "it hangs"
    value, error = result[0]
    if error is not None:
        raise error
    return value


def _caught(function: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    try:
        return function(), None
    except BaseException as error:  # noqa: BLE001 - raised again on the thread that waits
        return None, error


def interrupt(thread_id: int) -> None:
    """Have KeyboardInterrupt raised in a thread, at whatever place it is."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), ctypes.py_object(KeyboardInterrupt))
