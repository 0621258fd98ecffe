"""The rows of a table in a collection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from nosqlpy import Client, Collection
from nosqlpy.aliases import Document
from nosqlpy.compat.tinydb import writing
from nosqlpy.compat.tinydb.fields import from_stored, stored_id
from nosqlpy.compat.tinydb.narrowing import EVERY, Filter, candidates
from nosqlpy.compat.tinydb.pausing import CollectorPaused
from nosqlpy.compat.tinydb.queries import shape_of
from nosqlpy.compat.tinydb.rows import (
    Ask,
    Change,
    Choice,
    Every,
    IdClass,
    IdTaken,
    Listed,
    Matching,
    MayMatch,
    Pick,
    Row,
)
from nosqlpy.compat.tinydb.shapes import OneOf
from nosqlpy.errors import DuplicateKeyError, QueryError


class CollectionRows:
    """The documents of one table; a query's filter finds those for which the query itself is asked."""

    def __init__(self, client: Client, name: str) -> None:
        self.collection: Collection[Document] = client[name]
        self._client = client
        self._last_id: int | None = None
        self._ascending: bool | None = None

    def read(self, choice: Choice) -> Iterable[Row]:
        """Return the documents chosen, with their ids, to be gone through once."""
        if isinstance(choice, Matching):
            ask = choice.ask
            return (row for row in self._may_match((ask,)) if ask(row[1]))
        if isinstance(choice, MayMatch):
            return self._may_match(choice.asks)
        if isinstance(choice, Listed):
            return self._listed([stored_id(doc_id) for doc_id in choice.ids])
        return self._find(EVERY)

    def one(self, doc_id: Any) -> Document | None:
        """Return the document with this id."""
        found = self.collection.get(stored_id(doc_id))
        return None if found is None else from_stored(found)[1]

    def first(self, ask: Ask) -> Row | None:
        """Return the first document for which `ask` is true."""
        return next((row for row in self._may_match((ask,)) if ask(row[1])), None)

    def count(self) -> int:
        """Return how many documents there are."""
        return self.collection.count()

    def highest_id(self, id_class: IdClass) -> Any:
        """Return the highest id, or None if there is no document."""
        found = self.collection.find(projection=["_id"], sort=[("_id", -1)], limit=1).to_list()
        if found and (type(found[0]["_id"]) is not int or id_class is not int):
            return max(id_class(doc_id) for doc_id in self._ids())
        return found[0]["_id"] if found else None

    def create(self) -> None:
        """Make the table, empty, if it is not there."""
        self._client.create_collection(self.collection.name, exist_ok=True)

    def insert(self, rows: Sequence[tuple[Any, Mapping[str, Any]]], id_class: IdClass) -> None:  # noqa: ARG002
        """Insert documents under their ids, all of them or none.

        Raises:
            IdTaken: A document has one of the ids, or two of `rows` have the same.
        """
        if len(rows) == 1:
            try:
                writing.insert(self.collection, rows)
            except DuplicateKeyError:
                raise IdTaken(rows[0][0]) from None
        elif rows:
            self._refuse_taken([doc_id for doc_id, _ in rows])
            writing.insert(self.collection, rows)
        else:
            self.create()
        if self._ascending:
            self._note([stored_id(doc_id) for doc_id, _ in rows])

    def update(self, choice: Choice, pick: Pick, change: Change | None, id_class: IdClass) -> list[Any]:
        """Write those of the documents chosen whose ids `pick` returns, after `change`, and return these."""
        with CollectorPaused():
            every = isinstance(choice, Every)  # all of them are kept, so they may come at once
            rows = map(from_stored, self.collection.find().to_list()) if every else self.read(choice)
            documents = {id_class(key): document for key, document in rows}
            picked = pick(documents)
            chosen = {doc_id: documents[doc_id] for doc_id in picked}
            native = change.native(list(chosen.values())) if change and len(chosen) == len(picked) else None
            if not picked:
                self.create()
            elif native is not None:
                writing.update(self.collection, picked, native)
            else:
                writing.replace(self.collection, _changed(chosen, picked, change))
        return picked

    def remove(self, choice: Choice, pick: Pick, id_class: IdClass) -> list[Any]:
        """Remove those of the documents chosen whose ids `pick` returns, and return these."""
        picked = pick({id_class(key): document for key, document in self.read(choice)})
        for doc_id in _repeated(picked):
            raise KeyError(doc_id)
        writing.delete(self.collection, picked)
        if not picked:
            self.create()
        return picked

    def clear(self) -> None:
        """Remove all documents; the table and its indexes stay."""
        self.collection.delete_many({})
        self.create()
        self._ascending = None

    # ── finding ──────────────────────────────────────────────────────────────────

    def _may_match(self, asks: Sequence[Ask]) -> Iterable[Row]:
        filter = candidates(OneOf(tuple(map(shape_of, asks)))) if asks else None
        try:
            return self._find(filter)
        except QueryError:  # the filter is past the limits of the client
            return self._find(EVERY)

    def _find(self, filter: Filter) -> Iterable[Row]:
        if filter is None:
            return ()
        if not filter or not self._has_indexes():
            # one by one: documents that are let go of at once cost the garbage collector nothing
            return map(from_stored, self.collection.find(filter))
        return self._in_order(filter)

    def _listed(self, ids: list[int | str]) -> list[Row]:
        if len(ids) == 1:
            found = self.collection.get(ids[0])
            return [] if found is None else [from_stored(found)]
        return self._in_order({"_id": {"$in": ids}})

    def _has_indexes(self) -> bool:
        return len(self.collection.index_information()) > 1

    def _in_order(self, filter: Document) -> list[Row]:
        """Return documents in the order of insertion, though an index may find them in another."""
        if not self._is_ascending():
            return list(map(from_stored, self.collection.find(filter, hint=[("$natural", 1)]).to_list()))
        rows = list(map(from_stored, self.collection.find(filter).to_list()))
        rows.sort(key=_id_of)
        return rows

    def _is_ascending(self) -> bool:
        """Whether the order of insertion is that of the ids, as it is unless a program chose them otherwise."""
        if self._ascending is None:
            self._ascending, self._last_id = True, None
            self._note(self._ids())
        return self._ascending

    def _note(self, ids: Sequence[int | str]) -> None:
        numbers = [doc_id for doc_id in ids if type(doc_id) is int]
        before = [] if self._last_id is None else [self._last_id]
        self._ascending = len(numbers) == len(ids) and all(low < high for low, high in pairwise(before + numbers))
        self._last_id = numbers[-1] if numbers else self._last_id

    def _ids(self) -> list[int | str]:
        return [document["_id"] for document in self.collection.find({}, ["_id"]).to_list()]

    def _refuse_taken(self, doc_ids: Sequence[Any]) -> None:
        for doc_id in _repeated(doc_ids):
            raise IdTaken(doc_id)
        ids = [stored_id(doc_id) for doc_id in doc_ids]
        taken = {document["_id"] for document in self.collection.find({"_id": {"$in": ids}}, ["_id"])}
        for doc_id in doc_ids if taken else ():
            if stored_id(doc_id) in taken:
                raise IdTaken(doc_id)


def _changed(documents: dict[Any, Document], picked: list[Any], change: Change | None) -> dict[Any, Document]:
    """Return documents, each changed as often as its id was picked."""
    if change is not None:
        for doc_id in picked:
            change.function(documents[doc_id])
    return documents


def _id_of(row: Row) -> Any:
    return row[0]


def _repeated(ids: Iterable[Any]) -> Iterable[Any]:
    """Yield those ids that have come before."""
    seen: set[Any] = set()
    for doc_id in ids:
        if doc_id in seen:
            yield doc_id
        seen.add(doc_id)
