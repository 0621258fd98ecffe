"""A document as a table returns it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from nosqlpy.compat.tinydb.pausing import CollectorPaused

Fields: TypeAlias = dict[str, Any]

_MANY = 64  # from so many on, the garbage collector would look at the new documents before they are returned
_ITEMS: type[Any] = type({}.items())


class Document(dict[str, Any]):
    """The fields of a document, and its id in `doc_id`."""

    def __init__(self, value: Mapping[str, Any], doc_id: int) -> None:
        dict.__init__(self, value)  # `super()` takes half as long again
        self.doc_id: int = doc_id


class _Copy(Document):
    """A document that is made in C, and then becomes a `Document`."""

    __init__ = dict.__init__


def document_of(fields: Fields, doc_id: Any) -> Document:
    """Return a copy of a document, under its id."""
    made: Document = _Copy(fields)
    made.__class__ = Document
    made.doc_id = doc_id
    return made


def documents_of(rows: Iterable[tuple[Any, Fields]]) -> list[Document]:
    """Return copies of documents, whose ids are ints or the text of ints: in less time than `Document` takes for each.

    The rows of a dict take two thirds of it; those of an iterator are let go of one by one.
    """
    if type(rows) is list and len(rows) < _MANY:
        return [document_of(fields, int(doc_id)) for doc_id, fields in rows]
    with CollectorPaused():
        if type(rows) is not _ITEMS:
            return [document_of(fields, int(doc_id)) for doc_id, fields in rows]
        table = rows.mapping  # type: ignore[attr-defined]
        made: list[Document] = list(map(_Copy, table.values()))
        for document, doc_id in zip(made, map(int, table), strict=True):
            document.__class__ = Document
            document.doc_id = doc_id
        return made
