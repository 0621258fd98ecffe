"""Extraction: the keys under which a document stands in an index.

They are those of a server's index (see `sortvalues`); an array that a path ends
in stands there as a whole as well, under a key of its own kind, because a
condition may ask for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import compress
from typing import Any, Final, TypeAlias

from nosqlpy._core.index.catalogue import ORDERED
from nosqlpy._core.index.components import UNDEFINED_KEY, WHOLE, component, index_key, whole_key
from nosqlpy._core.index.hashed import HashIndex
from nosqlpy._core.index.textual import TextExtraction, TextIndex
from nosqlpy._core.index.wildcard import WildcardSpec
from nosqlpy._core.query.filter import Predicate, compile_filter
from nosqlpy._core.query.partial import Column, Detour, Layout, Row, matched_leaves, matched_values
from nosqlpy._core.query.several import Several
from nosqlpy._core.query.sortvalues import combinations, folded, is_ambiguous, sorted_values
from nosqlpy._core.values.codec import inspect_document
from nosqlpy._core.values.keys import equality_key
from nosqlpy._core.values.types import MISSING
from nosqlpy.errors import WriteError
from nosqlpy.results import HASHED

IndexKeys: TypeAlias = Collection[Hashable]
Extract: TypeAlias = Callable[[Sequence[Row], Sequence[bytes]], Iterable[IndexKeys]]
"""From the rows of encoded documents, and these, to the keys of each."""

_NONE: Final[tuple[Hashable, ...]] = ()


def extraction(index: HashIndex, layout: Layout, *, strict: bool = False) -> Extract:
    """Return what finds the keys of documents in `index`, from rows of `layout`, which reads its paths.

    `strict` refuses documents in which a number of a path means two things; those that are stored already may be so.
    """
    if isinstance(index, TextIndex):
        return TextExtraction(index, layout)
    extract = _unfiltered(index, layout)
    if index.definition.kind == HASHED:
        extract = _flat_only(index, layout, extract)
    if strict and index.definition.has_numbers:
        extract = _unambiguous_only(index, extract)
    return (
        extract
        if index.definition.partial is None
        else _partial(extract, compile_filter(index.definition.partial, collation=index.collation))
    )


def _unfiltered(index: HashIndex, layout: Layout) -> Extract:
    if index.wildcard is not None:
        return _wildcard(index, index.wildcard, layout)
    return _single(index, layout) if len(index.keys) == 1 else _compound(index, layout)


def plain_column(index: HashIndex, layout: Layout) -> Column | None:
    """Return the column of an index of one path that has all documents; strings and ints in it are keys as they are."""
    if index.plain is None or index.definition.kind != ORDERED or index.wildcard is not None:
        return None
    return layout.column(index.field, matched_values)


def paths_of(index: HashIndex) -> frozenset[str]:
    """Return the paths that an index reads; one that reads all fields decodes documents itself."""
    if isinstance(index, TextIndex):
        return frozenset((*index.before, *index.after))
    if index.wildcard is not None:
        return index.wildcard.names or frozenset()
    return frozenset(path for path, _ in index.keys)


def fields_of(indexes: Iterable[HashIndex]) -> frozenset[str] | None:
    """Return the top-level fields that decide where a document stands in `indexes`; None where others may do so."""
    fields: set[str] = set()
    for index in indexes:
        if type(index) is not HashIndex or index.wildcard is not None or index.definition.partial is not None:
            return None
        fields.update(path.partition(".")[0] for path, _ in index.keys)
    return frozenset(fields)


def checking(index: HashIndex, layout: Layout, extract: Extract) -> Extract:
    """Return what refuses documents that do not fit the index, and finds the keys of those that may be unique."""
    if isinstance(extract, TextExtraction):
        return extract.check
    return extraction(index, layout, strict=True) if index.definition.has_numbers else extract


def building(index: HashIndex, layout: Layout) -> Extract:
    """Return what finds the keys for a new index, and refuses documents that do not fit it."""
    extract = extraction(index, layout, strict=True)
    return extract.strict if isinstance(extract, TextExtraction) else extract


def _partial(extract: Extract, predicate: Predicate) -> Extract:
    def kept(rows: Sequence[Row], blobs: Sequence[bytes]) -> list[IndexKeys]:
        selected = set(map(id, predicate.select(blobs)))
        inside = [id(blob) in selected for blob in blobs]
        found = iter(extract(list(compress(rows, inside)), list(compress(blobs, inside))))
        return [next(found) if each else _NONE for each in inside]

    return kept


def _flat_only(index: HashIndex, layout: Layout, extract: Extract) -> Extract:
    """Return `extract` for an index that refuses a document in which a field is, or comes through, an array."""
    columns = [layout.column(path, matched_values) for path, _ in index.keys]

    def checked(rows: Sequence[Row], blobs: Sequence[bytes]) -> Iterable[IndexKeys]:
        for column, (path, _) in zip(columns, index.keys, strict=True):
            if not _ARRAYS.isdisjoint(map(type, column(rows))):
                message = f"index {index.name!r} is hashed: it cannot hold a document with an array at {path!r}"
                raise WriteError(message, code=16766, code_name="Location16766")
        return extract(rows, blobs)

    return checked


def _unambiguous_only(index: HashIndex, extract: Extract) -> Extract:
    """Return `extract` for an index that refuses documents in which a part of its paths means two things."""
    paths = [path.split(".") for path, _ in index.keys]

    def checked(rows: Sequence[Row], blobs: Sequence[bytes]) -> Iterable[IndexKeys]:
        for document in map(inspect_document, blobs):
            if any(is_ambiguous(document, parts) for parts in paths):
                message = (
                    f"index {index.name!r} cannot hold a document in which a number in a path is a position of an "
                    "array and a field of the array's elements as well"
                )
                raise WriteError(message, code=16746, code_name="Location16746")
        return extract(rows, blobs)

    return checked


def _single(index: HashIndex, layout: Layout) -> Extract:
    column, sort_column = _column(index, layout, index.field, matched_values), _column(index, layout, index.field)
    get = None if index.collation is not None else layout.getter(index.field)
    sparse, multikey, kinds = index.definition.sparse, index.multikey, index.kinds

    def careful(entry: Any, row: Row) -> IndexKeys:
        kind = type(entry)
        kinds.add(kind)
        if kind is list:
            multikey.add(0)
            return {*map(equality_key, entry), whole_key(equality_key(entry))} if entry else _EMPTY
        if kind is not Several:
            return _NONE if sparse and entry is MISSING else (equality_key(entry),)
        multikey.add(0)
        (found,) = sort_column((row,))
        keys = {index_key(value) for value in found if not (sparse and value is MISSING)}
        return keys.union(_asked_for(entry, keys, sparse=sparse))

    def extract(rows: Sequence[Row], _: Sequence[bytes]) -> list[IndexKeys]:
        if get is not None and len(rows) == 1:  # a write of one document: as below, without a loop
            entry = get(rows[0])
            return [(entry,) if type(entry) is str or type(entry) is int else careful(entry, rows[0])]
        return [
            (entry,) if type(entry) is str or type(entry) is int else careful(entry, row)
            for entry, row in zip(column(rows), rows, strict=True)
        ]

    return extract


def _column(index: HashIndex, layout: Layout, path: str, values: Detour = sorted_values) -> Column:
    """Return the column of a path, folded if the index has a collation."""
    column, collation = layout.column(path, values), index.collation
    return column if collation is None else lambda rows: folded(column(rows), collation)


_EMPTY: Final = (UNDEFINED_KEY, whole_key(equality_key([])))


def _asked_for(values: Iterable[Any], keys: set[Hashable], *, sparse: bool) -> Iterator[Hashable]:
    """Yield what stands for the values that a condition is tested on and a server's index does not hold."""
    for value in values:
        if not (sparse and value is MISSING) and (key := equality_key(value)) not in keys:
            yield whole_key(key) if type(value) is list else key


def _compound(index: HashIndex, layout: Layout) -> Extract:
    paths = [path for path, _ in index.keys]
    columns = [_column(index, layout, path) for path in paths]
    collation = index.collation
    sparse, multikey, kinds = index.definition.sparse, index.multikey, index.kinds

    def careful(entries: tuple[Any, ...], blob: bytes) -> IndexKeys:
        arrays = {position for position, entry in enumerate(entries) if type(entry) in _ARRAYS}
        if not arrays:
            return _NONE if sparse and all(entry is MISSING for entry in entries) else (_flat(entries, kinds),)
        multikey.update(arrays)
        document = inspect_document(blob)
        found = combinations(document if collation is None else collation.fold(document), paths)
        if found is None:
            raise parallel_arrays(index)
        return {_flat(values, kinds) for values in found if not (sparse and all(value is MISSING for value in values))}

    def extract(rows: Sequence[Row], blobs: Sequence[bytes]) -> Iterator[IndexKeys]:
        return map(careful, zip(*[column(rows) for column in columns], strict=True), blobs)

    return extract


def _wildcard(index: HashIndex, spec: WildcardSpec, layout: Layout) -> Extract:
    fold, arrays = None if index.collation is None else index.collation.fold, index.multikey

    def keys_of(document: Mapping[str, Any], arrays: set[Any]) -> Sequence[Hashable]:
        return spec.keys_of(document if fold is None else fold(document), arrays)

    if spec.names is None:
        return lambda _, blobs: [keys_of(inspect_document(blob), arrays) for blob in blobs]
    names = sorted(spec.names)
    columns = [layout.column(name, matched_leaves) for name in names]

    def extract(rows: Sequence[Row], _: Sequence[bytes]) -> Iterator[IndexKeys]:
        for entry in zip(*[column(rows) for column in columns], strict=True):
            document = {name: value for name, value in zip(names, entry, strict=True) if value is not MISSING}
            yield keys_of(document, arrays)

    return extract


_ARRAYS: Final = frozenset((list, Several))


def _flat(values: tuple[Any, ...], kinds: set[type]) -> Hashable:
    """Return the key of several values: their components, one after the other; odd classes are added to `kinds`."""
    flat: list[Any] = []
    for value in values:
        kind = type(value)
        if kind is str:
            flat += (15, value)
        elif kind is int:
            flat += (10, value)
        else:
            kinds.add(kind)
            flat += component(index_key(value))
    return tuple(flat)


def parallel_arrays(index: HashIndex) -> WriteError:
    """Return the error of a document in which two fields of an index come through different arrays."""
    message = f"index {index.name!r} cannot hold a document in which two of its fields come through different arrays"
    return WriteError(message, code=171, code_name="CannotIndexParallelArrays")


def is_whole(key: Hashable) -> bool:
    """Whether a key stands for an array as such, which is no key of a server's index."""
    return type(key) is tuple and key[0] == WHOLE
