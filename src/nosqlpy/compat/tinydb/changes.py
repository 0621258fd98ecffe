"""What `Table.update` does to each document: sets fields, or calls a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from nosqlpy.aliases import Document
from nosqlpy.compat.tinydb.fields import field_of, is_scalar
from nosqlpy.compat.tinydb.operations import Operation
from nosqlpy.compat.tinydb.rows import Change

Update: TypeAlias = Mapping[str, Any] | Callable[[Any], None]


class SetFields:
    """Gives fields values."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields
        self.function: Callable[[Document], Any] = lambda document: document.update(fields)

    def native(self, _: Sequence[Document]) -> Any:
        """Return the update that sets these fields, in their order, or None if a filter cannot name them all."""
        named = {field_of((key,)): value for key, value in dict(self._fields).items()}
        if None in named or not named or not all(map(is_scalar, named.values())):
            return None
        if len(named) == 1:
            return {"$set": named}
        return [{"$replaceWith": {"$mergeObjects": ["$$ROOT", {"$literal": named}]}}]  # $set sorts their names


class Call:
    """Calls a function of the user's."""

    def __init__(self, function: Callable[[Any], None]) -> None:
        self.function: Callable[[Document], Any] = function

    def native(self, _: Sequence[Document]) -> None:
        """Return None: nobody can look into the function."""
        return


def change_of(fields: Update) -> Change:
    """Return the change that fields, or a function, mean."""
    if isinstance(fields, Operation):
        return fields
    return Call(fields) if callable(fields) else SetFields(fields)
