"""A document as a table returns it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from nosqlpy.compat.tinydb.pausing import CollectorPaused

Fields: TypeAlias = dict[str, Any]


class Document(dict[str, Any]):
    """The fields of a document, and its id in `doc_id`."""

    def __init__(self, value: Mapping[str, Any], doc_id: int) -> None:
        super().__init__(value)
        self.doc_id: int = doc_id


class _Copy(Document):
    """A document that is made in C, and then becomes a `Document`."""

    __init__ = dict.__init__


def documents_of(rows: Iterable[tuple[Any, Fields]]) -> list[Document]:
    """Return copies of documents, whose ids are ints or the text of ints: in half the time that `Document` takes."""
    with CollectorPaused():
        ids: list[Any] = []
        add = ids.append
        made: list[Any] = list(map(_Copy, [(add(doc_id), fields)[1] for doc_id, fields in rows]))
        for document, doc_id in zip(made, ids, strict=True):
            document.__class__ = Document
            document.doc_id = doc_id if type(doc_id) is int else int(doc_id)
    return made
