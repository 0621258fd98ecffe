"""Updates to updaters: what the user writes to a function from document to document.

Manual: tutorial/update-documents. An update's operands are checked once; its
steps then run in the order in which MongoDB applies them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from nosqlpy._core.query.tree import NO_VARIABLES

# Importing these registers their operators.
from nosqlpy._core.update import arithmetic as _arithmetic
from nosqlpy._core.update import arrays as _arrays
from nosqlpy._core.update import fields as _fields
from nosqlpy._core.update.arrayfilters import NO_FILTERS, check_identifiers, compile_array_filters
from nosqlpy._core.update.conflicts import check_conflicts
from nosqlpy._core.update.dollars import guarded, refuse_name
from nosqlpy._core.update.paths import Order
from nosqlpy._core.update.pipeline import compile_pipeline
from nosqlpy._core.update.positional import Expansion
from nosqlpy._core.update.registry import PositionalStep, Run, Step, check_operator, compile_step
from nosqlpy._core.values.codec import copy_value, encode_value
from nosqlpy._core.values.order import equal
from nosqlpy._core.values.types import MISSING
from nosqlpy.aliases import Document, Update
from nosqlpy.errors import QueryError, WriteError

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

    def apply(self, document: Document, position: int | None = None) -> Document:
        """Return the updated document; the argument is the updater's to alter.

        `position` is where in an array the filter matched, if it did so in one: the meaning of ``$``.

        Raises:
            WriteError: The update is impossible on this document; `details` has its ``_id``.
        """
        ...

    def insert(self, seed: Document) -> Document:
        """Return the document that an upsert inserts; `seed` is what the filter asks for, and may be altered."""
        ...


class OperatorUpdater:
    """Changes fields of documents by operators."""

    __slots__ = ("_expansion", "_on_insert", "_on_update", "_touches_id", "needs_position")

    needs_position: bool
    replaces = False

    def __init__(self, steps: Sequence[Step | PositionalStep], expansion: Expansion | None) -> None:
        self._on_insert = [step.run for step in steps if type(step) is Step]
        self._on_update = [_run_on_update(step) for step in steps if type(step) is Step and step.on_update]
        self._expansion = expansion
        self.needs_position = expansion is not None and expansion.needs_position
        self._touches_id = False
        for step in steps:
            for claim in step.claims:
                if claim.parts[0] == "_id":
                    self._touches_id = True

    def apply(self, document: Document, position: int | None = None) -> Document:
        """Return the updated document."""
        runs = self._on_update
        try:
            if self._expansion is not None:
                runs = self._expansion.runs(document, position, inserting=False)
            if self._touches_id:
                _run_guarded(runs, document)
            else:
                for run in runs:
                    run(document)
        except WriteError as error:
            error.details = {**error.details, "_id": document.get("_id")}
            raise
        return document

    def insert(self, seed: Document) -> Document:
        """Return the document that an upsert inserts."""
        identity = _fingerprint(seed) if self._touches_id else None
        runs = self._on_insert
        if self._expansion is not None:
            runs = self._expansion.runs(seed, None, inserting=True)
        for run in runs:
            run(seed)
        if identity is not None and _fingerprint(seed) != identity:
            raise _immutable_id()
        return seed


def _run_on_update(step: Step) -> Run:
    return guarded(step.run, step.path) if step.path.text[0] == "$" and step.creates else step.run


def _run_guarded(runs: Sequence[Run], document: Document) -> None:
    identity = _fingerprint(document)
    for run in runs:
        run(document)
    if _fingerprint(document) != identity:
        raise _immutable_id()


class Replacer:
    """Replaces whole documents, all but their ``_id``."""

    __slots__ = ("_dollar", "_fields", "_id")

    needs_position = False
    replaces = True

    def __init__(self, replacement: Document) -> None:
        self._fields = replacement
        self._id = replacement.pop("_id", MISSING)
        self._dollar = next((name for name in replacement if name.startswith("$")), None)

    def apply(self, document: Document, position: int | None = None) -> Document:  # noqa: ARG002 - it has no ``$``
        """Return the replacement with the document's ``_id``."""
        if self._dollar is not None:
            refuse_name(self._dollar)
        return self._replace(document.get("_id", MISSING))

    def insert(self, seed: Document) -> Document:
        """Return the replacement with the ``_id`` that the filter asks for; its other values do not count."""
        return self._replace(seed.get("_id", MISSING))

    def _replace(self, identity: Any) -> Document:
        if self._id is not MISSING:
            if identity is not MISSING and not equal(identity, self._id):
                raise _immutable_id()
            identity = self._id
        return dict(self._fields) if identity is MISSING else {"_id": identity, **self._fields}


def compile_update(
    update: Update,
    *,
    variables: Mapping[str, Any] = NO_VARIABLES,
    array_filters: Sequence[Mapping[str, Any]] | None = None,
) -> Updater:
    """Return the updater of a document of operators or a pipeline.

    `variables` are what a pipeline may use, by name: those of ``let``, and NOW for ``$$NOW`` and $currentDate.

    Raises:
        QueryError: The update is malformed, as MongoDB's codes say how.
        NotSupportedError: It uses what MongoDB has and nosqlpy lacks.
        DocumentError: An operand cannot be stored.
    """
    given = require_operators(update)
    if isinstance(given, list | tuple):
        if array_filters is not None:
            message = "array_filters have no place in an update by a pipeline"
            raise QueryError(message, code=9, code_name="FailedToParse")
        return compile_pipeline(given, variables)
    filters = NO_FILTERS if array_filters is None else compile_array_filters(array_filters)
    steps: list[Step | PositionalStep] = []
    for name, fields in given.items():
        check_operator(name)
        if type(fields) is not dict and not isinstance(fields, Mapping):
            message = f"{name} takes a document of fields, {{{name!r}: {{field: ...}}}}, not {type(fields).__name__}"
            raise QueryError(message, code=9, code_name="FailedToParse")
        steps += [compile_step(name, path, operand, variables.get("NOW")) for path, operand in fields.items()]
    positional = [step.path for step in steps if type(step) is PositionalStep]
    if positional or array_filters is not None:
        check_identifiers(positional, filters)
    if len(steps) > 1:
        check_conflicts([claim for step in steps for claim in step.claims])
        steps.sort(key=_order)
    return OperatorUpdater(steps, Expansion(steps, filters) if positional else None)


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


def _order(step: Step | PositionalStep) -> Order:
    return step.path.order


def _fingerprint(document: Document) -> bytes | None:
    """Return what tells whether the ``_id`` is the same to the last bit; None if there is none."""
    return encode_value(document["_id"]) if "_id" in document else None


def _immutable_id() -> WriteError:
    return WriteError("the update would change the immutable field '_id'", code=66, code_name="ImmutableField")
