"""Tables: what a program reads and writes documents with."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, ClassVar, NoReturn, overload

from nosqlpy import Collection
from nosqlpy.aliases import Document as Stored
from nosqlpy.compat.tinydb.changes import Update, change_of
from nosqlpy.compat.tinydb.collected import CollectionRows
from nosqlpy.compat.tinydb.document import Document, document_of, documents_of
from nosqlpy.compat.tinydb.live import LiveRows
from nosqlpy.compat.tinydb.once import MadeOnce
from nosqlpy.compat.tinydb.queries import QueryLike
from nosqlpy.compat.tinydb.rows import EVERY, Choice, IdTaken, Listed, Matching, Row, Rows
from nosqlpy.compat.tinydb.state import StateRows
from nosqlpy.compat.tinydb.storages import DirectoryStorage, MemoryStorage, Storage, client_of, direct
from nosqlpy.compat.tinydb.utils import LRUCache
from nosqlpy.errors import InvalidOperation
from nosqlpy.naming import check_collection_name

_PLAIN = {dict}
_PORTION = 128  # documents that are made at once while a table is gone through


class Table:
    """Documents under ids, in the order of their insertion.

    Answers of `search` are kept, up to `cache_size` of them, until the table writes; an answer that is kept may
    therefore be old where somebody else writes (`clear_cache`).

    A subclass may have another `document_class`, `document_id_class`, `query_cache_class` or
    `default_query_cache_capacity`.

    Args:
        storage: The storage of the database.
        name: The name of the table.
        cache_size: How many answers are kept; None: all.
        persist_empty: Make the table if it is not there, though it has no documents.
    """

    document_class: ClassVar[type[Any]] = Document
    document_id_class: ClassVar[type[Any]] = int
    query_cache_class: ClassVar[type[Any]] = LRUCache
    default_query_cache_capacity: ClassVar[int] = 10

    def __init__(
        self,
        storage: Storage,
        name: str,
        cache_size: int | None = default_query_cache_capacity,
        persist_empty: bool = False,
    ) -> None:
        self._storage = storage
        self._name = name
        self._cache_size = cache_size
        self._next_id: Any = None
        self._lock = storage.lock if isinstance(storage, MemoryStorage) else threading.RLock()
        if type(storage) is DirectoryStorage:
            check_collection_name(name)
        if persist_empty:
            with self._lock:
                self._rows.create()

    @MadeOnce
    def _query_cache(self) -> LRUCache[Any, list[Any]]:
        cache: LRUCache[Any, list[Any]] = self.query_cache_class(capacity=self._cache_size)
        return cache

    @MadeOnce
    def _rows(self) -> Rows:
        storage = self._storage
        if not isinstance(storage, MemoryStorage):
            return rows_of(storage, self._name)
        with storage.lock:
            storage.call_when_moved(self)
            return rows_of(storage, self._name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name!r}, total={len(self)}, storage={self._storage}>"

    @property
    def name(self) -> str:
        """The name of the table."""
        return self._name

    @property
    def storage(self) -> Storage:
        """The storage of the database."""
        return self._storage

    @property
    def collection(self) -> Collection[Stored]:
        """The collection that holds the documents: for filters, updates and indexes of MongoDB's language.

        Raises:
            InvalidOperation: The storage is no nosqlpy database.
        """
        if client_of(self._storage) is not None and isinstance(self._rows, CollectionRows):
            return self._rows.collection
        raise InvalidOperation(f"a table in a {type(self._storage).__name__} is no collection")

    def _move(self) -> None:
        """Go on in a collection, now that the storage in memory was asked for its database."""
        del self._rows  # they are made anew, when they are asked for

    # ── reading ──────────────────────────────────────────────────────────────────

    def all(self) -> list[Document]:
        """Return all documents."""
        end = self._rows.begin_reading()
        try:
            return self._documents(self._rows.every())
        finally:
            end()

    def __iter__(self) -> Iterator[Document]:
        """Go through the documents that there are now; they are made while they are gone through."""
        end = self._rows.begin_reading()
        try:
            rows = iter(self._rows.every())
            for doc_id, document in rows:  # one alone, for `next(iter(table))`; many at once take half the time each
                make, made_id = self.document_class, self.document_id_class(doc_id)
                yield document_of(document, made_id) if make is Document else make(document, made_id)
                break
            while documents := self._documents(list(islice(rows, _PORTION))):
                yield from documents
        finally:
            end()

    def __len__(self) -> int:
        return self._rows.count()

    def search(self, cond: QueryLike) -> list[Document]:
        """Return the documents that match.

        Raises:
            TypeError: The query orders a value that cannot be ordered with its operand, as ``where("a") < 1`` does
                where ``a`` is a string.
        """
        kept = self._query_cache.get(cond)
        if kept is not None:
            return kept[:]
        documents = self._documents(self._rows.matching(cond))
        if getattr(cond, "is_cacheable", _always)():
            self._query_cache[cond] = documents[:]
        return documents

    @overload
    def get(self) -> NoReturn: ...
    @overload
    def get(self, cond: QueryLike, doc_id: None = None, doc_ids: None = None) -> Document | None: ...
    @overload
    def get(self, cond: QueryLike | None = None, *, doc_id: int, doc_ids: Any = None) -> Document | None: ...
    @overload
    def get(self, cond: QueryLike | None = None, doc_id: None = None, *, doc_ids: Iterable[int]) -> list[Document]: ...
    def get(self, cond: QueryLike | None = None, doc_id: Any = None, doc_ids: Iterable[Any] | None = None) -> Any:
        """Return the document with this id, or those with these, or the first that matches; None if there is none.

        Raises:
            RuntimeError: Neither a query nor an id was given.
        """
        if doc_id is not None:
            found = self._rows.one(doc_id)
            if found is None:
                return None
            make = self.document_class
            return document_of(found, doc_id) if make is Document else make(found, doc_id)
        if doc_ids is not None:
            return self._documents(self._rows.listed(list(doc_ids)))
        if cond is None:
            raise RuntimeError("get needs a query, a doc_id or doc_ids")
        row = self._rows.first(cond)
        if row is None:
            return None
        make, made_id = self.document_class, self.document_id_class(row[0])
        return document_of(row[1], made_id) if make is Document else make(row[1], made_id)

    def contains(self, cond: QueryLike | None = None, doc_id: int | None = None) -> bool:
        """Return whether there is a document with this id, or one that matches.

        Raises:
            RuntimeError: Neither a query nor an id was given.
        """
        if doc_id is not None:
            return self._rows.one(doc_id) is not None
        if cond is None:
            raise RuntimeError("contains needs a query or a doc_id")
        return self._rows.first(cond) is not None

    def count(self, cond: QueryLike) -> int:
        """Return how many documents match."""
        return len(self.search(cond))

    def clear_cache(self) -> None:
        """Forget the answers of `search` that are kept."""
        self._query_cache.clear()

    def _documents(self, rows: Iterable[Row]) -> list[Document]:
        make, make_id = self.document_class, self.document_id_class
        if make is Document and make_id is int:
            return documents_of(rows)
        return [make(document, make_id(key)) for key, document in rows]

    # ── writing ──────────────────────────────────────────────────────────────────

    def insert(self, document: Mapping[str, Any]) -> int:
        """Insert a document and return its id: that of a `Document`, else one more than the highest so far.

        Raises:
            ValueError: It is no mapping, or a document has its id already.
            TypeError: It holds a value that cannot be stored.
        """
        with self._lock:
            if isinstance(document, self.document_class):
                self._next_id = None
            doc_id: int = self._insert_all([_mapping(document)])[0]
            self.clear_cache()
        return doc_id

    def insert_multiple(self, documents: Iterable[Mapping[str, Any]]) -> list[int]:
        """Insert documents and return their ids; if one is refused, none is inserted.

        Raises:
            ValueError: One is no mapping, or a document has its id already.
            TypeError: One holds a value that cannot be stored.
        """
        with self._lock:
            given = list(documents)
            doc_ids = self._insert_all(given if set(map(type, given)) <= _PLAIN else list(map(_mapping, given)))
            self.clear_cache()
        return doc_ids

    def _insert_all(self, documents: list[Any]) -> list[Any]:
        """Insert documents; again with other ids, if somebody else took one since this table looked for the highest."""
        refused: list[Any] = []
        while True:
            ids = self._new_ids(documents)
            try:
                self._rows.insert(ids, documents)
            except IdTaken as taken:
                own = isinstance(documents[ids.index(taken.doc_id)], self.document_class)
                if own or taken.doc_id in refused:
                    raise
                refused.append(taken.doc_id)
                self._next_id = None
            else:
                return ids

    def _new_ids(self, documents: list[Any]) -> list[Any]:
        """Return ids for new documents: those of each `Document`, and others that none of these has."""
        if len(documents) > 1 and self._counts_up() and set(map(type, documents)) <= _PLAIN:
            first = self._get_next_id()
            self._next_id = first + len(documents)
            return list(range(first, self._next_id))
        ids: dict[Any, None] = {}
        for document in documents:
            ids[self._new_id(document, ids)] = None
        return list(ids)

    def _counts_up(self) -> bool:
        """Whether ids are ints, of which each is one more than the one before, whatever a subclass may do."""
        kind = type(self)
        own = kind._get_next_id is not Table._get_next_id  # noqa: SLF001 - of the class, which is another in a subclass
        return not own and self.document_id_class is int and self.document_class is Document

    def _new_id(self, document: Any, taken: Mapping[Any, object]) -> Any:
        """Return the id of a document that is inserted beside others, which have those of `taken`."""
        if not isinstance(document, self.document_class):
            doc_id = before = self._get_next_id()
            while doc_id in taken:
                doc_id, before = self._get_next_id(), doc_id
                if doc_id == before:  # from a method of the user's, which looks at the table
                    raise IdTaken(doc_id)
            return doc_id
        if document.doc_id in taken:
            raise IdTaken(document.doc_id)
        return document.doc_id

    def update(self, fields: Update, cond: QueryLike | None = None, doc_ids: Iterable[int] | None = None) -> list[int]:
        """Set `fields` in the documents with these ids, or those that match, or all; return the ids of those there are.

        `fields` may be a function that changes a document, such as those of `nosqlpy.compat.tinydb.operations`.
        If one cannot be changed, none is.
        """
        choice, change = _choice(cond, doc_ids), change_of(fields)
        with self._lock:
            return self._written(self._rows.update(choice, change, self.document_id_class))

    def update_multiple(self, updates: Iterable[tuple[Update, QueryLike]]) -> list[int]:
        """Make several updates, each of the documents that match its query after those before it, as one write.

        Returns:
            The ids, by document and each as often as the document was updated.
        """
        steps = [(cond, change_of(fields)) for fields, cond in updates]
        with self._lock:
            return self._written(self._rows.update_each(steps, self.document_id_class))

    def upsert(self, document: Mapping[str, Any], cond: QueryLike | None = None) -> list[int]:
        """Update the document with the id of a `Document`, or all that match; if there is none, insert it.

        Raises:
            ValueError: There is neither an id nor a query.
        """
        doc_ids = [document.doc_id] if isinstance(document, self.document_class) else None
        if doc_ids is None and cond is None:
            raise ValueError("upsert needs a search query, or a Document, which has a doc_id")
        with self._lock:
            return self.update(document, cond, doc_ids) or [self.insert(document)]

    def remove(self, cond: QueryLike | None = None, doc_ids: Iterable[int] | None = None) -> list[int]:
        """Remove the documents with these ids, or those that match; return the ids of those there were.

        Raises:
            RuntimeError: Neither a query nor ids were given.
        """
        if cond is None and doc_ids is None:
            raise RuntimeError("remove needs a query or doc_ids; truncate() removes all documents")
        choice = _choice(cond, doc_ids)
        with self._lock:
            return self._written(self._rows.remove(choice, self.document_id_class))

    def truncate(self) -> None:
        """Remove all documents; ids begin at 1 again."""
        with self._lock:
            self._rows.clear()
            self._next_id = None
            self.clear_cache()

    def _written(self, ids: list[Any]) -> list[Any]:
        self.clear_cache()
        return ids

    def _get_next_id(self) -> Any:
        """Return the id of the next new document; for the subclasses of users as well."""
        if self._next_id is None:
            highest = self._rows.highest_id(self.document_id_class)
            self._next_id = 1 if highest is None else highest + 1
        doc_id = self._next_id
        self._next_id = doc_id + 1
        return doc_id


def rows_of(storage: Storage, name: str) -> Rows:
    """Return the documents of a table: in a collection, in memory, or in a state that is read as a whole."""
    found = direct(storage)
    if found is None:
        return StateRows(storage, name)
    if isinstance(found, MemoryStorage) and found.live is not None:
        return LiveRows(found.live, name)
    return CollectionRows(found.client, name)


def _always() -> bool:
    return True


def _mapping(document: Any) -> Any:
    if type(document) is dict or isinstance(document, Mapping):
        return document
    raise ValueError("Document is not a Mapping")


def _choice(cond: QueryLike | None, doc_ids: Iterable[Any] | None) -> Choice:
    if doc_ids is not None:
        return Listed(list(doc_ids))
    return EVERY if cond is None else Matching(cond)
