"""Why a document does not match a filter: the description that a refused document comes with.

Manual: core/schema-validation; the form is that of the server's doc_validation_error.cpp.
It is made for one document that was refused, never while documents are tested.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from nosqlpy._core.expression.compile import compile_expression
from nosqlpy._core.query.failure import Failure
from nosqlpy._core.query.filter import compile_filter
from nosqlpy._core.query.registry import is_operators
from nosqlpy._core.query.schema import compile_schema
from nosqlpy._core.values.collation import Collation
from nosqlpy._core.values.paths import DBREF_FIELDS, parse_path
from nosqlpy._core.values.types import (
    ARRAY,
    BINARY,
    DECIMAL,
    DOUBLE,
    INT,
    LONG,
    MISSING,
    REGEX,
    STRING,
    TYPES,
    as_mapping,
    type_name,
    type_number,
)
from nosqlpy.aliases import Document
from nosqlpy.errors import OperationFailure

CONSIDERED_MAX: Final = 10
"""Values that are shown at most, as on a server."""

_NUMBERS: Final = (DECIMAL, DOUBLE, INT, LONG)
_BITS: Final = (BINARY, *_NUMBERS)
_COMPARISON: Final = ("comparison failed", "comparison succeeded")
_BITWISE: Final = ("bitwise operator failed to match", "bitwise operator matched successfully")
_MEMBERSHIP: Final = ("no matching value found in array", "matching value found in array")


class _Leaf(msgspec.Struct, frozen=True):
    """What is said of an operator: where it does not match, where it does, and of which types its values are."""

    reason: str
    inverted: str
    types: tuple[int, ...] = ()
    whole: bool = False
    """Whether an array is considered as such, and not its elements."""


_LEAVES: Final[dict[str, _Leaf]] = {
    **{name: _Leaf(*_COMPARISON) for name in ("$eq", "$gt", "$gte", "$lt", "$lte")},
    "$ne": _Leaf(_COMPARISON[1], _COMPARISON[0]),
    "$in": _Leaf(*_MEMBERSHIP),
    "$nin": _Leaf(_MEMBERSHIP[1], _MEMBERSHIP[0]),
    "$exists": _Leaf("path does not exist", "path does exist"),
    "$type": _Leaf("type did not match", "type did match"),
    "$mod": _Leaf("$mod did not evaluate to expected remainder", "$mod did evaluate to expected remainder", _NUMBERS),
    "$regex": _Leaf("regular expression did not match", "regular expression did match", (REGEX, STRING)),
    "$all": _Leaf("array did not contain all specified values", "array did contain all specified values", whole=True),
    "$size": _Leaf("array length was not equal to given size", "array length was equal to given size", (ARRAY,), True),
    "$elemMatch": _Leaf(
        "array did not satisfy the child predicate", "array did satisfy the child predicate", (ARRAY,), True
    ),
    **{name: _Leaf(*_BITWISE, _BITS) for name in ("$bitsAllSet", "$bitsAllClear", "$bitsAnySet", "$bitsAnyClear")},
}
_TYPE_NAMES: Final = {
    ARRAY: "array",
    BINARY: "binData",
    DECIMAL: "decimal",
    DOUBLE: "double",
    INT: "int",
    LONG: "long",
    REGEX: "regex",
    STRING: "string",
}


class _Clause(msgspec.Struct, frozen=True):
    """One condition of a filter: its operator, that operator's operand, its path if it has one, and it as a filter."""

    name: str
    operand: Any
    path: str
    filter: Mapping[str, Any]


class _Refused(msgspec.Struct, frozen=True):
    """A document that a filter has refused, and how its strings were compared."""

    document: Document
    collation: Collation | None

    def answers(self, filter: Any) -> bool | None:
        """Return whether a part of the filter matches; None if it cannot be computed."""
        try:
            return compile_filter(as_mapping(filter), collation=self.collation).matches(self.document)
        except OperationFailure:
            return None


def explain(filter: Mapping[str, Any], document: Document, collation: Collation | None = None) -> Failure:
    """Return why `document` does not match `filter`, which is well-formed, under a collation."""
    return _of_filter(filter, _Refused(document, collation), inverted=False)


def _of_filter(filter: Mapping[str, Any], refused: _Refused, *, inverted: bool) -> Failure:
    """Return why the filter does not match or, `inverted`, that it does where it must not."""
    clauses = list(_clauses(filter))
    if len(clauses) == 1:
        return _of_clause(clauses[0], refused, inverted=inverted)
    return _of_all([clause.filter for clause in clauses], refused, inverted=inverted)


def _clauses(filter: Mapping[str, Any]) -> Iterator[_Clause]:
    """Yield every condition of a filter by itself: each operator under a field is one."""
    for name, value in filter.items():
        if name == "$comment":
            continue
        if name.startswith("$") and name not in DBREF_FIELDS:
            yield _Clause(name, value, "", {name: value})
        elif is_operators(value):
            yield from _operators(name, as_mapping(value))
        else:
            yield _Clause("$regex" if TYPES[type(value)] == REGEX else "$eq", value, name, {name: value})


def _operators(path: str, operators: Mapping[str, Any]) -> Iterator[_Clause]:
    for name, operand in operators.items():
        if name == "$options":
            continue
        specified = {name: operand}
        if name == "$regex" and "$options" in operators:
            specified["$options"] = operators["$options"]
        yield _Clause(name, operand, path, {path: specified})


def _of_clause(clause: _Clause, refused: _Refused, *, inverted: bool) -> Failure:
    name = clause.name
    if name == "$and":
        return _of_all(clause.operand, refused, inverted=inverted)
    if name in ("$or", "$nor"):
        return _of_some(name, clause.operand, refused, inverted=inverted)
    if name == "$jsonSchema":
        return _of_schema(clause.operand, refused, inverted=inverted)
    if name == "$expr":
        return _of_expression(clause.operand, refused, inverted=inverted)
    if name in ("$sampleRate", "$alwaysTrue", "$alwaysFalse"):
        reason = f"expression always evaluates to {'true' if inverted else 'false'}"
        details = {"operatorName": name, "specifiedAs": clause.filter, "reason": reason}
        return Failure(details, reason, (), (name,), "filter")
    if name == "$not":
        inner = _of_filter({clause.path: clause.operand}, refused, inverted=not inverted)
        return Failure(
            {"operatorName": "$not", "details": inner.details}, inner.text, inner.place, inner.rule, "filter"
        )
    return _of_leaf(clause, refused.document, inverted=inverted)


# ── combinations ─────────────────────────────────────────────────────────────────


def _of_all(filters: Sequence[Any], refused: _Refused, *, inverted: bool) -> Failure:
    """Return which of several filters, all of which must match, do not; `inverted`: that they do."""
    answers = [False if inverted else refused.answers(part) for part in filters]
    blamed = False if False in answers else None  # what cannot be computed does not match
    found = {
        index: _of_filter(as_mapping(part), refused, inverted=inverted)
        for index, (part, answer) in enumerate(zip(filters, answers, strict=True))
        if answer is blamed
    }
    return _combined("$and", "clausesSatisfied" if inverted else "clausesNotSatisfied", found)


def _of_some(name: str, filters: Sequence[Any], refused: _Refused, *, inverted: bool) -> Failure:
    """Return the clauses of an ``$or`` that do not match, or those of a ``$nor`` that do; `inverted`: the contrary."""
    wanted = (name == "$nor") is not inverted  # whether what matches is to blame
    found = {
        index: _of_filter(as_mapping(part), refused, inverted=wanted)
        for index, part in enumerate(filters)
        if (refused.answers(part) is True) is wanted
    }
    failure = _combined(name, "clausesSatisfied" if wanted else "clausesNotSatisfied", found)
    if wanted:
        return failure
    text = f"must match at least one of {len(filters)} filters"
    return Failure(failure.details, text, (), (name,), "filter")


def _combined(name: str, key: str, found: Mapping[int, Failure]) -> Failure:
    details: Document = {
        "operatorName": name,
        key: [{"index": index, "details": failure.details} for index, failure in found.items()],
    }
    for failure in found.values():
        return msgspec.structs.replace(failure, details=details)
    return Failure(details, "must not match the empty filter", (), (name,), "filter")


# ── conditions on the document as a whole ────────────────────────────────────────


def _of_schema(operand: Any, refused: _Refused, *, inverted: bool) -> Failure:
    if inverted:
        details: Document = {"operatorName": "$jsonSchema", "reason": "schema matched"}
        return Failure(details, "must not satisfy the schema", (), ("$jsonSchema",), "filter")
    schema = compile_schema(operand)
    found = schema.failures(refused.document)
    details = {"operatorName": "$jsonSchema"}
    if found[-1].rule[0] in ("type", "bsonType"):  # no document is of another type
        details |= {"specifiedAs": {"$jsonSchema": operand}, "reason": "expression always evaluates to false"}
    else:
        rules = [failure.details for failure in found]
        details |= {**schema.annotations, "schemaRulesNotSatisfied": rules}
    return msgspec.structs.replace(found[0], details=details)


def _of_expression(operand: Any, refused: _Refused, *, inverted: bool) -> Failure:
    reason = "expression did match" if inverted else "expression did not match"
    details: Document = {"operatorName": "$expr", "specifiedAs": {"$expr": operand}, "reason": reason}
    try:
        result = compile_expression(operand, variables=frozenset(), collation=refused.collation).evaluate(
            refused.document, {}
        )
    except OperationFailure as error:
        reason = "failed to evaluate aggregation expression"
        found = {"code": error.code, "codeName": error.code_name, "errmsg": str(error)}
        return Failure(details | {"reason": reason, "details": found}, reason, (), ("$expr",), "filter")
    if result is not MISSING:
        details["expressionResult"] = result
    return Failure(details, reason, (), ("$expr",), "filter")


# ── operators on the values of a path ────────────────────────────────────────────


def _of_leaf(clause: _Clause, document: Document, *, inverted: bool) -> Failure:
    leaf = _LEAVES[clause.name]
    exists_not = clause.name == "$exists" and not compile_filter({clause.path: {"$exists": True}}).matches(document)
    reason = leaf.inverted if inverted else leaf.reason
    details: Document = {"operatorName": clause.name, "specifiedAs": clause.filter}
    if clause.name == "$exists":
        reason = leaf.reason if exists_not else leaf.inverted
        details["reason"] = reason
    else:
        reason = _considered(details, leaf, reason, clause, document)
    return Failure(details, reason, (clause.path,), (clause.path, clause.name), "filter")


def _considered(details: Document, leaf: _Leaf, reason: str, clause: _Clause, document: Document) -> str:
    """Add to `details` the reason and the values that were looked at; return the reason."""
    values = [value for value in _values(clause.path, document, whole=leaf.whole) if value is not MISSING]
    if not values and not compile_filter({clause.path: {"$exists": True}}).matches(document):
        details["reason"] = "field was missing"
        return "field was missing"
    types = sorted({type_name(value) for value in values})
    mismatched = bool(leaf.types) and not any(type_number(value) in leaf.types for value in values)
    details["reason"] = "type did not match" if mismatched else reason
    if mismatched:
        _name(details, "consideredType", types)
        _name(details, "expectedType", sorted(_TYPE_NAMES[number] for number in leaf.types))
    _name(details, "consideredValue", values[:CONSIDERED_MAX])
    if len(values) > CONSIDERED_MAX:
        details["consideredValuesTruncated"] = True
    if clause.name == "$type":
        _name(details, "consideredType", types)
    return str(details["reason"])


def _values(path: str, document: Document, *, whole: bool) -> list[Any]:
    leaves = parse_path(path, empty_parts=True).leaves(document)
    if whole:
        return leaves
    return [item for leaf in leaves for item in (leaf if type(leaf) is list else [leaf])]


def _name(details: Document, name: str, values: list[Any]) -> None:
    """Enter one value under its name, several under the plural of that."""
    if len(values) == 1:
        details[name] = values[0]
    elif values:
        details[f"{name}s"] = values
