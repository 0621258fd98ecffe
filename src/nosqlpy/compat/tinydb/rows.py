"""The documents of one table, behind one interface: in a collection, or in the state that a storage keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import msgspec

from nosqlpy.aliases import Document

Row: TypeAlias = tuple[Any, Document]
"""A document with its id, which is text or an int."""

Ask: TypeAlias = Callable[[Any], Any]
IdClass: TypeAlias = Callable[[Any], Any]
"""Makes the id that users see of a row's."""


class Change(Protocol):
    """What `update` does to each document; `native` is for a collection, and does the same to many."""

    @property
    def function(self) -> Callable[[Document], Any]:
        """The function that changes a document."""
        ...

    def native(self, documents: Sequence[Document], /) -> Any:
        """Return an update of MongoDB's language that changes all `documents` so, or None if there is none."""
        ...


Pick: TypeAlias = Callable[[dict[Any, Document]], list[Any]]
"""Is given documents by their ids, and returns the ids of those to be changed or removed, or that it has changed."""


class Every(msgspec.Struct, frozen=True):
    """All documents."""


EVERY = Every()


class Matching(msgspec.Struct, frozen=True):
    """The documents for which `ask` is true."""

    ask: Ask


class MayMatch(msgspec.Struct, frozen=True):
    """At least the documents for which one of `asks` is true."""

    asks: Sequence[Ask]


class Listed(msgspec.Struct, frozen=True):
    """The documents with these ids."""

    ids: Sequence[Any]


Choice: TypeAlias = Every | Matching | MayMatch | Listed


class Rows(Protocol):
    """What a table needs of the place where its documents are; they come in the order of insertion."""

    def read(self, choice: Choice) -> Iterable[Row]:
        """Return the documents chosen, with their ids, to be gone through once."""
        ...

    def one(self, doc_id: Any) -> Document | None:
        """Return the document with this id."""
        ...

    def first(self, ask: Ask) -> Row | None:
        """Return the first document for which `ask` is true."""
        ...

    def count(self) -> int:
        """Return how many documents there are."""
        ...

    def highest_id(self, id_class: IdClass) -> Any:
        """Return the highest id, or None if there is no document."""
        ...

    def create(self) -> None:
        """Make the table, empty, if it is not there."""
        ...

    def insert(self, rows: Sequence[tuple[Any, Mapping[str, Any]]], id_class: IdClass) -> None:
        """Insert documents under their ids, all of them or none.

        Raises:
            IdTaken: A document has one of the ids, or two of `rows` have the same.
        """
        ...

    def update(self, choice: Choice, pick: Pick, change: Change | None, id_class: IdClass) -> list[Any]:
        """Write those of the documents chosen whose ids `pick` returns, after `change`, and return these."""
        ...

    def remove(self, choice: Choice, pick: Pick, id_class: IdClass) -> list[Any]:
        """Remove those of the documents chosen whose ids `pick` returns, and return these."""
        ...

    def clear(self) -> None:
        """Remove all documents; the table stays."""
        ...


class IdTaken(ValueError):
    """A document has this id already."""

    def __init__(self, doc_id: Any) -> None:
        super().__init__(f"Document with ID {doc_id} already exists")
        self.doc_id = doc_id
