"""Distinct values from an index, whose keys they are: one document is decoded for each, and none for a string."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import chain
from typing import Any

from nosqlpy._core.engine.collection import CollectionState
from nosqlpy._core.index.hashed import HashIndex
from nosqlpy._core.query.buckets import Steps
from nosqlpy._core.values.codec import fields_decoder
from nosqlpy._core.values.paths import Path

# documents that are decoded at once: about a millisecond
STEP = 512


def from_index(collection: CollectionState, path: Path) -> Steps[list[Any]] | None:
    """Return the steps to the distinct values at `path` in all documents, in order; None if no index has them.

    The documents that must be decoded are taken at once.
    """
    index = collection.index_on(path.text)
    if index is None or index.multikey:
        return None
    keys: list[Hashable] = list(chain.from_iterable(span.all() for span in index.order().everything()))
    others = [key for key in keys if type(key) is not str and key is not None]
    firsts = collection.slots.some(_first(collection, index, key) for key in others)
    nulls = collection.slots.some(index.holders(None))
    return _values(keys, firsts, nulls, path)


def _first(collection: CollectionState, index: HashIndex, key: Hashable) -> Hashable:
    holders = index.holders(key)
    return collection.natural.sorted(holders)[0] if key in index.moved else next(iter(holders))


def _values(keys: Sequence[Hashable], firsts: Sequence[bytes], nulls: Sequence[bytes], path: Path) -> Steps[list[Any]]:
    stored: list[Any] = []
    decode = fields_decoder(frozenset(path.parts[:1]))
    for start in range(0, len(firsts), STEP):
        stored += [path.leaves(decode(data))[0] for data in firsts[start : start + STEP]]
        yield
    has_null = False
    for start in range(0, len(nulls), STEP):
        # a document without the field stands there too
        documents = map(decode, nulls[start : start + STEP])
        has_null = has_null or any(path.leaves(document)[0] is None for document in documents)
        yield
    remaining = iter(stored)
    present = keys if has_null else [key for key in keys if key is not None]
    return [key if type(key) is str or key is None else next(remaining) for key in present]
