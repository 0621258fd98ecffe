"""$unwind: one document for each element of an array.

Manual: reference/operator/aggregation/unwind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from nosqlpy._core.aggregate.linking import placed
from nosqlpy._core.aggregate.registry import stage
from nosqlpy._core.aggregate.stage import Batch, Moment, Scope, Stage, in_batches, malformed
from nosqlpy._core.aggregate.unwound import Unwound
from nosqlpy._core.expression.fieldpaths import parse_field_path
from nosqlpy._core.values.paths import plain
from nosqlpy._core.values.types import MISSING, OBJECT, TYPES, as_mapping, is_string
from nosqlpy.aliases import Document

_OPTIONS: Final = ("path", "includeArrayIndex", "preserveNullAndEmptyArrays")


class _Unwinding(msgspec.Struct, frozen=True):
    """The path to the array, where its index goes, and whether documents without elements stay."""

    parts: tuple[str, ...]
    index: tuple[str, ...] | None
    preserve: bool

    def documents(self, document: Document) -> list[Document]:
        """Return what becomes of one document."""
        value = _reach(document, self.parts)
        if type(value) is list and value and self.index is None and len(self.parts) == 1:
            (name,) = self.parts
            return [{**document, name: item} for item in value]
        if type(value) is list and value:
            return [self._with(document, item, place) for place, item in enumerate(value)]
        if type(value) is list:
            return [self._indexed(_without(document, self.parts), None)] if self.preserve else []
        if value is None or value is MISSING:
            return [self._indexed(document, None)] if self.preserve else []
        return [self._indexed(document, None)]

    def _with(self, document: Document, item: Any, place: int) -> Document:
        return self._indexed(placed(document, self.parts, item), place)

    def _indexed(self, document: Document, place: int | None) -> Document:
        return document if self.index is None else placed(document, self.index, place)


def _reach(document: Document, parts: Sequence[str]) -> Any:
    value: Any = document
    for part in parts:
        inner, kind = plain(value)
        if kind is not dict:
            return MISSING
        value = inner.get(part, MISSING)
    return value


def _without(document: Mapping[str, Any], parts: Sequence[str]) -> Document:
    result = dict(document)
    if len(parts) == 1:
        del result[parts[0]]
    else:
        result[parts[0]] = _without(result[parts[0]], parts[1:])
    return result


@stage("$unwind")
def compile_unwind(name: str, operand: Any, _scope: Scope) -> Stage:
    """Return the stage that makes a document for each element of an array."""
    unwinding = _parse(operand)

    def run(batches: Iterator[Batch], _moment: Moment) -> Iterator[Batch]:
        for batch in batches:
            yield from in_batches([made for document in batch for made in unwinding.documents(document)])

    if unwinding.index is not None:
        return Stage(name, run)
    unwound = Unwound(unwinding.parts, unwinding.preserve)
    return Stage(name, run, frozenset((unwound.path,)), unwound=unwound)


def _parse(operand: Any) -> _Unwinding:
    if is_string(operand) and operand:
        return _Unwinding(_path(operand), None, preserve=False)
    if operand == "":
        raise malformed("no path specified to $unwind stage", 28812)
    if TYPES[type(operand)] != OBJECT:
        raise malformed(f"$unwind takes a path or a document, not {type(operand).__name__}", 15981)
    given = as_mapping(operand)
    for option in given:
        if option not in _OPTIONS:
            raise malformed(f"unrecognized option to $unwind stage: {option}", 28811)
    if not isinstance(given.get("path", ""), str):
        raise malformed("expected a string as the path for $unwind stage", 28808)
    if not given.get("path"):
        raise malformed("no path specified to $unwind stage", 28812)
    preserve = given.get("preserveNullAndEmptyArrays", False)
    if type(preserve) is not bool:
        raise malformed("expected a boolean for preserveNullAndEmptyArrays of $unwind", 28809)
    return _Unwinding(_path(given["path"]), _index(given), preserve)


def _path(text: str) -> tuple[str, ...]:
    if not text.startswith("$"):
        raise malformed("path option to $unwind stage should be prefixed with a '$'", 28818)
    return parse_field_path(text[1:], "the path of $unwind")


def _index(given: Mapping[str, Any]) -> tuple[str, ...] | None:
    if "includeArrayIndex" not in given:
        return None
    name = given["includeArrayIndex"]
    if not isinstance(name, str) or not name:
        raise malformed("expected a non-empty string for includeArrayIndex of $unwind", 28810)
    if name.startswith("$"):
        raise malformed("includeArrayIndex option to $unwind stage should not be prefixed with a '$'", 28822)
    return parse_field_path(name, "includeArrayIndex of $unwind")
