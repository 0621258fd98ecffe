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


Table: TypeAlias = dict[str, Document]
"""Documents by the text of their ids."""


class Change(Protocol):
    """What `update` does to each document; `copies` and `native` do it to many, outside of a collection and in it."""

    @property
    def function(self) -> Callable[[Document], Any]:
        """The function that changes a document."""
        ...

    def in_place(self, documents: Sequence[Document], /) -> bool:
        """Change documents themselves, all of them, without a call of anything of the user's; False: none was."""
        ...

    def copies(self, documents: Sequence[Document], /) -> list[Document]:
        """Return copies of documents, changed so."""
        ...

    def native(self, documents: Sequence[Document], /) -> Any:
        """Return an update of MongoDB's language that changes all `documents` so, or None if there is none."""
        ...


Step: TypeAlias = tuple[Ask, Change]
"""A change of the documents for which the function is true."""


class Every(msgspec.Struct, frozen=True):
    """All documents."""


EVERY = Every()


class Matching(msgspec.Struct, frozen=True):
    """The documents for which `ask` is true."""

    ask: Ask


class Listed(msgspec.Struct, frozen=True):
    """The documents with these ids."""

    ids: Sequence[Any]


Choice: TypeAlias = Every | Matching | Listed


class Rows(Protocol):
    """What a table needs of the place where its documents are; they come in the order of insertion."""

    def begin_reading(self) -> Callable[[], object]:
        """Return what is to be called when all that is being read was read."""
        ...

    def every(self) -> Iterable[Row]:
        """Return all documents, with their ids, to be gone through once."""
        ...

    def matching(self, ask: Ask) -> Iterable[Row]:
        """Return the documents for which `ask` is true, with their ids, to be gone through once."""
        ...

    def listed(self, ids: Sequence[Any]) -> Iterable[Row]:
        """Return the documents with these ids."""
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

    def insert(self, ids: Sequence[Any], documents: Sequence[Mapping[str, Any]]) -> None:
        """Insert documents under ids, of which no two are the same: all of them or none.

        Raises:
            IdTaken: A document has one of the ids.
        """
        ...

    def update(self, choice: Choice, change: Change, id_class: IdClass) -> list[Any]:
        """Write the documents chosen after `change`, and return their ids; those of `Listed` as they are there."""
        ...

    def update_each(self, steps: Sequence[Step], id_class: IdClass) -> list[Any]:
        """Make several changes, each of the documents that match after those before it; return an id for each."""
        ...

    def remove(self, choice: Choice, id_class: IdClass) -> list[Any]:
        """Remove the documents chosen, and return their ids; those of `Listed` as they are there."""
        ...

    def clear(self) -> None:
        """Remove all documents; the table stays."""
        ...


class IdTaken(ValueError):
    """A document has this id already."""

    def __init__(self, doc_id: Any) -> None:
        super().__init__(f"Document with ID {doc_id} already exists")
        self.doc_id = doc_id


def nothing_to_end() -> None:
    """Is what `begin_reading` returns where nobody waits for the end."""


def as_int(doc_id: Any) -> Any:
    """Return the int that an id equals, as 1.0 and True do, or the id."""
    return int(doc_id) if isinstance(doc_id, bool | float) and doc_id == doc_id // 1 else doc_id
