"""Sort orders: which of two documents comes first.

Manual: reference/method/cursor.sort. A field sorts by its value in the order of
`values.order`; an array sorts by its smallest element, or, descending, by its
largest; a missing field sorts as null, an empty array below it. Documents that
compare equal keep the order in which they come.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import datetime
from heapq import nlargest, nsmallest
from itertools import chain, compress, repeat
from operator import ge, gt, le, lt
from sys import getsizeof
from typing import Any, Final, TypeAlias, TypeVar

from msgspec import UNSET

from nosqlpy._core.expression.fieldpaths import parse_field_path
from nosqlpy._core.expression.meta import check_meta
from nosqlpy._core.query.buckets import SLICE, Steps, finished, mapped, ranked, released
from nosqlpy._core.query.entries import Entries
from nosqlpy._core.query.partial import Column, Layout, Row, layout_of
from nosqlpy._core.query.several import Several
from nosqlpy._core.query.sortvalues import UNDEFINED, folded, leading, sorted_values, value_key
from nosqlpy._core.values.codec import inspect_document
from nosqlpy._core.values.collation import Collation
from nosqlpy._core.values.kept import kept
from nosqlpy._core.values.metadata import SCORE, score_of
from nosqlpy._core.values.numbers import NUMERIC, truncate
from nosqlpy._core.values.order import order_key
from nosqlpy._core.values.types import TYPES
from nosqlpy.aliases import SortSpec
from nosqlpy.errors import QueryError

T = TypeVar("T")
Keys: TypeAlias = tuple[tuple[str, int], ...]

_NUMBERS: Final = frozenset((int, float))
_PLAIN: Final = frozenset((str, datetime))
_SMALL: Final = frozenset((int, float, bool, type(None), datetime))
_SMALL_SIZE: Final = 32
"""Bytes of a number or a date, about."""
_ARRAYS: Final = frozenset((list, Several))

_HEAP_SHARE: Final = 8
"""With a limit below this part of the documents, a heap finds the first ones faster than sorting all."""

_SAMPLE: Final = 64
"""Keys at the beginning, between, and at the end, of which the first ones are soon known; most others come later.

A heap takes long where each key comes before all that it has seen, as where the newest of a log are asked for.
"""
_SAMPLED_MIN: Final = 512

_BEFORE: Final[dict[tuple[int, bool, bool], Callable[[Any, Any], bool]]] = {
    (-1, True, False): gt,
    (-1, False, False): ge,
    (1, True, False): lt,
    (1, False, False): le,
    # NaN, which neither is less nor more, is the lowest number
    (-1, True, True): gt,
    (-1, False, True): ge,
    (1, True, True): lambda entry, bar: not entry >= bar,
    (1, False, True): lambda entry, bar: not entry > bar,
}
"""Whether an entry may come before a bar: by direction, whether it is the only key, and whether it may be NaN."""

_KEYS_AT_ONCE: Final = 1024
"""Order keys that are made at once: about a millisecond."""


class Ordering:
    """Puts documents in order; made by `compile_sort`. Immutable, may be shared by threads."""

    __slots__ = ("_collation", "_columns", "_layout", "keys", "scored")

    keys: Keys
    """Paths and their directions, 1 or -1, the most significant first; SCORE stands for the score of a text search."""
    scored: bool
    """Whether the score of a text search is among them."""

    def __init__(self, keys: Keys, collation: Collation | None = None) -> None:
        self.keys = keys
        self._collation = collation
        paths = [path for path, _ in keys]
        self.scored = SCORE in paths
        self._layout: Layout = layout_of(frozenset(path for path in paths if path != SCORE))
        self._columns: list[Column | None] = self.columns_on(self._layout)

    @property
    def pattern(self) -> dict[str, Any]:
        """The order as MongoDB shows it."""
        return {
            "$computed0" if path == SCORE else path: {"$meta": "textScore"} if path == SCORE else direction
            for path, direction in self.keys
        }

    @property
    def collation(self) -> Collation | None:
        """How strings compare."""
        return self._collation

    def rows(self, blobs: Sequence[bytes]) -> list[Any]:
        """Return what `arrange` orders each of the encoded documents by; only the keys' paths are decoded.

        Raises:
            QueryError: Two keys come through different arrays of one document.
        """
        if len(self.keys) == 1 and not self.scored and self._collation is None:
            return self._layout.entries(self.keys[0][0], sorted_values, blobs)
        scores = list(map(score_of, blobs)) if self.scored else []
        return self._keyed(
            self._columns, self._layout.rows(blobs), lambda index: inspect_document(blobs[index]), scores
        )

    def rows_of(self, documents: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Return the same of decoded documents."""
        scores = [document.get(SCORE) for document in documents] if self.scored else []
        return self._keyed(self._columns, list(map(self._layout.row, documents)), documents.__getitem__, scores)

    def columns_on(self, layout: Layout) -> list[Column | None]:
        """Return the columns of the keys, where rows are laid out so; None for that of scores."""
        return [None if path == SCORE else layout.column(path, sorted_values) for path, _ in self.keys]

    def rows_on(self, columns: Sequence[Column | None], rows: Sequence[Row], blob: Callable[[int], bytes]) -> list[Any]:
        """Return the same of documents without scores whose `columns` are at hand; `blob` gives one by its place."""
        return self._keyed(columns, rows, lambda index: inspect_document(blob(index)), [])

    def _keyed(
        self,
        sources: Sequence[Column | None],
        decoded: Sequence[Row],
        document: Callable[[int], Mapping[str, Any]],
        scores: list[Any],
    ) -> list[Any]:
        columns = [scores if column is None else list(column(decoded)) for column in sources]
        if self._collation is not None:
            columns = [folded(column, self._collation) for column in columns]
        if len(columns) == 1:
            return columns[0]
        rows = list(zip(*columns, strict=True))
        if sum(not _ARRAYS.isdisjoint(map(type, column)) for column in columns) > 1:
            for index, row in enumerate(rows):
                if sum(type(entry) in _ARRAYS for entry in row) > 1:
                    whole = document(index)
                    leaders = leading(self._collation.fold(whole) if self._collation else whole, self.keys)
                    if self.scored:
                        pairs = zip(self.keys, row, leaders, strict=True)
                        leaders = tuple(entry if path == SCORE else leader for (path, _), entry, leader in pairs)
                    rows[index] = leaders
        return rows

    def bar(self, row: Any) -> Any:
        """Return what `ahead` compares others with, of the last of the rows that are kept; UNSET if it cannot."""
        entry = row if len(self.keys) == 1 else row[0]
        kind = type(entry)
        return entry if kind in _PLAIN or (kind in _NUMBERS and entry == entry) else UNSET  # noqa: PLR0124 - NaN

    def ahead(self, rows: Sequence[Any], bar: Any) -> list[int]:
        """Return the positions of the rows that may come before the one with the `bar`, all of which are later ones.

        Values of the bar's own kind compare as Python compares them; rows with others may all come before it.
        """
        kind = type(bar)
        family = _NUMBERS if kind in _NUMBERS else frozenset((kind,))
        entries = rows if len(self.keys) == 1 else [row[0] for row in rows]
        kinds = entries.kinds if type(entries) is Entries else set(map(type, entries))
        before = _BEFORE[self.keys[0][1], len(self.keys) == 1, float in kinds]
        if kinds <= family:
            return list(compress(range(len(entries)), map(before, entries, repeat(bar))))
        return [index for index, entry in enumerate(entries) if type(entry) not in family or before(entry, bar)]

    def size(self, rows: Sequence[Any]) -> int:
        """Return about how many bytes Python takes for `rows`; what several of them share counts for each."""
        size = 0
        entries = rows
        if len(self.keys) > 1:
            size = sum(map(getsizeof, rows[:1])) * len(rows)
            entries = list(chain.from_iterable(rows))
        kinds = set(map(type, entries))
        if kinds <= _SMALL:
            return size + _SMALL_SIZE * len(entries)
        size += sum(map(getsizeof, entries))
        if not _ARRAYS.isdisjoint(kinds):
            size += sum(sum(map(getsizeof, entry)) for entry in entries if type(entry) in _ARRAYS)
        return size

    def first_keys(self, documents: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Return for each document what is equal for those of which neither comes first by the first path."""
        return finished(self._sort_keys(self.rows_of(documents), range(len(documents)), 0))

    def arrange(self, rows: list[Any], items: list[T], limit: int | None = None) -> list[T]:
        """Return `items` in the order of their `rows`, equal ones in their own; the first `limit` if one is given."""
        return [items[index] for index in finished(self.arranging(rows, limit))] if self.keys else items[:limit]

    def arranging(self, rows: list[Any], limit: int | None = None) -> Steps[list[int]]:
        """Return the positions of `rows` in their order, equal ones in their own; the first `limit` if one is given."""
        chosen: Sequence[int] = range(len(rows))
        if limit is not None:
            chosen = yield from self._candidates(rows, limit)
        for position in reversed(range(len(self.keys))):
            keys = yield from self._sort_keys(rows, chosen, position)
            ranks = yield from ranked(keys, descending=self.keys[position][1] < 0)
            chosen = ranks if type(chosen) is range else (yield from mapped(chosen.__getitem__, ranks))
            if keys is not rows:
                yield from released(keys)
        return chosen if isinstance(chosen, list) and limit is None else list(chosen[:limit])

    def _candidates(self, rows: list[Any], limit: int) -> Steps[Sequence[int]]:
        """Return the positions of all rows that can be among the first `limit`, by the first key alone."""
        if limit <= 0:
            return ()
        if limit * _HEAP_SHARE > len(rows):
            return range(len(rows))
        keys = yield from self._sort_keys(rows, range(len(rows)), 0)
        descending = self.keys[0][1] < 0
        first, reaches = (nlargest, ge) if descending else (nsmallest, le)
        chosen: Sequence[int] = range(len(keys))
        if limit <= _SAMPLE and len(keys) > _SAMPLED_MIN:
            sample = keys[:_SAMPLE] + keys[_SAMPLE : -_SAMPLE : len(keys) // _SAMPLE] + keys[-_SAMPLE:]
            sample.sort(reverse=descending)
            chosen = list(compress(chosen, map(reaches, keys, repeat(sample[limit - 1]))))
            if len(chosen) <= limit * _HEAP_SHARE:
                return chosen
            keys = list(map(keys.__getitem__, chosen))
        return list(compress(chosen, map(reaches, keys, repeat(first(limit, keys)[-1]))))

    def _sort_keys(self, rows: list[Any], chosen: Sequence[int], position: int) -> Steps[list[Any]]:
        """Return what Python orders the `chosen` rows by as MongoDB orders what they have at `position`."""
        if len(self.keys) > 1:
            entries = yield from mapped(lambda index: rows[index][position], chosen)
        else:
            entries = rows if len(chosen) == len(rows) else [rows[index] for index in chosen]
        if (yield from _are_comparable(entries)):
            return entries
        pick = max if self.keys[position][1] < 0 else min
        return (yield from mapped(lambda entry: _entry_key(entry, pick), entries, at_once=_KEYS_AT_ONCE))


def _are_comparable(entries: list[Any]) -> Steps[bool]:
    """Return whether Python orders the entries as MongoDB does: all strings, all dates, or all numbers but NaN."""
    kinds: set[type] = set()
    for start in range(0, len(entries), SLICE):
        part = entries[start : start + SLICE]
        kinds.update(map(type, part))
        if not kinds <= _NUMBERS and (len(kinds) > 1 or not kinds <= _PLAIN):
            return False
        if float in kinds and any(entry != entry for entry in part):  # noqa: PLR0124 - only NaN differs from itself
            return False
        if start + SLICE < len(entries):
            yield
    return True


def _entry_key(entry: Any, pick: Callable[..., Any]) -> Any:
    kind = type(entry)
    if kind is list:
        return pick(map(order_key, entry)) if entry else value_key(UNDEFINED)
    if kind is Several:
        return pick(map(value_key, entry))
    return order_key(entry)


def compile_sort(spec: SortSpec, direction: int = 1, collation: Collation | None = None) -> Ordering:
    """Return the ordering that `spec` describes; orderings are cached.

    `spec` is a path, with ``-`` before it to descend, a list of such paths or of pairs of path and direction,
    or a mapping of paths to directions; `direction` counts for a path that stands alone.

    Raises:
        QueryError: A direction is not 1 or -1, a path is malformed or named twice.
        NotSupportedError: The order is by metadata other than the score of a text search.
    """
    return ordering_of(sort_keys(spec, direction), collation)


def sort_keys(spec: SortSpec, direction: int = 1) -> Keys:
    """Return the paths that `spec` names, each with 1 or -1; SCORE for the score of a text search."""
    if type(spec) is str and type(direction) is int:
        return _named(spec, direction)
    return tuple(_key(path, value) for path, value in _pairs(spec, direction))


@kept(512)
def _named(text: str, direction: int) -> Keys:
    """Return the same of one string; kept, since programs have few."""
    return (_key(*_signed(text, direction)),)


def natural_direction(keys: Keys) -> int | None:
    """Return 1 or -1 if the order is that in which the documents were inserted, or that backwards; else None.

    Manual: reference/method/cursor.sort, "Return Natural Order".

    Raises:
        QueryError: There is something beside ``$natural``.
    """
    if all(path != "$natural" for path, _ in keys):
        return None
    if len(keys) > 1:
        raise QueryError("$natural stands alone in a sort", code=2, code_name="BadValue")
    return keys[0][1]


def _pairs(spec: Any, direction: int) -> Iterable[tuple[str, Any]]:
    if isinstance(spec, str):
        return [_signed(spec, direction)]
    if isinstance(spec, Mapping):
        return map(_unsigned, spec.items())
    if isinstance(spec, Sequence) and not isinstance(spec, bytes):
        pairs = [_signed(item, 1) if isinstance(item, str) else _unsigned(item) for item in spec]
        if None not in pairs:
            return pairs
    raise QueryError(
        'a sort is a path such as "-age", a list of paths, ["-age", "name"], or of pairs, [("age", -1)], '
        "or a mapping of paths to 1 or -1",
        code=14,
        code_name="TypeMismatch",
    )


def _signed(text: str, direction: int) -> tuple[str, int]:
    """Return the path and direction that a string means, which descends after a ``-``."""
    if "," in text:
        listed = [name.strip() for name in text.split(",")]
        raise QueryError(f"a string names one sort key; for several write a list: {listed}")
    sign = _checked_direction(text, direction)
    return (text[1:], -sign) if text.startswith("-") else (text, sign)


def _unsigned(pair: Any) -> Any:
    """Return a pair of path and direction as a tuple, or None if it is none."""
    if not isinstance(pair, Sequence) or len(pair) != 2:
        return None
    path, direction = pair
    if not isinstance(path, str):
        raise QueryError(f"a sort key is a path, hence a str, not {type(path).__name__}")
    if path.startswith("-"):
        name = path[1:]
        raise QueryError(
            f"sort key {path!r} has a direction beside it: write ({name!r}, -1), or {path!r} without a direction"
        )
    return path, direction


def _key(path: str, value: Any) -> tuple[str, int]:
    """Return a path and its direction; the score of a text search descends."""
    if type(path) is not str and not isinstance(path, Hashable):  # as a bson.Code, which is a str
        raise QueryError(f"a sort key is a path, hence a str, not {type(path).__name__}")
    if not isinstance(value, Mapping):
        return path, _checked_direction(path, value)
    if next(iter(value), None) != "$meta":
        message = f"the direction of sort key {path!r} is 1, -1 or {{'$meta': 'textScore'}}"
        raise QueryError(message, code=17312, code_name="Location17312")
    if len(value) > 1:
        raise QueryError(f"sort key {path!r} has more than '$meta'", code=9, code_name="FailedToParse")
    check_meta(value["$meta"], f"sort key {path!r}", code=31138)
    return SCORE, -1


def _checked_direction(path: Any, value: Any) -> int:
    is_number = TYPES[type(value)] in NUMERIC
    direction = truncate(value) if is_number else None  # the server takes 1.5 for 1
    if direction is None or direction not in (1, -1):
        message = f"the direction of sort key {path!r} must be 1 (ascending) or -1 (descending)"
        code = 15975 if is_number else 15974
        raise QueryError(message, code=code, code_name=f"Location{code}")
    return direction


@kept(512)
def ordering_of(keys: Keys, collation: Collation | None) -> Ordering:
    """Return the ordering by some paths; orderings are cached."""
    paths: set[str] = set()
    for path, _ in keys:
        if path != SCORE:
            parse_field_path(path, "the sort key")
        if path in paths:
            raise QueryError(f"sort key {path!r} is named twice", code=7472500, code_name="Location7472500")
        paths.add(path)
    return Ordering(keys, collation)
