"""Projections: which fields of a document a read returns, and which it computes.

Manual: reference/method/db.collection.find#projection. A projection includes or
excludes fields, and never both but for ``_id``; one that computes fields
includes. The rules and codes are those of the server's projection_parser.cpp.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, cast

import msgspec

from nosqlpy._core.expression.compile import Expression, compile_expression
from nosqlpy._core.expression.fieldpaths import parse_field_path
from nosqlpy._core.expression.registry import is_operator, operator_names
from nosqlpy._core.query.filter import compile_filter
from nosqlpy._core.query.projected import Compute, Leaf, Rule, Tree, exclusion, inclusion
from nosqlpy._core.query.tree import NO_VARIABLES
from nosqlpy._core.values.codec import copy_value
from nosqlpy._core.values.depth import check_depth
from nosqlpy._core.values.numbers import NUMERIC, truncate
from nosqlpy._core.values.order import number_content
from nosqlpy._core.values.types import BOOL, MISSING, OBJECT, TYPES, as_mapping
from nosqlpy.aliases import Projection as ProjectionSpec
from nosqlpy.errors import NotSupportedError, QueryError
from nosqlpy.naming import nearest

_CONTAINERS: Final = frozenset((dict, list))


class Projection(msgspec.Struct, frozen=True):
    """What a read returns of a document; made by `compile_projection`. May be shared by threads.

    `paths` has the top-level fields that are read, or is None where all are.
    `apply` returns a new document that shares the included values of its
    argument; computed ones are its own. It raises OperationFailure where an
    expression cannot be computed.
    """

    apply: Callable[[dict[str, Any]], dict[str, Any]]
    paths: frozenset[str] | None


class _Parser:
    """Reads one specification into a tree, and finds out whether it includes or excludes."""

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self.variables = variables
        self.root = Tree()
        self.inclusive: bool | None = None
        self.slices = False
        self.elements: list[str] = []
        self.reads: set[str] | None = set()  # top-level fields that expressions read, None for all

    def parse(self, specification: Mapping[str, Any], parent: Tree, prefix: str) -> None:
        for name, value in specification.items():
            path = f"{prefix}{name}"
            parts = _parts(name, path)
            if TYPES[type(value)] == OBJECT:
                self._parse_document(as_mapping(value), parent, parts, path)
            elif TYPES[type(value)] == BOOL or TYPES[type(value)] in NUMERIC:
                includes = value if type(value) is bool else number_content(value) != 0
                _add(parent, parts, Leaf(includes), path)
                self._decide(path, includes=includes)
            else:
                self._compute(value, parent, parts, path, code=31310)

    def _decide(self, path: str, *, includes: bool) -> None:
        if path == "_id":
            return
        if self.inclusive is not None and self.inclusive is not includes:
            done, kind, code = ("include", "excludes", 31253) if includes else ("exclude", "includes", 31254)
            message = f"cannot {done} {path!r} in a projection that {kind} fields"
            raise QueryError(message, code=code, code_name=f"Location{code}")
        self.inclusive = includes

    def _parse_document(self, value: Mapping[str, Any], parent: Tree, parts: Sequence[str], path: str) -> None:
        if not value:
            message = f"the projection of {path!r} is an empty document"
            raise QueryError(message, code=51270, code_name="Location51270")
        operator = next(iter(value))
        if not operator.startswith("$") or len(value) > 1:
            self.parse(value, _tree_at(parent, parts, path), f"{path}.")
        elif operator == "$slice":
            self._parse_slice(value, parent, parts, path)
        elif operator == "$elemMatch":
            self._parse_element_match(value[operator], parent, parts, path)
        elif is_operator(operator):
            self._compute(value, parent, parts, path, code=31252)
        else:
            raise QueryError(
                f"unknown expression {operator} in the projection of {path!r}{nearest(operator, operator_names())}",
                code=31325,
                code_name="Location31325",
            )

    def _parse_slice(self, value: Mapping[str, Any], parent: Tree, parts: Sequence[str], path: str) -> None:
        """Read a $slice of the projection, or else one that is an expression."""
        try:
            rule = _slice(value["$slice"], path)
        except QueryError:
            self._compute(value, parent, parts, path, code=31252)
            return
        self.slices = True
        _add(parent, parts, Leaf(includes=True, rule=rule), path)

    def _parse_element_match(self, operand: Any, parent: Tree, parts: Sequence[str], path: str) -> None:
        if "." in path:
            message = f"$elemMatch cannot project the nested field {path!r}"
            raise QueryError(message, code=31275, code_name="Location31275")
        self.elements.append(path)
        first = _first_match(operand, path)
        _add(parent, parts, Leaf(includes=False, compute=lambda document: first(document.get(path))), path)
        if self.reads is not None:
            self.reads.add(path)

    def _compute(self, value: Any, parent: Tree, parts: Sequence[str], path: str, *, code: int) -> None:
        """Add a field that an expression computes."""
        if self.inclusive is False:
            message = f"cannot use an expression for {path!r} in a projection that excludes fields"
            raise QueryError(message, code=code, code_name=f"Location{code}")
        self.inclusive = True
        try:
            expression = compile_expression(value, variables=frozenset(self.variables))
        except NotSupportedError as error:
            raise NotSupportedError(f"{error} (in the projection of {path!r})") from None
        _add(parent, parts, Leaf(includes=False, compute=_computing(expression, self.variables)), path)
        if expression.paths is None or self.reads is None:
            self.reads = None
        else:
            self.reads.update(read.partition(".")[0] for read in expression.paths)


def compile_projection(specification: ProjectionSpec, variables: Mapping[str, Any] = NO_VARIABLES) -> Projection:
    """Return the projection of a list of names, or of a document of names with 1, 0 or an expression.

    `variables` are what expressions may use, by name: those of ``let``, and NOW for ``$$NOW``.

    Raises:
        QueryError: It is malformed, or includes some fields and excludes others.
        NotSupportedError: It has an operator or a positional ``$`` that nosqlpy lacks.
    """
    if not isinstance(specification, Mapping):
        specification = dict.fromkeys(_names(specification), 1)
    items = tuple(specification.items())
    if variables:
        return _compile(items, variables)
    try:
        return _compiled(items)
    except TypeError:  # a nested document cannot be hashed
        return _compile(items)


def _compile(items: tuple[tuple[str, Any], ...], variables: Mapping[str, Any] = NO_VARIABLES) -> Projection:
    specification = dict(items)
    check_depth(specification)
    parser = _Parser(variables)
    parser.parse(specification, parser.root, "")
    fields = parser.root.fields
    identity = fields.get("_id")
    inclusive = parser.inclusive
    if inclusive is None:
        includes_id = isinstance(identity, Leaf) and identity.includes and identity.rule is None
        inclusive = includes_id if parser.slices or not parser.elements else True
    if parser.elements and not inclusive:
        names = ", ".join(map(repr, parser.elements))
        raise NotSupportedError(f"$elemMatch (of {names}) in a projection that excludes fields is not supported")
    if not inclusive:
        return Projection(exclusion(parser.root), None)
    fields.setdefault("_id", Leaf(includes=True))
    if isinstance(identity, Leaf) and not identity.includes and identity.compute is None:
        del fields["_id"]
    kept = (name for name, node in fields.items() if isinstance(node, Tree) or node.includes)
    return Projection(inclusion(parser.root), None if parser.reads is None else frozenset((*parser.reads, *kept)))


# Equal specifications of scalars, {"a": 1} and {"a": True}, have one meaning.
_compiled = lru_cache(maxsize=512)(_compile)


def _computing(expression: Expression, variables: Mapping[str, Any]) -> Compute:
    """Return what computes a field of which the result is the only owner."""
    evaluate = expression.evaluate

    def compute(document: Mapping[str, Any]) -> Any:
        value = evaluate(document, variables)
        return copy_value(value) if type(value) in _CONTAINERS else value

    return compute


def _names(specification: Any) -> Sequence[str]:
    listed = isinstance(specification, Sequence) and not isinstance(specification, str)
    if not listed or not all(isinstance(name, str) for name in specification):
        message = "a projection is a list of field names, or a document of field names with 1 or 0"
        raise QueryError(message, code=14, code_name="TypeMismatch")
    return cast("Sequence[str]", specification)


def _parts(name: Any, path: str) -> tuple[str, ...]:
    if not isinstance(name, str):
        raise QueryError(
            f"a projection names fields by str, not {type(name).__name__}", code=14, code_name="TypeMismatch"
        )
    if "$" in name.split("."):
        raise NotSupportedError(f"the positional $ in the projection of {path!r} is not supported")
    return parse_field_path(name, "the projected path")


def _tree_at(parent: Tree, parts: Sequence[str], path: str) -> Tree:
    """Return the tree that `parts` lead to, a new one if no field below is projected yet."""
    found: Tree | Leaf | None = parent
    for part in parts:
        found = found.fields.get(part) if isinstance(found, Tree) else None
    if isinstance(found, Tree):
        return found
    child = Tree()
    _add(parent, parts, child, path)
    return child


def _add(parent: Tree, parts: Sequence[str], node: Tree | Leaf, path: str) -> None:
    for part in parts[:-1]:
        child = parent.fields.setdefault(part, Tree())
        if isinstance(child, Leaf):
            message = f"the projection of {path!r} collides with that of a field that holds it"
            raise QueryError(message, code=31249, code_name="Location31249")
        parent = child
    if parts[-1] in parent.fields:
        message = f"the projection of {path!r} collides with that of the same field or of one in it"
        raise QueryError(message, code=31250, code_name="Location31250")
    parent.fields[parts[-1]] = node


def _slice(operand: Any, path: str) -> Rule:
    """Return what $slice leaves of an array: a number from the start or end, or [skip, limit]."""
    where = f"$slice in the projection of {path!r}"
    if isinstance(operand, list | tuple):
        if len(operand) != 2:
            raise QueryError(f"{where} takes a number or [skip, limit]", code=31272, code_name="Location31272")
        skip = _whole(operand[0], where, 31257)
        limit = _whole(operand[1], where, 31258)
        if limit <= 0:
            raise QueryError(f"{where} needs a limit above 0", code=31259, code_name="Location31259")
    else:
        count = _whole(operand, where, 31273)
        skip, limit = min(count, 0), abs(count)

    def cut(value: Any) -> Any:
        if type(value) is not list:
            return value
        start = skip if skip >= 0 else max(len(value) + skip, 0)
        return value[start : start + limit]

    return cut


def _whole(value: Any, where: str, code: int) -> int:
    number = truncate(value) if TYPES[type(value)] in NUMERIC else None
    if number is None:
        raise QueryError(f"{where} takes a number or [skip, limit]", code=code, code_name=f"Location{code}")
    return number


def _first_match(operand: Any, path: str) -> Rule:
    """Return what $elemMatch leaves of an array: its first matching element."""
    if TYPES[type(operand)] != OBJECT:
        message = f"$elemMatch in the projection of {path!r} takes a document"
        raise QueryError(message, code=31274, code_name="Location31274")
    predicate = compile_filter({path: {"$elemMatch": operand}})

    def first(value: Any) -> Any:
        if type(value) is list:
            for element in value:
                if predicate.matches({path: [element]}):
                    return [element]
        return MISSING

    return first
