"""What both faces' cursors are: a find that is compiled, can still be changed, and runs once."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from time import perf_counter
from typing import Any, Final, Generic, NoReturn, Self, TypeVar

import msgspec

from nosqlpy._core.engine import lookups
from nosqlpy._core.engine.aggregation import Aggregation, aggregate
from nosqlpy._core.engine.execution import STEP, Execution
from nosqlpy._core.engine.lookups import Leading, Lookup
from nosqlpy._core.engine.reads import Source, execute
from nosqlpy._core.values.typed import TypeCodec
from nosqlpy._io.aggregating import AggregateOptions
from nosqlpy._io.client import shown_as
from nosqlpy._io.finding import FindOptions, only_key
from nosqlpy._io.tenuring import LONG, next_kept
from nosqlpy._io.timing import TimeLimit
from nosqlpy.aliases import CollationSpec, IndexKeys, Projection, SortSpec
from nosqlpy.errors import ClosedError, InvalidOperation, QueryError

T = TypeVar("T")

# the steps that follow a lookup
ENDED: Final[Iterator[Any]] = iter(())
# has no document, and takes none
NO_BATCH: Final[deque[Any]] = deque(maxlen=0)


@shown_as("Cursor")
class CursorBase(Generic[T]):
    """Builders, and the state of the iteration. Builders change the cursor and return it, until it has started."""

    # what a cursor begins with, set when it changes: most are read to the end at once
    _compiled: Any = None
    _lookup: Lookup[Any] | None = None
    # what it was asked with, and what was changed since by what is a lookup still
    _asked: FindOptions | AggregateOptions
    _changes: dict[str, Any] | None = None
    _kind: Any
    _forks: int = 0
    _steps: Iterator[list[T]] | None = None
    _batch: deque[T] = NO_BATCH
    _closed: bool = False
    # whether all documents go into one list
    _gathers: bool = False

    def __init__(
        self,
        backend: Any,
        name: str,
        options: FindOptions | AggregateOptions,
        codec: TypeCodec[Any],
        kind: Any = None,
        source: Source = execute,
    ) -> None:
        self._backend = backend
        self._name = name
        self._codec = codec
        self._source = source
        self._asked, self._kind = options, kind
        if source is execute and type(options) is FindOptions:
            self._lookup = options.lookup(codec, kind)
        if self._lookup is None:
            self._compiled = options.request(codec, kind)

    def sort(self, key: SortSpec, direction: int = 1, /) -> Self:
        """Order the documents: ``"-age"``, ``"age", -1``, ``["-age", "name"]``, ``[("age", -1)]``, ``{"age": -1}``.

        ``"$natural"`` is the order in which they were inserted, ``"-$natural"`` begins with the last.
        """
        lookup = self._lookup
        if type(lookup) is Lookup and type(key) is str and direction == 1 and self._steps is None and not self._closed:
            only = only_key(key)
            if only is not None:
                self._lookup = Leading(lookup.decode, lookup.limit, only[0], only[1])
                self._note("sort", key)
                return self
        if direction != 1 and not isinstance(key, str):
            raise QueryError("a direction goes with one name; a list of pairs or a mapping has its own")
        return self._change(self._kind, sort=[(key, direction)] if isinstance(key, str) and direction != 1 else key)

    def skip(self, n: int, /) -> Self:
        """Leave out the first `n` documents."""
        return self._change(self._kind, skip=n)

    def limit(self, n: int, /) -> Self:
        """End after `n` documents; 0 means all."""
        lookup = self._lookup
        if lookup is None or type(n) is not int or not 0 <= n <= STEP or self._steps is not None or self._closed:
            return self._change(self._kind, limit=n)
        lookup.limit = n
        self._note("limit", n)
        return self

    def hint(self, index: str | IndexKeys, /) -> Self:
        """Use this index, named or by its keys; ``"$natural"`` means none, ``{"$natural": -1}`` none and backwards."""
        return self._change(self._kind, hint=index)

    def collation(self, collation: CollationSpec | None, /) -> Self:
        """Compare strings as this collation says: ``{"locale": "en", "strength": 2}``, or pymongo's object."""
        return self._change(self._kind, collation=collation)

    def batch_size(self, n: int, /) -> Self:
        """Decode at most `n` documents at a time; 0, and any number above 512, mean 512."""
        return self._change(self._kind, batch_size=n)

    def max_time_ms(self, limit: int | None, /) -> Self:
        """End with `ExecutionTimeout` once the find has worked for so many milliseconds; None or 0: never."""
        return self._change(self._kind, max_time_ms=limit)

    def comment(self, comment: Any, /) -> Self:
        """Say what the log calls the find, if it is slow."""
        return self._change(self._kind, comment=comment)

    def clone(self) -> Self:
        """Return a new cursor for the same find, not started."""
        return type(self)(self._backend, self._name, self._options, self._codec, self._kind, self._source)

    @property
    def alive(self) -> bool:
        """Whether the cursor may have more documents."""
        return not self._closed

    def __bool__(self) -> NoReturn:
        raise TypeError("a cursor is neither true nor false: use first(), to_list() or exists()")

    def __copy__(self) -> Self:
        return self.clone()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a cursor cannot be pickled: it reads an open database; send its documents, to_list()")

    def __repr__(self) -> str:
        shown = [
            f"{name}={value!r}"
            for name, value in msgspec.structs.asdict(self._options).items()
            if value and name != "limits"
        ]
        return f"<{type(self).__name__} {self._name}.{self._options.method}({', '.join(shown)})>"

    def _note(self, name: str, value: Any) -> None:
        """Note a change of the options that the lookup has already."""
        self._compiled = None
        if self._changes is None:
            self._changes = {name: value}
        else:
            self._changes[name] = value

    @property
    def _options(self) -> FindOptions | AggregateOptions:
        """What is asked for now."""
        if self._changes is not None:
            self._asked, self._changes = msgspec.structs.replace(self._asked, **self._changes), None
        return self._asked

    @property
    def _request(self) -> Any:
        """The compiled find or aggregation."""
        if self._compiled is None:
            assert self._lookup is not None, "what is not a lookup was compiled at once"
            options = msgspec.structs.replace(self._options, filter=self._lookup.filter)
            self._compiled = options.request(self._codec, self._kind)
        return self._compiled

    def _project(self, projection: Projection) -> Self:
        """Return only some fields of each document, which are no longer an object of the type that the find had."""
        return self._change(None, projection=projection)

    def _change(self, kind: Any, **changes: Any) -> Self:
        if self._steps is not None or self._closed:
            raise InvalidOperation("the cursor has started; change a clone() of it")
        if self._source is aggregate:
            self._check_changes(changes)
        options = msgspec.structs.replace(self._options, **changes)
        lookup = options.lookup(self._codec, kind) if type(options) is FindOptions and self._source is execute else None
        self._compiled = options.request(self._codec, kind) if lookup is None else None
        self._lookup, self._asked, self._kind = lookup, options, kind
        return self

    def _check_changes(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self._options.__struct_fields__:
                instead = f": put a ${name} into its pipeline" if name in ("sort", "skip", "limit") else ""
                raise InvalidOperation(f"an aggregation is not changed by {name}(){instead}")

    @property
    def _writes(self) -> bool:
        """Whether this is an aggregation that writes what comes out: it runs as a whole, and returns nothing."""
        return self._source is aggregate and self._request.pipeline.target is not None

    def _writing(self) -> tuple[Any, ...]:
        """Return the arguments of `write_result`; for the cursor, all has been said then.

        Raises:
            ReadOnlyError: The client may only read.
        """
        durability = self._backend.writable(None)
        self._steps, self._forks = ENDED, self._backend.forks
        return self._name, self._request, self._backend.options.id_factory, durability

    def _wrote(self, execution: Aggregation[Any], began: float) -> None:
        """Say that an aggregation that began then, and has written, took long, if it did."""
        if (seconds := perf_counter() - began) >= self._backend.watch_s:
            self._took(execution, seconds, 0, None)

    def _looked_up(self, blobs: Sequence[bytes], began: float) -> list[T]:
        """Take all of the answer of a lookup that began then."""
        assert self._lookup is not None, "it has found them"
        self._steps, self._forks = ENDED, self._backend.forks
        decode = self._lookup.decode
        batch = [decode(blobs[0])] if len(blobs) == 1 else list(map(decode, blobs[:]))
        if (seconds := perf_counter() - began) >= self._backend.slow_s:
            self._backend.took(seconds, lookups.find, (self._name, self._request), wrote=False)
        return batch

    def _first_batch(self, execution: Execution[T] | Aggregation[T], began: float) -> list[T]:
        """Take the first batch of a find that began then; time what follows it, if that is more than the end."""
        limit = self._request.query.check
        if isinstance(limit, TimeLimit):
            limit.restart(began)
        steps = self._steps = execution.steps()
        self._forks = self._backend.forks
        batch: list[T] = []
        failure = None
        try:
            batch = next(steps, [])
        except Exception as error:
            failure = type(error)
            raise
        finally:
            seconds = perf_counter() - began
            if execution.several and failure is None:
                self._steps = self._timed(steps, execution, seconds, len(batch))
                next(self._steps)
            elif seconds >= self._backend.watch_s:
                self._took(execution, seconds, len(batch), failure)
        return batch

    def _timed(
        self,
        steps: Iterator[list[T]],
        execution: Execution[T] | Aggregation[T],
        seconds: float,
        returned: int,
    ) -> Iterator[list[T]]:
        """Yield nothing at first, and then what follows the first of `steps`, which took so many seconds.

        In the end, also where nobody asks for the rest, it says so if all took long.
        """
        query = self._request.query
        limit = query.check if isinstance(query.check, TimeLimit) else None
        keeps = self._gathers and execution.plan.candidates > LONG
        batch: list[T] | None = []
        failure = None
        try:
            while batch is not None:
                if limit is not None:
                    limit.pause()
                yield batch
                if limit is not None:
                    limit.resume()
                began = perf_counter()
                try:
                    batch = next_kept(steps) if keeps else next(steps, None)
                finally:
                    seconds += perf_counter() - began
                if limit is not None:  # an aggregation has steps that its find knows nothing of
                    limit()
                returned += len(batch or ())
        except Exception as error:
            failure = type(error)
            raise
        finally:
            if seconds >= self._backend.watch_s:
                self._took(execution, seconds, returned, failure)

    def _took(
        self,
        execution: Execution[T] | Aggregation[T],
        seconds: float,
        returned: int,
        failure: type[Exception] | None,
    ) -> None:
        """Say that the find took long."""
        self._backend.found(
            self._options.method, self._name, self._request.query, execution, seconds, returned, failure
        )

    def _check_open(self) -> None:
        if self._steps is not None and self._forks != self._backend.forks:
            raise InvalidOperation("the cursor was begun before this process was forked: rewind() it, or find again")
        if self._closed and self._steps is None:
            raise ClosedError("the cursor is closed; find again, or rewind() it")

    @staticmethod
    def _check_length(length: int | None) -> None:
        if length is not None and (type(length) is not int or not 0 <= length <= sys.maxsize):
            raise QueryError("the length of a list is None or an int that is not negative and fits 64 bits")

    def _reset(self, *, closed: bool) -> None:
        """Forget the iteration; a `closed` cursor then yields nothing more."""
        self._steps = None
        self._batch = NO_BATCH
        self._closed = closed
