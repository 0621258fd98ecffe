"""Uniqueness: whether documents can go in, beside those that are there and beside each other."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Any, Protocol

from nosqlpy._core.index.components import component
from nosqlpy._core.index.extraction import Extract, is_whole
from nosqlpy._core.index.hashed import HashIndex
from nosqlpy._core.query.sortvalues import UNDEFINED, combinations
from nosqlpy._core.values.codec import decode_document
from nosqlpy._core.values.types import MISSING
from nosqlpy.errors import DuplicateKeyError, WriteError


class Claims:
    """The keys that the documents of one write take in the indexes that may refuse them, one document after the other.

    `leaving` are the keys of documents that the write takes away or replaces: what they had is free.
    """

    __slots__ = ("_collection", "_indexes", "_leaving", "_rows", "_taken")

    def __init__(
        self,
        collection: str,
        indexes: Sequence[tuple[HashIndex, Extract]],
        rows: Any,
        leaving: Collection[Hashable] = (),
    ) -> None:
        self._collection = collection
        self._indexes = indexes
        self._rows = rows
        self._leaving = leaving
        self._taken: list[dict[Hashable, Hashable]] = [{} for _ in indexes]

    def refusal(self, key: Hashable, document: bytes) -> WriteError | None:
        """Return why an encoded document cannot go in under its `key`; if it can, its keys are taken from now on."""
        try:
            self.check((key,), (document,))
        except WriteError as error:
            return error
        return None

    def check(self, keys: Sequence[Hashable], documents: Sequence[bytes]) -> None:
        """Refuse encoded documents of which one cannot go in; if all can, their keys are taken from now on.

        Raises:
            DuplicateKeyError: The key of a unique index is taken.
            WriteError: Two fields of an index come through different arrays of a document.
        """
        self.take(self.claimed(keys, documents))

    def claimed(self, keys: Sequence[Hashable], documents: Sequence[bytes]) -> list[dict[Hashable, Hashable]]:
        """Refuse as `check`; return what the documents, if all can go in, `take`."""
        rows = self._rows(documents)
        claimed: list[dict[Hashable, Hashable]] = []
        for (index, extract), taken in zip(self._indexes, self._taken, strict=True):
            claims: dict[Hashable, Hashable] = {}
            claimed.append(claims)
            for place, (key, values) in enumerate(zip(keys, extract(rows, documents), strict=True)):
                if index.definition.unique:
                    for value in values:
                        if not is_whole(value):
                            if taken.get(value, key) != key or claims.setdefault(value, key) != key:
                                raise duplicate(self._collection, index, value, documents[place])
                            self._check_free(index, extract, value, key, documents[place])
        return claimed

    def take(self, claimed: list[dict[Hashable, Hashable]]) -> None:
        """Take keys that are `claimed`."""
        for taken, claims in zip(self._taken, claimed, strict=True):
            taken.update(claims)

    def _check_free(self, index: HashIndex, extract: Extract, value: Hashable, key: Hashable, document: bytes) -> None:
        """Refuse a document whose key another one has, which stays as it is."""
        for holder in index.holders(value):
            if holder != key and holder not in self._leaving and self._has(holder, extract, value):
                raise duplicate(self._collection, index, value, document)

    def _has(self, _holder: Hashable, _extract: Extract, _value: Hashable) -> bool:
        """Whether the document `holder` has a key under which it stands in an index."""
        return True


class Overlaid(Protocol):
    """What a transaction has written: its documents by key, and who has last `taken` what in unique indexes."""

    @property
    def touched(self) -> Mapping[Hashable, bytes | None]:
        """The documents by key, None for one that was deleted."""

    @property
    def taken(self) -> Mapping[str, Mapping[Hashable, Hashable]]:
        """By the name of an index and a key in it, the document that took it last. It may have it no longer."""


class OverlaidClaims(Claims):
    """Claims on documents with those of a transaction over them."""

    __slots__ = ("_over",)

    def __init__(
        self,
        collection: str,
        indexes: Sequence[tuple[HashIndex, Extract]],
        rows: Any,
        leaving: Collection[Hashable],
        over: Overlaid,
    ) -> None:
        super().__init__(collection, indexes, rows, leaving)
        self._over = over

    def _check_free(self, index: HashIndex, extract: Extract, value: Hashable, key: Hashable, document: bytes) -> None:
        """Refuse a document whose key another one has, which stays as it is."""
        super()._check_free(index, extract, value, key, document)
        by_value = self._over.taken.get(index.name)
        if by_value is None or value not in by_value:
            return
        holder = by_value[value]
        gone = holder == key or holder in self._leaving or holder not in self._over.touched
        if not gone and self._has(holder, extract, value):
            raise duplicate(self._collection, index, value, document)

    def _has(self, holder: Hashable, extract: Extract, value: Hashable) -> bool:
        """Whether a document has a key under which it stands, or stood before the transaction wrote to it."""
        touched = self._over.touched
        if holder not in touched:
            return True
        document = touched[holder]
        if document is None:
            return False
        blobs = (document,)
        (found,) = extract(self._rows(blobs), blobs)
        return value in found


def duplicate(collection: str, index: HashIndex, key: Hashable, document: bytes) -> DuplicateKeyError:
    """Return the error that says that `key`, one of a document's, is taken in a unique index."""
    paths = [path for path, _ in index.keys]
    values: dict[str, Any] = {}
    for found in combinations(decode_document(document), paths) or []:
        keys = list(map(index.key_of, found))
        if (keys[0] if len(keys) == 1 else tuple(part for each in keys for part in component(each))) == key:
            values = {path: _shown(value) for path, value in zip(paths, found, strict=True)}
            break
    fields = ", ".join(paths)
    return DuplicateKeyError(
        f"collection {collection!r} already has a document with this {fields} (index: {index.name})",
        details={"keyPattern": dict(index.keys), "keyValue": values},
    )


def _shown(value: Any) -> Any:
    """Return a value of an index as a server shows it: one that is missing as null."""
    return None if value is MISSING or value is UNDEFINED else value
