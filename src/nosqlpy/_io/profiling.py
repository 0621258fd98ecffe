"""Profiles: the last operations of a client, with their shape, plan, counts and time.

While a client has none, its calls do nothing for them: the methods of its backend are
wrapped when the first profile begins, and are themselves again when the last one ends.
"""

from __future__ import annotations

import inspect
import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from sys import float_info
from time import perf_counter
from types import TracebackType
from typing import Any, Protocol, Self

import msgspec

from nosqlpy._core.engine import reads
from nosqlpy._core.engine.returned import no_document
from nosqlpy._core.engine.state import Engine
from nosqlpy._io.building import refuse_inside
from nosqlpy._io.options import Options
from nosqlpy._io.places import check_path
from nosqlpy._io.timing import Call, call_of
from nosqlpy.errors import ConfigurationError
from nosqlpy.profiles import ProfiledOperation, ProfiledShape, by_shape
from nosqlpy.results import BulkWriteResult, DeleteResult, InsertManyResult, UpdateResult

log = logging.getLogger("nosqlpy.profile")

SIZE_MAX = 1_000_000
# the methods of a backend through which all calls go that the log of slow calls knows, and `get`
METHODS = ("point", "read_steps", "write", "write_one", "write_bulk", "write_all", "write_steps")
# the calls that decode what they are about, as a whole
_DECODING = ("get", "find_one", "find_one_and_update", "find_one_and_delete")
# the calls that are about one document, which they return, or whose `_id` they return
_ONE = ("get", "find_one", "insert_one", "save", "find_one_and_update", "find_one_and_delete")


class Profiled(Protocol):
    """What can be profiled: a backend."""

    options: Options

    @property
    def engine(self) -> Engine | None:
        """The engine, once the database is open."""
        ...

    def record_for(self, profile: Profile) -> None:
        """Record for one more profile."""
        ...

    def end_recording_for(self, profile: Profile) -> None:
        """Record for one profile less."""
        ...


class Profile:
    """The last operations that a client has carried out while the profile is on, whoever asked for them.

    It is on from its making to `stop`, or to the end of its ``with`` block. Threads may share it.
    """

    def __init__(
        self, backend: Profiled, slow_ms: float = 0.0, size: int = 1000, path: str | os.PathLike[str] | None = None
    ) -> None:
        if type(slow_ms) not in (int, float) or not 0 <= slow_ms <= float_info.max:
            raise ConfigurationError("the slow_ms of a profile is a number of milliseconds from 0 on")
        if type(size) is not int or not 1 <= size <= SIZE_MAX:
            raise ConfigurationError(f"the size of a profile is an int from 1 to {SIZE_MAX}")
        self.slow_s: float = slow_ms / 1000
        self._ring: deque[ProfiledOperation] = deque(maxlen=size)
        self._dropped = 0
        self._lock = threading.RLock()  # a signal handler may use the client while its thread is in here
        self._file = None if path is None else _open(path, backend)
        self._backend: Profiled | None = backend
        backend.record_for(self)

    @property
    def active(self) -> bool:
        """Whether it is on."""
        return self._backend is not None

    @property
    def dropped(self) -> int:
        """How many operations made room for later ones."""
        return self._dropped

    def __len__(self) -> int:
        return len(self._ring)

    def __iter__(self) -> Iterator[ProfiledOperation]:
        return iter(self.operations())

    def operations(self) -> list[ProfiledOperation]:
        """Return the operations, in the order in which they ended."""
        with self._lock:
            return list(self._ring)

    def shapes(self) -> list[ProfiledShape]:
        """Return what operations of the same kind, collection, shape and plan took, the most time in all first."""
        return by_shape(self.operations())

    def clear(self) -> None:
        """Forget the operations so far; those in its file stay there."""
        with self._lock:
            self._ring.clear()
            self._dropped = 0

    def stop(self) -> None:
        """Switch it off; what was recorded stays. Doing it again does nothing."""
        with self._lock:
            backend, self._backend = self._backend, None
            if backend is not None:
                backend.end_recording_for(self)
            self._close_file()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, t: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Profile, {'on' if self.active else 'off'}, {len(self)} operations>"

    def add(self, operation: ProfiledOperation) -> None:
        """Record an operation that was slow enough."""
        with self._lock:
            if self._backend is None:
                return
            self._dropped += len(self._ring) == self._ring.maxlen
            self._ring.append(operation)
            if self._file is not None:
                self._write(msgspec.json.encode(operation) + b"\n")

    def _write(self, line: bytes) -> None:
        """Append a line, in one piece; an operation does not fail because its record cannot be kept."""
        try:
            assert self._file is not None
            written = os.write(self._file, line)
        except OSError as error:
            log.warning("a profile is no longer written to its file: %s", error)
            self._close_file()
        else:
            if written != len(line):
                log.warning("a profile is no longer written to its file: the disk is full")
                self._close_file()

    def _close_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


def _open(path: str | os.PathLike[str], backend: Profiled) -> int:
    """Return the descriptor of the file that operations are appended to, which is none of the database's."""
    check_path("profile", path)
    place = Path(path)
    refuse_inside(place, backend.options.directory)
    return os.open(place, _FLAGS, 0o600)


class Measured:
    """One call at work, for the profiles that want to know; `result` is what it returned."""

    def __init__(self, profiles: Sequence[Profile], engine: Engine | None, name: str, arguments: Sequence[Any]) -> None:
        self._profiles = profiles
        function, asked = _called(name, arguments)
        self._call = call_of(engine, function, asked)
        self.result: Any = None

    def __enter__(self) -> Self:
        self._began = datetime.now(UTC)
        self._start = perf_counter()
        return self

    def __exit__(self, t: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None:
        seconds = perf_counter() - self._start
        returned = 0 if t is not None else _size(self._call.action, self.result)
        decoded = returned if self._call.action in _DECODING else 0
        if isinstance(self.result, UpdateResult):
            decoded = self.result.matched_count
        record(self._profiles, self._call, seconds, returned, decoded, error=t, began=self._began)


def record(
    profiles: Sequence[Profile],
    call: Call,
    seconds: float,
    returned: int,
    decoded: int | None,
    *,
    error: type[BaseException] | None = None,
    began: datetime | None = None,
) -> None:
    """Have a call recorded by the profiles for which it was slow enough."""
    operation: ProfiledOperation | None = None
    for profile in profiles:
        if seconds >= profile.slow_s:
            if operation is None:
                operation = ProfiledOperation(
                    datetime.now(UTC) if began is None else began,
                    call.action,
                    call.collection,
                    call.shape,
                    call.stage,
                    call.keys,
                    call.documents,
                    returned,
                    decoded,
                    seconds * 1000,
                    None if error is None else error.__name__,
                )
            profile.add(operation)


def wrapped(backend: Any, name: str) -> Callable[..., Any]:
    """Return a method of a backend that has its calls recorded for its profiles."""
    method = getattr(type(backend), name).__get__(backend)
    if inspect.iscoroutinefunction(method):

        async def recorded_later(*arguments: Any, **options: Any) -> Any:
            with Measured(backend.profiles, backend.engine, name, arguments) as measured:
                measured.result = await method(*arguments, **options)
            return measured.result

        return recorded_later

    def recorded(*arguments: Any, **options: Any) -> Any:
        with Measured(backend.profiles, backend.engine, name, arguments) as measured:
            measured.result = method(*arguments, **options)
        return measured.result

    return recorded


def _called(name: str, arguments: Sequence[Any]) -> tuple[str, Sequence[Any]]:
    """Return the name of the engine's function that a method of a backend calls, and its arguments."""
    if name == "point":
        return reads.get.__name__, arguments[:1]
    skipped = 1 if name == "read_steps" else 2  # a write has its durability before that
    return arguments[skipped - 1].__name__, arguments[skipped:]


def _size(action: str, result: Any) -> int:
    """Return how many documents a call was about, by what it returned."""
    if action in _ONE:
        return int(result is not None and result is not no_document)
    if isinstance(result, list):
        return len(result)
    if isinstance(result, int):
        return int(result)
    if isinstance(result, InsertManyResult):
        return len(result.inserted_ids)
    if isinstance(result, DeleteResult):
        return result.deleted_count
    if isinstance(result, UpdateResult):
        return result.matched_count or int(result.upserted_id is not None)
    if isinstance(result, BulkWriteResult):
        return result.inserted_count + result.matched_count + result.deleted_count + result.upserted_count
    return 0
