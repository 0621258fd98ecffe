"""$out and $merge: where the documents that a pipeline makes are written, and how.

Manual: reference/operator/aggregation/out, merge. They are no stages through which
documents flow: a pipeline has one at its end, and whoever runs it writes what comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NoReturn, TypeAlias

import msgspec

from nosqlpy._core.aggregate.registry import stage
from nosqlpy._core.aggregate.stage import Scope, malformed
from nosqlpy._core.expression.fieldpaths import parse_field_path
from nosqlpy._core.expression.node import Expression
from nosqlpy._core.expression.scope import check_new_variable
from nosqlpy._core.update.pipeline import compile_pipeline
from nosqlpy._core.values.collation import Collation
from nosqlpy._core.values.depth import check_depth
from nosqlpy._core.values.types import ARRAY, OBJECT, STRING, TYPES, as_mapping, type_name
from nosqlpy.aliases import Document
from nosqlpy.errors import NotSupportedError, QueryError
from nosqlpy.naming import check_collection_name, nearest

TARGETS: Final = frozenset(("$out", "$merge"))
_OUT: Final = ("db", "coll", "timeseries")
_MERGE: Final = ("into", "on", "let", "whenMatched", "whenNotMatched")
_INTO: Final = ("db", "coll")
_WHEN_MATCHED: Final = ("replace", "keepExisting", "merge", "fail")
_WHEN_NOT_MATCHED: Final = ("insert", "discard", "fail")
_PIPELINE: Final = "pipeline"
_NEW: Final = "new"
_ONLY_INSERTING: Final = frozenset(("keepExisting", "fail"))

Combine: TypeAlias = Callable[[Document, Document], Document]
"""What makes of a stored document and one that comes in the one that is stored then."""


class Out(msgspec.Struct, frozen=True):
    """A collection whose documents are replaced by those that a pipeline makes."""

    table: str


class Merge(msgspec.Struct, frozen=True):
    """A collection into which the documents that a pipeline makes go, and what becomes of those that are there.

    A document is there if it has the same values `on` these paths; `stages` compute what is stored then, if
    `when_matched` is ``"pipeline"``.
    """

    table: str
    on: tuple[str, ...]
    when_matched: str
    when_not_matched: str
    stages: Sequence[Any]
    bindings: Mapping[str, Expression]
    variables: Mapping[str, Any]
    collation: Collation | None

    def combining(self) -> Combine:
        """Return what combines two documents, for one run."""
        if self.when_matched == "replace":
            return lambda _, new: new
        if self.when_matched == "merge":
            return lambda stored, new: {**stored, **new}
        return self._by_stages()

    def _by_stages(self) -> Combine:
        """Return what runs the stages, which are compiled for variables whose values change with the document."""
        bound = {**self.variables, **dict.fromkeys(self.bindings)}
        update = compile_pipeline(self.stages, bound, self.collation).apply

        def combine(stored: Document, new: Document) -> Document:
            for name, binding in self.bindings.items():
                bound[name] = binding.evaluate(new, self.variables)
            return update(stored)

        return combine


Target: TypeAlias = Out | Merge


@stage("$out", "$merge")
def misplaced(name: str, operand: Any, scope: Scope) -> NoReturn:  # noqa: ARG001 - wherever it stands, it is wrong
    """Refuse a stage that writes, and is not at the end of a whole pipeline."""
    if not scope.inside:
        raise malformed(f"{name} can only be the final stage in the pipeline", 40601)
    code = 31441 if scope.inside[-1] == "$unionWith" else 51047
    raise malformed(f"{name} is not allowed within a {scope.inside[-1]}'s sub-pipeline", code)


def compile_target(name: str, operand: Any, scope: Scope) -> Target:
    """Return the compiled stage at the end of a pipeline, which says where to write.

    Raises:
        QueryError: It means nothing.
        NotSupportedError: It names another database, or uses what nosqlpy lacks.
    """
    check_depth(operand)
    return _out(operand) if name == "$out" else _merge(operand, scope)


def _out(operand: Any) -> Out:
    kind = TYPES[type(operand)]
    if kind == STRING:
        return Out(_table("$out", operand))
    if kind != OBJECT:
        message = f"$out only supports a string or object argument, but found {type_name(operand)}"
        raise malformed(message, 16990)
    given = as_mapping(operand)
    _check_known("$out", given, _OUT)
    for option in ("db", "coll"):
        if option not in given:
            raise malformed(f"BSON field '$out.{option}' is missing but a required field", 40414)
        _check_string(f"$out.{option}", given[option])
    option = "timeseries" if "timeseries" in given else "db"
    raise _not_supported("$out", option)


def _merge(operand: Any, scope: Scope) -> Merge:
    kind = TYPES[type(operand)]
    if kind not in (STRING, OBJECT):
        message = f"$merge requires a string or object argument, but found {type_name(operand)}"
        raise malformed(message, 14, "TypeMismatch")
    given = {"into": _table("$merge", operand)} if kind == STRING else as_mapping(operand)
    _check_known("$merge", given, _MERGE)
    if "into" not in given:
        raise malformed("BSON field '$merge.into' is missing but a required field", 40414)
    matched, stages = _when_matched(given.get("whenMatched", "merge"))
    not_matched = _mode("whenNotMatched", given.get("whenNotMatched", "insert"), _WHEN_NOT_MATCHED)
    if matched in _ONLY_INSERTING and not_matched != "insert":
        message = f"$merge with whenMatched: {matched} and whenNotMatched: {not_matched} is not supported"
        raise malformed(message, 51181)
    merge = Merge(
        _into(given["into"]),
        _on(given.get("on", "_id")),
        matched,
        not_matched,
        stages,
        _bindings(given, matched, not_matched, scope),
        scope.variables,
        scope.collation,
    )
    merge.combining()  # which compiles the stages: what is malformed is refused now
    return merge


def _check_known(name: str, given: Mapping[str, Any], known: Sequence[str]) -> None:
    for option in given:
        if option not in known:
            raise malformed(f"BSON field '{name}.{option}' is an unknown field{nearest(option, known)}", 40415)


def _check_string(place: str, value: Any) -> None:
    if not isinstance(value, str):
        raise malformed(f"{place!r} must be a string, found: {type_name(value)}", 14, "TypeMismatch")


def _not_supported(name: str, option: str) -> NotSupportedError:
    what = "time series" if option == "timeseries" else "another database"
    return NotSupportedError(f"{name} does not support {option!r}: it does not write to {what}")


def _table(name: str, table: str) -> str:
    if not table:
        raise malformed(f"{name} writes to a collection with a name that is not empty", 73, "InvalidNamespace")
    return check_collection_name(table)


def _into(into: Any) -> str:
    kind = TYPES[type(into)]
    if kind == STRING:
        if not into:
            raise malformed("$merge 'into' field cannot be an empty string", 5786800)
        return _table("$merge", into)
    if kind != OBJECT:
        raise malformed(f"$merge 'into' field must be either a string or an object, found: {type_name(into)}", 51178)
    given = as_mapping(into)
    _check_known("$merge.into", given, _INTO)
    for option, value in given.items():
        if value is not None:
            _check_string(f"$merge.into.{option}", value)
    if not given.get("coll"):
        raise malformed("$merge 'into' field must specify a 'coll' that is not empty or null", 5786801)
    if given.get("db") is not None:
        raise _not_supported("$merge", "db")
    return _table("$merge", given["coll"])


def _on(on: Any) -> tuple[str, ...]:
    kind = TYPES[type(on)]
    if kind not in (STRING, ARRAY):
        raise malformed(f"$merge 'on' field must be a string or an array of strings, found: {type_name(on)}", 51186)
    paths = (on,) if kind == STRING else tuple(on)
    if not paths:
        raise malformed("$merge 'on' field is an empty array; leave it out, and it is _id", 51187)
    for path in paths:
        if not isinstance(path, str):
            raise malformed(f"the elements of $merge 'on' must be strings, found: {type_name(path)}", 51134)
        parse_field_path(path, "'on' of $merge")
        if paths.count(path) > 1:
            raise malformed(f"$merge 'on' has the field {path!r} twice", 31465)
    return paths


def _when_matched(given: Any) -> tuple[str, Sequence[Any]]:
    kind = TYPES[type(given)]
    if kind == ARRAY:
        return _PIPELINE, given
    if kind != STRING:
        message = f"$merge 'whenMatched' must be a string or an array of stages, found: {type_name(given)}"
        raise malformed(message, 51191)
    return _mode("whenMatched", given, _WHEN_MATCHED), ()


def _mode(option: str, given: Any, known: Sequence[str]) -> str:
    _check_string(f"$merge.{option}", given)
    if given not in known:
        message = f"$merge {option!r} is one of {', '.join(known)}{nearest(given, known)}"
        raise malformed(message, 2, "BadValue")
    return str(given)


def _bindings(given: Mapping[str, Any], matched: str, not_matched: str, scope: Scope) -> dict[str, Expression]:
    """Return the variables of the stages: those of ``let``, and ``new``, the document that comes in."""
    if "let" not in given:
        return {_NEW: scope.expression("$$ROOT")} if matched == _PIPELINE else {}
    if matched != _PIPELINE:
        raise malformed(f"$merge cannot use 'let' with whenMatched: {matched}", 51199)
    let = given["let"]
    if TYPES[type(let)] != OBJECT:
        raise malformed(f"'let' of $merge must be an object, found: {type_name(let)}", 14, "TypeMismatch")
    variables = dict(as_mapping(let))
    if variables.get(_NEW, "$$ROOT") != "$$ROOT":
        raise _reserved()
    if not_matched == "insert":
        variables[_NEW] = "$$ROOT"
    return {check_new_variable(name): scope.expression(value) for name, value in variables.items()}


def _reserved() -> QueryError:
    return malformed("'let' of $merge may define the variable 'new' as '$$ROOT' only", 51273)
