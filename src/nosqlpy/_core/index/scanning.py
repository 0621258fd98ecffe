"""Scans of an index: the documents under the keys that bounds leave, counted, gathered, or in the order of the keys."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from itertools import chain, groupby, product
from typing import Any, Final, TypeAlias

from nosqlpy._core.index.bounds import Bounds, Range
from nosqlpy._core.index.components import ABOVE, component, rank_of
from nosqlpy._core.index.hashed import HashIndex
from nosqlpy._core.index.ids import IdIndex
from nosqlpy._core.index.order import PAST, Span

FieldBounds: TypeAlias = tuple[Bounds, ...]
"""The bounds of the first fields of an index; those before the last have points only. None at all for every key."""

Natural: TypeAlias = Callable[[Collection[Hashable]], Sequence[Hashable]]
"""Puts keys of documents into natural order."""

PIECE: Final = 64
"""Keys whose documents are gathered at once where they come in order."""
PREFIXES_MAX: Final = 1000
"""Combinations of points of several fields that are looked up, at most."""


def count(index: HashIndex, bounds: FieldBounds, most: int) -> int:
    """Return how many entries lie within `bounds`, or a number above `most` if that is surely less."""
    if not bounds:
        return max(most, len(index))
    found = 0
    for part in _parts(index, bounds):
        if isinstance(part, Span):
            found += len(part)
            if found <= most and index.is_shared:
                found += index.sizes(part.all()) - len(part)
        else:
            found += len(index.lookup(part))
        if found > most:
            break
    return found


def gather(index: HashIndex, bounds: FieldBounds) -> tuple[Collection[Hashable], bool]:
    """Return the keys of the documents within `bounds`, none twice, and whether they stand in natural order."""
    if not bounds:
        return dict.fromkeys(index.documents(index.all_values())).keys(), isinstance(index, IdIndex)
    parts = _parts(index, bounds)
    if len(parts) == 1 and not isinstance(parts[0], Span):
        return index.lookup(parts[0]), parts[0] not in index.moved
    found: list[Hashable] = []
    for part in parts:
        found += index.documents(part.all()) if isinstance(part, Span) else index.lookup(part)
    repeats = index.multikey or index.wildcard is not None
    natural = len(found) < 2 or (len(parts) == 1 and index.is_natural)
    return (dict.fromkeys(found).keys() if repeats else found), natural


def found_by(
    index: HashIndex, values: Sequence[Hashable], bounds: FieldBounds | None
) -> tuple[Collection[Hashable], bool]:
    """Return what `gather` does, for `values` of the only field if there are no bounds."""
    if bounds is not None:
        return gather(index, bounds)
    if len(values) == 1:
        return index.lookup(values[0]), values[0] not in index.moved
    return gather(index, (Bounds(tuple(values)),))


def examined(index: HashIndex, bounds: FieldBounds) -> int:
    """Return how many keys of the index lie within `bounds`."""
    if not bounds:
        return len(index)
    return sum(len(part) if isinstance(part, Span) else bool(index.lookup(part)) for part in _parts(index, bounds))


def _parts(index: HashIndex, bounds: FieldBounds) -> list[Hashable | Span]:
    """Return what the bounds mean in the index: keys to look up, and spans of keys."""
    if len(index.keys) > 1:
        return _compound_parts(index, bounds)
    (only,) = bounds
    parts: list[Hashable | Span] = list(only.points)
    return [*parts, *(_single_span(index, each) for each in only.ranges)]


def _single_span(index: HashIndex, each: Range) -> Span:
    span: Span = index.order().span(each.rank, each.low, each.high, low_open=each.low_open, high_open=each.high_open)
    return span


def _compound_parts(index: HashIndex, bounds: FieldBounds) -> list[Hashable | Span]:
    *before, last = bounds
    prefixes = [sum(parts, ()) for parts in product(*(map(component, each.points) for each in before))]
    whole = len(bounds) == len(index.keys)
    parts: list[Hashable | Span] = []
    for prefix in prefixes:
        for point in last.points:
            beginning = prefix + component(point)
            parts.append(beginning if whole else index.order().span(beginning, beginning + PAST))
        parts += [index.order().span(*_ends(prefix, each)) for each in last.ranges]
    return parts


def _ends(prefix: tuple[Any, ...], each: Range) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return where the compound keys begin and end that begin with `prefix` and go on within a range."""
    low: tuple[Any, ...] = (*prefix, each.rank)
    high: tuple[Any, ...] = (*prefix, each.rank + ABOVE)
    if each.low is not None:
        low = prefix + component(each.low) + (PAST if each.low_open else ())
    if each.high is not None:
        high = prefix + component(each.high) + (() if each.high_open else PAST)
    return low, high


def ordered(
    index: HashIndex, bounds: FieldBounds, first: int, directions: Sequence[int], natural: Natural
) -> Iterator[Sequence[Hashable]]:
    """Yield the keys of documents in the order of fields of the index, each 1 or -1; equal ones in natural order.

    These fields are that at the position `first` and those after it. The fields before it have a single point each.
    A document that stands under several elements of an array comes with the first of them.
    """
    parts = _ordered(index, bounds, first, directions, natural)
    yield from _each_once(parts) if index.multikey else parts


def _each_once(parts: Iterator[Sequence[Hashable]]) -> Iterator[Sequence[Hashable]]:
    """Yield what `parts` have, none twice."""
    seen: set[Hashable] = set()
    for part in parts:
        fresh = [key for key in dict.fromkeys(part) if key not in seen]
        seen.update(fresh)
        yield fresh


def _ordered(
    index: HashIndex, bounds: FieldBounds, first: int, directions: Sequence[int], natural: Natural
) -> Iterator[Sequence[Hashable]]:
    """Yield the keys of documents as `ordered` does, those of a document under several keys with each of these."""
    for keys, tied in _runs(index, bounds, first, directions):
        if tied:
            yield natural(index.documents(keys))
        else:
            yield from _tied(index, keys, natural)


def pairs_in_order(
    index: HashIndex, bounds: FieldBounds, first: int, directions: Sequence[int], natural: Natural
) -> Iterator[tuple[Collection[Hashable], Collection[Hashable]]]:
    """Yield what `ordered` does, and with the keys of documents those of the index under which these stand."""
    for keys, tied in _runs(index, bounds, first, directions):
        pairs = index.pairs(keys)
        if tied or not index.moved.isdisjoint(keys):
            documents = natural(pairs) if tied else list(chain.from_iterable(_tied(index, keys, natural)))
            yield documents, list(map(pairs.__getitem__, documents))
        else:
            yield pairs.keys(), pairs.values()


def pairs_within(index: HashIndex, bounds: FieldBounds) -> tuple[dict[Hashable, Hashable], bool]:
    """Return what `gather` does, each key of a document with the key of the index under which it stands."""
    if not bounds:
        return index.pairs(index.all_values()), False
    parts = _parts(index, bounds)
    pairs: dict[Hashable, Hashable] = {}
    for part in parts:
        if isinstance(part, Span):
            pairs.update(index.pairs(part.all()))
        else:
            pairs.update(dict.fromkeys(index.lookup(part), part))
    if len(parts) == 1 and not isinstance(parts[0], Span):
        return pairs, parts[0] not in index.moved
    return pairs, len(pairs) < 2 or (len(parts) == 1 and index.is_natural)


def _runs(
    index: HashIndex, bounds: FieldBounds, first: int, directions: Sequence[int]
) -> Iterator[tuple[list[Hashable], bool]]:
    """Yield keys of the index in order, in lists; and whether all of one are equal in the fields that count."""
    spans = _spans(index, bounds, first)
    if directions[0] < 0:
        spans.reverse()
    upto = 2 * (first + len(directions))
    ends_inside = len(index.keys) > 1 and upto < 2 * len(index.keys)
    for span in spans:
        parts = _walk(span, 2 * first, directions)
        if ends_inside:
            # across the parts: where one of them ends is not where the keys begin otherwise
            for _, group in groupby(chain.from_iterable(parts), key=lambda key: key[:upto]):
                yield list(group), True
        else:
            for part in parts:
                for start in range(0, len(part), PIECE):  # the first ones may be all that is wanted
                    yield part[start : start + PIECE], False


def _spans(index: HashIndex, bounds: FieldBounds, first: int) -> list[Span]:
    """Return the spans of keys within `bounds`, in ascending order."""
    if not bounds:
        return list(index.order().everything())
    if len(index.keys) == 1:
        (only,) = bounds
        points = [(rank_of(key), index.order().point(key)) for key in only.points]
        spans = [*points, *((each.rank, _single_span(index, each)) for each in only.ranges)]
        return [span for _, span in sorted(spans, key=lambda pair: (pair[0], pair[1].start))]
    prefix: tuple[Any, ...] = sum((component(each.points[0]) for each in bounds[:first]), ())
    if len(bounds) == first:
        return [index.order().span(prefix, prefix + PAST)]
    last = bounds[first]
    ends = [(prefix + component(key), prefix + component(key) + PAST) for key in last.points]
    ends += [_ends(prefix, each) for each in last.ranges]
    found = [index.order().span(low, high) for low, high in ends]
    return sorted(found, key=lambda span: span.start)


def _walk(span: Span, position: int, directions: Sequence[int]) -> Iterator[list[Any]]:
    """Yield the keys of a span in lists; their components from `position` on go in these directions."""
    if len(set(directions)) == 1:
        yield from span.parts(descending=directions[0] < 0)
        return
    keys, start, stop = span.keys, span.start, span.stop
    upto = position + 2
    while start < stop:
        if directions[0] > 0:
            end = min(stop, keys.place(keys.at(start)[:upto] + PAST, after=False))
            group, start = Span(keys, start, end), end
        else:
            begin = max(start, keys.place(keys.before(stop)[:upto], after=False))
            group, stop = Span(keys, begin, stop), begin
        yield from _walk(group, upto, directions[1:])


def _tied(index: HashIndex, part: list[Hashable], natural: Natural) -> Iterator[Sequence[Hashable]]:
    """Yield the documents under each of some keys, those of one key in natural order."""
    moved = index.moved
    if not moved or moved.isdisjoint(part):
        yield index.documents(part)
        return
    for key in part:
        holders = index.holders(key)
        yield natural(holders) if key in moved else tuple(holders)
