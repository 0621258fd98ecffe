"""Validators: what the documents of a collection must match, checked while a write is planned.

Manual: core/schema-validation. The options of a collection stand in the log as they were
given; a validator is compiled when the first document is checked, so that a database opens
whatever its validators say.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

from nosqlpy._core.query.explanation import explain
from nosqlpy._core.query.filter import Predicate, compile_filter
from nosqlpy._core.query.textual import refuse_text
from nosqlpy._core.values.codec import decode_document, decode_value, encode_value
from nosqlpy._core.values.collation import Collation
from nosqlpy._core.values.collation_spec import collation_document, compile_collation
from nosqlpy._core.values.types import OBJECT, STRING, TYPES, as_mapping
from nosqlpy.aliases import CollationSpec, Document
from nosqlpy.errors import NotSupportedError, OperationFailure, QueryError, ValidationError
from nosqlpy.naming import nearest

LEVELS: Final = ("off", "strict", "moderate")
ACTIONS: Final = ("error", "warn")

_SPELLINGS: Final = {"validationLevel": "validation_level", "validationAction": "validation_action"}
_MONGODB_OPTIONS: Final = frozenset(
    (
        *("autoIndexId", "capped", "changeStreamPreAndPostImages", "clusteredIndex", "collation", "comment"),
        *("encryptedFields", "expireAfterSeconds", "indexOptionDefaults", "max", "pipeline", "size", "storageEngine"),
        *("timeseries", "viewOn", "writeConcern", "codec_options", "read_preference", "write_concern", "read_concern"),
        *("session", "check_exists", "index", "cappedSize", "cappedMax", "dryRun", "prepareUnique"),
    )
)

Before: TypeAlias = Callable[[int], bytes | None]


class Validator:
    """The validator of a collection, compiled when it is first needed. May be shared by threads."""

    __slots__ = ("_collation", "_filter", "_moderate", "_predicate", "_warns")

    def __init__(self, options: Document, collation: Collation | None) -> None:
        self._filter: Document = options["validator"]
        self._collation = collation
        self._moderate: bool = options.get("validationLevel") == "moderate"
        self._warns: bool = options.get("validationAction") == "warn"
        self._predicate: Predicate | None = None

    def refused(self, blobs: Sequence[bytes], before: Before | None = None) -> list[int]:
        """Return the positions of those of the encoded documents that do not match.

        `before` gives the document whose place the one at a position takes, if there is one; with
        the level ``moderate`` the successor of one that does not match may be what it likes.
        """
        wrong = self._unfit(blobs)
        if not wrong or not self._moderate or before is None:
            return wrong
        return [position for position in wrong if not self._is_excused(before(position))]

    def _is_excused(self, data: bytes | None) -> bool:
        return data is not None and bool(self._unfit([data]))

    def _unfit(self, blobs: Sequence[bytes]) -> list[int]:
        if self._predicate is None:
            self._predicate = compile_filter(self._filter, collation=self._collation)
        try:
            selected = self._predicate.select(blobs)
        except OperationFailure:  # an expression cannot be computed on one, which therefore does not match
            selected = list(filter(partial(_fits, self._predicate), blobs))
        if len(selected) == len(blobs):
            return []
        fit = set(map(id, selected))
        return [position for position, data in enumerate(blobs) if id(data) not in fit]

    def check(self, name: str, blobs: Sequence[bytes], before: Before | None = None) -> tuple[str, ...]:
        """Return what to warn of where documents of collection `name` do not match and the action is ``warn``.

        Raises:
            ValidationError: One does not match, and the action is ``error``.
        """
        wrong = self.refused(blobs, before)
        if not wrong:
            return ()
        if self._warns:
            return self.warnings(name, [blobs[position] for position in wrong])
        raise self.error(blobs[wrong[0]])

    @property
    def warns(self) -> bool:
        """Whether documents that do not match are stored, and warned of."""
        return self._warns

    def warnings(self, name: str, blobs: Sequence[bytes]) -> tuple[str, ...]:
        """Return the warning about documents that do not match and are stored; none if there are none."""
        if not blobs:
            return ()
        others = f" (and {len(blobs) - 1} more in the same write)" if len(blobs) > 1 else ""
        return (f"collection {name!r}: {self.error(blobs[0])}{others}",)

    def error(self, data: bytes) -> ValidationError:
        """Return the error for an encoded document that does not match; its `details` have values, the message none."""
        document = decode_document(data)
        failure = explain(self._filter, document, self._collation)
        # what is shown of the filter is copied, so that nobody can change the filter through it
        information = copy.deepcopy({"failingDocumentId": document["_id"], "details": failure.details})
        return ValidationError(f"document failed validation: {failure.message}", details={"errInfo": information})


def _fits(predicate: Predicate, data: bytes) -> bool:
    """Whether an encoded document matches; one on which an expression cannot be computed does not, as on a server."""
    try:
        return bool(predicate.select([data]))
    except OperationFailure:
        return False


def make_validator(options: Document, collation: Collation | None) -> Validator | None:
    """Return the validator that the options of a collection with this collation ask for, if they do.

    Raises:
        TypeError: The options, from a log or a dump, are no document.
    """
    if type(options) is not dict:
        raise TypeError("the options of a collection are a document")
    if not options.get("validator") or options.get("validationLevel") == "off":
        return None
    return Validator(options, collation)


def collection_options(
    method: str,
    validator: Mapping[str, Any] | None,
    validation_level: str | None,
    validation_action: str | None,
    others: Mapping[str, Any],
    collation: CollationSpec | None = None,
) -> Document:
    """Return the options of a collection that were given to `method`, checked, copied and spelt as MongoDB does.

    Raises:
        QueryError: The validator is no filter, or an option cannot have this value or is unknown.
        NotSupportedError: An option, or something in the filter, that only MongoDB has.
    """
    given: Document = {}
    for name, value in others.items():
        if name not in _SPELLINGS:
            _refuse(method, name)
        given[name] = value
    plain = {"validationLevel": validation_level, "validationAction": validation_action}
    for spelling, value in plain.items():
        if value is not None and spelling in given:
            raise QueryError(f"{method} takes {_SPELLINGS[spelling]} or {spelling}, not both")
        given[spelling] = given.get(spelling, value)
    options = {name: value for name, value in given.items() if value is not None}
    _check_choice("validation_level", options.get("validationLevel"), LEVELS)
    _check_choice("validation_action", options.get("validationAction"), ACTIONS)
    collated = compile_collation(collation)
    if collated is not None:
        options["collation"] = collation_document(collated)
    if validator is None:
        return options
    if TYPES[type(validator)] != OBJECT:
        message = f"a validator is a filter, hence a document, not {type(validator).__name__}"
        raise QueryError(message, code=14, code_name="TypeMismatch")
    copied: Document = decode_value(encode_value({"validator": dict(as_mapping(validator))}))
    refuse_text(found=compile_filter(copied["validator"], collation=collated).text is not None, where="a validator")
    return copied | options


def _refuse(method: str, name: str) -> None:
    if name in _MONGODB_OPTIONS:
        raise NotSupportedError(f"{method} does not support the option {name!r} yet")
    known = {"validator", *_SPELLINGS, *_SPELLINGS.values()}
    raise QueryError(f"{method} has no option {name!r}{nearest(name, known | _MONGODB_OPTIONS)}")


def _check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    if value is None or value in choices:
        return
    if TYPES[type(value)] != STRING:
        message = f"{name} is one of {', '.join(choices)}, not a value of type {type(value).__name__}"
        raise QueryError(message, code=14, code_name="TypeMismatch")
    if value == "errorAndLog":
        raise NotSupportedError(
            "validation_action 'errorAndLog' is not supported yet; use 'error', and log what is caught"
        )
    raise QueryError(f"{name} is one of {', '.join(choices)}, not {value!r}{nearest(value, choices)}")
