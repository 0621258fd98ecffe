"""Updates to updaters: what the user writes to a function from document to document.

Manual: tutorial/update-documents. An update is a document of operators (see
`operators`), a pipeline, or a document that replaces another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from nosqlpy._core.query.tree import NO_VARIABLES

# Importing these registers their operators.
from nosqlpy._core.update import arithmetic as _arithmetic
from nosqlpy._core.update import arrays as _arrays
from nosqlpy._core.update import fields as _fields
from nosqlpy._core.update.dollars import refuse_name
from nosqlpy._core.update.operators import bind_known, compile_operators
from nosqlpy._core.update.pipeline import compile_pipeline
from nosqlpy._core.update.updater import immutable_id
from nosqlpy._core.values.codec import copy_value, decode_id, encode_document
from nosqlpy._core.values.collation import Collation
from nosqlpy._core.values.order import equal
from nosqlpy._core.values.types import MISSING
from nosqlpy.aliases import Document, Update
from nosqlpy.errors import QueryError

OPERATOR_MODULES = (_arithmetic, _arrays, _fields)


class Updater(Protocol):
    """Changes documents; made by `compile_update` or `compile_replacement`. May be shared by threads."""

    @property
    def needs_position(self) -> bool:
        """Whether `apply` needs the position in an array that the filter matched."""
        ...

    @property
    def replaces(self) -> bool:
        """Whether it makes whole documents, so that an upsert needs nothing of the filter but the ``_id``."""
        ...

    @property
    def names(self) -> tuple[str, ...] | None:
        """The top-level fields that it may change, None where it may change any; it never adds or removes others."""
        ...

    def apply(self, document: Document, position: int | None = None) -> Document:
        """Return the updated document; the argument is the updater's to alter.

        `position` is where in an array the filter matched, if it did so in one: the meaning of ``$``.

        Raises:
            WriteError: The update is impossible on this document; `details` has its ``_id``.
        """
        ...

    def patch(self, data: bytes, size_max: int) -> bytes | None:
        """Return what `apply` makes of an encoded document, encoded, having decoded no more of it than it takes.

        None where only `apply` can tell, or say what is wrong; then nothing was altered.
        """
        ...

    def insert(self, seed: Document) -> Document:
        """Return the document that an upsert inserts; `seed` is what the filter asks for, and may be altered."""
        ...


class GivenUpdate(msgspec.Struct, frozen=True, gc=False):
    """An update that names no collation: what it is compiled from, and the updater that compares by code points."""

    update: Update
    variables: Mapping[str, Any]
    array_filters: Sequence[Mapping[str, Any]] | None
    updater: Updater


def under(given: Updater | GivenUpdate, collation: Collation | None) -> Updater:
    """Return the updater of an update in a collection with this collation."""
    if not isinstance(given, GivenUpdate):
        return given
    if collation is None:
        return given.updater
    variables, filters = given.variables, given.array_filters
    return compile_update(given.update, variables=variables, array_filters=filters, collation=collation)


class Replacer:
    """Replaces whole documents, all but their ``_id``."""

    __slots__ = ("_dollar", "_fields", "_id")

    needs_position = False
    replaces = True
    names = None

    def __init__(self, replacement: Document) -> None:
        self._fields = replacement
        self._id = replacement.pop("_id", MISSING)
        self._dollar = next((name for name in replacement if name.startswith("$")), None)

    def apply(self, document: Document, position: int | None = None) -> Document:  # noqa: ARG002 - it has no ``$``
        """Return the replacement with the document's ``_id``."""
        if self._dollar is not None:
            refuse_name(self._dollar)
        return self._replace(document.get("_id", MISSING))

    def patch(self, data: bytes, size_max: int) -> bytes | None:
        """Return the replacement with the ``_id`` of an encoded document, encoded."""
        if self._dollar is not None:
            refuse_name(self._dollar)
        return encode_document(self._replace(decode_id(data)), size_max=size_max)

    def insert(self, seed: Document) -> Document:
        """Return the replacement with the ``_id`` that the filter asks for; its other values do not count."""
        return self._replace(seed.get("_id", MISSING))

    def _replace(self, identity: Any) -> Document:
        if self._id is not MISSING:
            if identity is not MISSING and not equal(identity, self._id):
                raise immutable_id()
            identity = self._id
        return dict(self._fields) if identity is MISSING else {"_id": identity, **self._fields}


def compile_update(
    update: Update,
    *,
    variables: Mapping[str, Any] = NO_VARIABLES,
    array_filters: Sequence[Mapping[str, Any]] | None = None,
    collation: Collation | None = None,
) -> Updater:
    """Return the updater of a document of operators or a pipeline.

    `variables` are what a pipeline may use, by name: those of ``let``, and NOW for ``$$NOW`` and $currentDate.
    `collation` says how strings compare.

    Raises:
        QueryError: The update is malformed, as MongoDB's codes say how.
        NotSupportedError: It uses what MongoDB has and nosqlpy lacks.
        DocumentError: An operand cannot be stored.
    """
    known = bind_known(update, variables) if array_filters is None and collation is None else None
    if known is not None:
        return known
    given = require_operators(update)
    if isinstance(given, list | tuple):
        if array_filters is not None:
            message = "array_filters have no place in an update by a pipeline"
            raise QueryError(message, code=9, code_name="FailedToParse")
        return compile_pipeline(given, variables, collation)
    return compile_operators(given, variables, array_filters, collation)


def compile_replacement(document: Mapping[str, Any]) -> Updater:
    """Return the updater that puts `document` in the place of another, which keeps its ``_id``.

    Raises:
        QueryError: It is no document, or its first field begins with ``$``.
        DocumentError: It has a value that cannot be stored.
    """
    if not isinstance(document, Mapping):
        message = f"a replacement is a document, not {type(document).__name__}"
        raise QueryError(message, code=9, code_name="FailedToParse")
    replacement: Document = copy_value(document)
    first = next(iter(replacement), "")
    if first.startswith("$"):
        message = f"field {first!r} of a replacement begins with '$'; to use operators call update_one"
        raise QueryError(message, code=9, code_name="FailedToParse")
    return Replacer(replacement)


def require_operators(update: Any) -> Any:
    """Return `update`, which must be a pipeline or a document that begins with an operator.

    Raises:
        QueryError: It is none, as pymongo refuses before it sends anything.
    """
    if isinstance(update, list | tuple):
        return update
    if not isinstance(update, Mapping):
        message = f"an update is a document of operators, not {type(update).__name__}"
        raise QueryError(message, code=9, code_name="FailedToParse")
    if not str(next(iter(update), "")).startswith("$"):
        message = "an update needs operators such as $set; to replace whole documents use replace_one"
        raise QueryError(message, code=9, code_name="FailedToParse")
    return update
