"""The rows of a table in a collection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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
    IdClass,
    IdTaken,
    Listed,
    Matching,
    Row,
    Step,
    as_int,
    nothing_to_end,
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

    def begin_reading(self) -> Callable[[], object]:
        """Return what is to be called when all that is being read was read."""
        return nothing_to_end

    def every(self) -> Iterable[Row]:
        """Return all documents, with their ids, to be gone through once."""
        return self._find(EVERY)

    def matching(self, ask: Ask) -> Iterable[Row]:
        """Return the documents for which `ask` is true, with their ids, to be gone through once."""
        return (row for row in self._may_match((ask,)) if ask(row[1]))

    def listed(self, ids: Sequence[Any]) -> list[Row]:
        """Return the documents with these ids."""
        return self._listed([stored_id(doc_id) for doc_id in ids])

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

    def insert(self, ids: Sequence[Any], documents: Sequence[Mapping[str, Any]]) -> None:
        """Insert documents under ids, of which no two are the same: all of them or none.

        Raises:
            IdTaken: A document has one of the ids.
        """
        rows = list(zip(ids, documents, strict=True))
        if len(rows) == 1:
            try:
                writing.insert(self.collection, rows)
            except DuplicateKeyError:
                raise IdTaken(ids[0]) from None
        elif rows:
            self._refuse_taken(ids)
            writing.insert(self.collection, rows)
        else:
            self.create()
        if self._ascending:
            self._note([stored_id(doc_id) for doc_id in ids])

    def update(self, choice: Choice, change: Change, id_class: IdClass) -> list[Any]:
        """Write the documents chosen after `change`, and return their ids; those of `Listed` as they are there."""
        with CollectorPaused():
            documents = self._chosen(choice, id_class)
            picked = _picked(choice, documents)
            chosen = {doc_id: documents[doc_id] for doc_id in picked}
            native = change.native(list(chosen.values())) if len(chosen) == len(picked) else None
            if not picked:
                self.create()
            elif native is not None:
                writing.update(self.collection, picked, native)
            else:
                for doc_id in picked:
                    change.function(chosen[doc_id])
                writing.replace(self.collection, chosen)
        return picked

    def update_each(self, steps: Sequence[Step], id_class: IdClass) -> list[Any]:
        """Make several changes, each of the documents that match after those before it; return an id for each."""
        ids = []
        changed: dict[Any, Document] = {}
        for key, document in self._may_match([ask for ask, _ in steps]):
            for ask, change in steps:
                if ask(document):
                    ids.append(id_class(key))
                    change.function(document)
                    changed[key] = document
        writing.replace(self.collection, changed)
        if not changed:
            self.create()
        return ids

    def remove(self, choice: Choice, id_class: IdClass) -> list[Any]:
        """Remove the documents chosen, and return their ids; those of `Listed` as they are there."""
        picked = _picked(choice, self._chosen(choice, id_class))
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

    def _chosen(self, choice: Choice, id_class: IdClass) -> dict[Any, Document]:
        """Return the documents chosen, by the ids that users see."""
        if isinstance(choice, Listed):
            rows: Iterable[Row] = self._listed([stored_id(as_int(doc_id)) for doc_id in choice.ids])
        elif isinstance(choice, Matching):
            rows = self.matching(choice.ask)
        else:  # all of them are kept, so they may come at once
            rows = map(from_stored, self.collection.find().to_list())
        return {id_class(key): document for key, document in rows}

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


def _picked(choice: Choice, documents: dict[Any, Document]) -> list[Any]:
    """Return the ids of the documents chosen: of a list, those that are there."""
    return [doc_id for doc_id in choice.ids if doc_id in documents] if isinstance(choice, Listed) else list(documents)


def _id_of(row: Row) -> Any:
    return row[0]


def _repeated(ids: Iterable[Any]) -> Iterable[Any]:
    """Yield those ids that have come before."""
    seen: set[Any] = set()
    for doc_id in ids:
        if doc_id in seen:
            yield doc_id
        seen.add(doc_id)
