"""What `Table.update` does to each document: sets fields, or calls a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from nosqlpy.aliases import Document
from nosqlpy.compat.tinydb.fields import field_of, is_scalar
from nosqlpy.compat.tinydb.operations import change_in_place, native_of
from nosqlpy.compat.tinydb.rows import Change

Update: TypeAlias = Mapping[str, Any] | Callable[[Any], None]


_PLAIN = {dict}


class SetFields:
    """Gives fields values."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields
        self.function: Callable[[Document], Any] = lambda document: document.update(fields)

    def in_place(self, documents: Sequence[Document]) -> bool:
        """Set the fields in documents themselves, if these are plain dicts."""
        fields = dict(self._fields)
        if not set(map(type, documents)) <= _PLAIN:
            return False
        for document in documents:
            document.update(fields)
        return True

    def copies(self, documents: Sequence[Document]) -> list[Document]:
        """Return copies of documents, with these fields."""
        fields = dict(self._fields)
        try:
            return [document | fields for document in documents]  # half the time of a copy and an update
        except TypeError:  # a storage of the user's holds documents that are no dicts
            return [{**document, **fields} for document in documents]

    def native(self, _: Sequence[Document]) -> Any:
        """Return the update that sets these fields, in their order, or None if a filter cannot name them all."""
        named = {field_of((key,)): value for key, value in dict(self._fields).items()}
        if None in named or not named or not all(map(is_scalar, named.values())):
            return None
        if len(named) == 1:
            return {"$set": named}
        return [{"$replaceWith": {"$mergeObjects": ["$$ROOT", {"$literal": named}]}}]  # $set sorts their names


class Call:
    """Calls a function: one of the operations, or one of the user's."""

    def __init__(self, function: Callable[[Any], None]) -> None:
        self.function: Callable[[Document], Any] = function

    def in_place(self, documents: Sequence[Document]) -> bool:
        """Change documents themselves, if an operation does it, and to none of them can it raise an error."""
        return set(map(type, documents)) <= _PLAIN and change_in_place(self.function, documents)

    def copies(self, documents: Sequence[Document]) -> list[Document]:
        """Return copies of documents, of which each was given to the function."""
        try:
            copied = list(map(dict.copy, documents))
        except TypeError:
            copied = list(map(dict, documents))
        list(map(self.function, copied))
        return copied

    def native(self, documents: Sequence[Document]) -> Any:
        """Return the update that does what an operation does to `documents`; None if there is none, or it is none."""
        return native_of(self.function, documents)


def change_of(fields: Update) -> Change:
    """Return the change that fields, or a function, mean."""
    return Call(fields) if callable(fields) else SetFields(fields)
