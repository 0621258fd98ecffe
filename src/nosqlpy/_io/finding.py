"""What a call asks for: the options of a find, as the user gave them, and how they become a query.

To add an option of MongoDB's: a field of `FindOptions`, what `compile_query` makes
of it, and the parameter of the methods that take it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec

from nosqlpy._core.engine.execution import STEP, Decode, Query, Request
from nosqlpy._core.engine.lookups import LOWER, UPPER, Between, Equal, Leading, Lookup
from nosqlpy._core.engine.reads import compile_query, converting
from nosqlpy._core.engine.returned import Returned
from nosqlpy._core.expression.parameters import bind_parameters
from nosqlpy._core.expression.scope import RANDOM
from nosqlpy._core.query.limits import Limits
from nosqlpy._core.query.sort import ordering_of, sort_keys
from nosqlpy._core.values.collation import Collation
from nosqlpy._core.values.collation_spec import compile_collation
from nosqlpy._core.values.kept import kept
from nosqlpy._core.values.paths import parse_path
from nosqlpy._core.values.typed import PLAIN, TypeCodec, codec_for
from nosqlpy._core.values.types import BOOL, DATE, DOUBLE, INT, LONG, OBJECT_ID, STRING, TYPES
from nosqlpy._io.timing import time_limit
from nosqlpy.aliases import CollationSpec, Filter, IndexKeys, Projection, SortSpec
from nosqlpy.errors import NotSupportedError, QueryError

_BOUNDS = LOWER | UPPER
# of these an index leads to what is equal to them, and to nothing else
_EXACT = frozenset((STRING, INT, LONG, DOUBLE, BOOL, DATE, OBJECT_ID))
_OWN_EXACT = frozenset((str, int, float, bool, datetime))
# the one there is: another zero would have been made on purpose, and is left to the general form
_ZERO = 0
_ORDERED = frozenset((str, int, float, datetime))
NO_LIMITS = Limits(depth=None, nodes=None, in_size=None, regex_length=None)


class FindOptions(msgspec.Struct, frozen=True):
    """The arguments of a find, or of a write that finds what it changes, as the user gave them."""

    method: ClassVar[str] = "find"

    filter: Filter | None = None
    projection: Projection | None = None
    sort: SortSpec | None = None
    skip: int = 0
    limit: int = 0
    hint: str | IndexKeys | None = None
    let: Mapping[str, Any] | None = None
    collation: CollationSpec | None = None
    batch_size: int = 0
    max_time_ms: int | None = None
    comment: Any = None
    limits: Limits = NO_LIMITS

    def lookup(self, codec: TypeCodec[Any], kind: Any) -> Lookup[Any] | None:
        """Return the find as a lookup, if it says no more than one can, and surely nothing wrong; else None."""
        limit, filter, sort = self.limit, self.filter, self.sort
        if (
            self.projection is not None
            or self.hint is not None
            or self.let is not None
            or self.collation is not None
            or self.max_time_ms is not None
            or self.skip is not _ZERO
            or self.batch_size is not _ZERO
            or (limit is not _ZERO and (type(limit) is not int or not 0 <= limit <= STEP))
        ):
            return None
        decode = (codec if kind is None else codec_for(kind)).decode
        if not filter and (filter is None or type(filter) is dict):
            return _first(decode, limit, sort)
        if sort is not None or type(filter) is not dict or len(filter) != 1:
            return None
        for path, value in filter.items():
            if type(path) is str and _is_path(path):
                if type(value) in _OWN_EXACT or TYPES[type(value)] in _EXACT:
                    return Equal(decode, limit, path, value)
                if type(value) is dict and _is_range(value):
                    self.limits.check(filter)
                    return Between(decode, limit, path, tuple(value.items()))
        return None

    def compile(self, variables: Mapping[str, Any] | None = None, collation: Collation | None = None) -> Query:
        """Return the compiled query; `variables` are those of the call, if its `let` is bound already.

        Without a collation of its own it has the `collation` of its collection, if that is known.
        """
        if type(self.filter) is dict or isinstance(self.filter, Mapping):
            self.limits.check(self.filter)
        if variables is None:
            variables = bind(self.let, self.collation)
        own = self.collation is not None
        return compile_query(
            self.filter,
            self.projection,
            self.sort,
            self.skip,
            self.limit,
            self.hint,
            variables,
            self.batch_size,
            None if self.max_time_ms is None else time_limit(self.max_time_ms),
            compile_collation(self.collation) if own else collation,
            self.comment,
            origin=None if own or collation is not None else self,
        )

    def request(self, codec: TypeCodec[Any], kind: Any, variables: Mapping[str, Any] | None = None) -> Request[Any]:
        """Return the compiled query and the decoder of what it finds.

        A projection alone gives plain dicts, since a part of a document is no whole object of its collection's type.
        """
        query = self.compile(variables)
        if kind is not None:
            codec = codec_for(kind)
        elif query.projection is not None:
            codec = PLAIN
        if query.projection is None:
            return Request(query, codec.decode)
        return Request(query, converting(query.projection, codec.convert), codec.convert)

    def returned(self, codec: TypeCodec[Any], variables: Mapping[str, Any]) -> Returned[Any]:
        """Return the compiled query of a write that returns a document, and how that is decoded."""
        request = self.request(codec, None, variables)
        if request.query.projection is not None and request.query.projection.scored:
            raise NotSupportedError("a projection of {'$meta': 'textScore'} is not supported in a write")
        return Returned(request, at_once=codec is PLAIN or request.query.projection is not None)


@kept(4096)
def _is_path(path: str) -> bool:
    """Whether a filter may have `path`, and nothing is special about it; kept, since programs have few."""
    try:
        return path[:1] != "$" and bool(parse_path(path).parts)
    except QueryError:
        return False


def _is_range(operators: dict[Any, Any]) -> bool:
    """Whether these operators bound a value from below or above, or both, by what is ordered in one bracket."""
    if not 0 < len(operators) <= 2 or not _BOUNDS.issuperset(operators):
        return False
    for operand in operators.values():
        if type(operand) not in _ORDERED or operand != operand:  # noqa: PLR0124 - NaN
            return False
    return len(operators) == 1 or not (LOWER.issuperset(operators) or UPPER.issuperset(operators))


def _first(decode: Decode[Any], limit: int, sort: Any) -> Lookup[Any] | None:
    """Return the lookup of the first documents, in the order of one path if that is given by its name."""
    if sort is None:
        return Lookup(decode, limit)
    key = only_key(sort) if type(sort) is str else None
    return None if key is None else Leading(decode, limit, *key)


@kept(512)
def only_key(sort: str) -> tuple[str, int] | None:
    """Return the path that `sort` names, and the direction, if nothing is special about it; kept like `_is_path`."""
    ((path, direction),) = sort_keys(sort)
    if not _is_path(path):
        return None
    ordering_of(((path, direction),), None)
    return path, direction


class CallTime(Mapping[str, Any]):
    """The variables that every call has: NOW, its time, read from the clock if asked for, and RANDOM, which draws."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: dict[str, Any] | None = None

    def _read(self) -> dict[str, Any]:
        if self._values is None:
            self._values = {"NOW": datetime.now(UTC), RANDOM: random.random}
        return self._values

    def __getitem__(self, name: str) -> Any:
        return self._read()[name]

    def __iter__(self) -> Iterator[str]:  # whoever compiles an expression asks for the names, during the call
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())


def bind(let: Mapping[str, Any] | None, collation: CollationSpec | None = None) -> Mapping[str, Any]:
    """Return the variables of one call, by name: NOW, its time, is ``$$NOW``; RANDOM draws; and those of `let`.

    Raises:
        QueryError: `let` is no mapping, or a variable of it is malformed.
    """
    provided = CallTime()
    return provided if let is None else bind_parameters(let, provided, compile_collation(collation))


def match(options: FindOptions, variables: Mapping[str, Any]) -> Query:
    """Return the compiled query of a write.

    Raises:
        QueryError: The filter is no mapping, or an option cannot be understood.
    """
    require_filter(options.filter)
    return options.compile(variables)


def require_filter(filter: Any) -> Filter:
    """Return `filter`, which must be a mapping: a write to everything is asked for by ``{}``."""
    if type(filter) is not dict and not hasattr(filter, "keys"):
        raise QueryError(f"a filter is a mapping, not {type(filter).__name__}", code=14, code_name="TypeMismatch")
    return filter  # type: ignore[no-any-return]


def by_id(filter: Any) -> Filter | None:
    """Return the filter of a find_one; what is no mapping is an ``_id``, as in pymongo."""
    return filter if filter is None or hasattr(filter, "keys") else {"_id": {"$eq": filter}}
