"""Updates by operators, ready to run: on a decoded document, or on an encoded one of which little is decoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from nosqlpy._core.update.positional import Expansion
from nosqlpy._core.update.registry import PositionalStep, Run, Step
from nosqlpy._core.values.codec import decode_fields, decode_value, encode_fields, encode_value
from nosqlpy._core.values.splice import Field
from nosqlpy._core.values.types import MISSING
from nosqlpy.aliases import Document
from nosqlpy.errors import DocumentError, WriteError


class Reach(msgspec.Struct, frozen=True):
    """What the steps of an update reach, whatever their operands are.

    `names` are the top-level fields; `patches` says that no step needs another field
    than those, so that the rest of a document can stay encoded.
    """

    names: tuple[str, ...]
    touches_id: bool
    patches: bool


def reach_of(steps: Sequence[Step | PositionalStep]) -> Reach:
    """Return what `steps` reach."""
    names = tuple(dict.fromkeys(claim.parts[0] for step in steps for claim in step.claims))
    touches_id = "_id" in names
    return Reach(names, touches_id, not touches_id and all(type(step) is Step for step in steps))


class OperatorUpdater:
    """Changes fields of documents by operators."""

    __slots__ = ("_expansion", "_on_insert", "_on_update", "_reach", "change", "field", "names", "step")

    replaces = False

    def __init__(
        self,
        reach: Reach,
        on_update: Sequence[Run],
        on_insert: Sequence[Run],
        expansion: Expansion | None = None,
        field: Field | None = None,
        change: Callable[[Any], Any] | None = None,
        step: int | None = None,
    ) -> None:
        self._reach = reach
        self.names: tuple[str, ...] | None = reach.names if reach.patches else None
        self._on_update = on_update
        self._on_insert = on_insert
        self._expansion = expansion
        # all that it reaches, if that is one field that can be changed where it lies; what it makes of its value, and
        # adds to that if it is an int. Not made for updates that do not come twice
        self.field: Field | None = field if reach.patches else None
        self.change: Callable[[Any], Any] | None = change
        self.step: int | None = step
        if change is None and field is not None:
            self.change = _changing(reach.names[0], on_update)

    @property
    def needs_position(self) -> bool:
        """Whether it has ``$``."""
        return self._expansion is not None and self._expansion.needs_position

    def apply(self, document: Document, position: int | None = None) -> Document:
        """Return the updated document."""
        runs = self._on_update
        try:
            if self._expansion is not None:
                runs = self._expansion.runs(document, position, inserting=False)
            if self._reach.touches_id:
                _run_guarded(runs, document)
            else:
                for run in runs:
                    run(document)
        except WriteError as error:
            error.details = {**error.details, "_id": document.get("_id")}
            raise
        return document

    def patch(self, data: bytes, size_max: int) -> bytes | None:
        """Return what `apply` makes of an encoded document; None where only that can tell, or say what is wrong."""
        try:
            if self.field is not None and self.change is not None:
                spliced = self.field.changed(data, self.change, self.step, size_max)
                if spliced is not None:
                    return spliced
        except (WriteError, DocumentError):
            return None
        return self.patch_fields(data, size_max)

    def patch_fields(self, data: bytes, size_max: int) -> bytes | None:
        """Do as `patch` by decoding all fields that it reaches, without a look at whether one can be changed alone."""
        reach = self._reach
        if not reach.patches:
            return None
        try:
            fields = decode_fields(data)
            for name in reach.names:
                if name in fields:
                    fields[name] = decode_value(fields[name])
            for run in self._on_update:
                run(fields)
            return encode_fields(fields, reach.names, size_max=size_max)
        except (WriteError, DocumentError):
            return None

    def insert(self, seed: Document) -> Document:
        """Return the document that an upsert inserts."""
        identity = _fingerprint(seed) if self._reach.touches_id else None
        runs = self._on_insert
        if self._expansion is not None:
            runs = self._expansion.runs(seed, None, inserting=True)
        for run in runs:
            run(seed)
        if identity is not None and _fingerprint(seed) != identity:
            raise immutable_id()
        return seed


def _changing(name: str, runs: Sequence[Run]) -> Callable[[Any], Any]:
    """Return what `runs` make of the value of the field that they reach; MISSING where they remove it."""

    def change(value: Any) -> Any:
        field = {name: value}
        for run in runs:
            run(field)
        return field.get(name, MISSING)

    return change


def _run_guarded(runs: Sequence[Run], document: Document) -> None:
    identity = _fingerprint(document)
    for run in runs:
        run(document)
    if _fingerprint(document) != identity:
        raise immutable_id()


def _fingerprint(document: Document) -> bytes | None:
    """Return what tells whether the ``_id`` is the same to the last bit; None if there is none."""
    return encode_value(document["_id"]) if "_id" in document else None


def immutable_id() -> WriteError:
    """Return the error that says that an update would change an ``_id``."""
    return WriteError("the update would change the immutable field '_id'", code=66, code_name="ImmutableField")
