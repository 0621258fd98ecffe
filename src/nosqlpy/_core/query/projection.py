"""Projections: which fields of a document a read returns.

Manual: tutorial/project-fields-from-query-results. A projection includes or
excludes fields, and never both but for ``_id``. The rules and codes are those
of the server's projection_parser.cpp.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias

import msgspec

from nosqlpy._core.query.filter import compile_filter
from nosqlpy._core.values.numbers import truncate
from nosqlpy._core.values.order import number_content
from nosqlpy._core.values.types import BOOL, DECIMAL, DOUBLE, INT, LONG, MISSING, OBJECT, TYPES, as_mapping
from nosqlpy.aliases import Projection as ProjectionSpec
from nosqlpy.errors import NotSupportedError, QueryError

Rule: TypeAlias = Callable[[Any], Any]
"""What becomes of a field's value; MISSING takes the field out."""

_NUMERIC: Final = frozenset((INT, LONG, DOUBLE, DECIMAL))


class Projection(msgspec.Struct, frozen=True):
    """What a read returns of a document; made by `compile_projection`. May be shared by threads.

    `paths` has the top-level fields that are included, or is None where all
    are but those excluded. `apply` returns a new document that shares the
    values of its argument.
    """

    apply: Callable[[dict[str, Any]], dict[str, Any]]
    paths: frozenset[str] | None


class Tree(msgspec.Struct):
    """The fields that a projection names under one field, each with what becomes of it."""

    fields: dict[str, Tree | Leaf] = {}


class Leaf(msgspec.Struct, frozen=True):
    """What becomes of a field: it is included, excluded, or its value changed by a rule."""

    includes: bool
    rule: Rule | None = None


class _Parser:
    """Reads one specification into a tree, and finds out whether it includes or excludes."""

    def __init__(self) -> None:
        self.root = Tree()
        self.inclusive: bool | None = None
        self.slices = False
        self.elements: dict[str, Rule] = {}

    def parse(self, specification: Mapping[str, Any], parent: Tree, prefix: str) -> None:
        for name, value in specification.items():
            path = f"{prefix}{name}"
            parts = _parts(name, path)
            if TYPES[type(value)] == OBJECT:
                self._parse_document(as_mapping(value), parent, parts, path)
            elif TYPES[type(value)] == BOOL or TYPES[type(value)] in _NUMERIC:
                includes = value if type(value) is bool else number_content(value) != 0
                self._decide(path, includes=includes)
                _add(parent, parts, Leaf(includes), path)
            else:
                raise NotSupportedError(
                    f"the projection of {path!r} is a literal or expression, which is not supported"
                )

    def _decide(self, path: str, *, includes: bool) -> None:
        if path == "_id":
            return
        if self.inclusive is not None and self.inclusive is not includes:
            done, kind, code = ("include", "excludes", 31253) if includes else ("exclude", "includes", 31254)
            message = f"cannot {done} {path!r} in a projection that {kind} fields"
            raise QueryError(message, code=code, code_name=f"Location{code}")
        self.inclusive = includes

    def _parse_document(self, value: Mapping[str, Any], parent: Tree, parts: list[str], path: str) -> None:
        if not value:
            message = f"the projection of {path!r} is an empty document"
            raise QueryError(message, code=51270, code_name="Location51270")
        operator = next(iter(value))
        if not operator.startswith("$") or len(value) > 1:
            child = Tree()
            _add(parent, parts, child, path)
            self.parse(value, child, f"{path}.")
        elif operator == "$slice":
            self.slices = True
            _add(parent, parts, Leaf(includes=True, rule=_slice(value[operator], path)), path)
        elif operator == "$elemMatch":
            if "." in path:
                message = f"$elemMatch cannot project the nested field {path!r}"
                raise QueryError(message, code=31275, code_name="Location31275")
            self.elements[path] = _first_match(value[operator], path)
            _add(parent, parts, Leaf(includes=False), path)
        else:
            raise NotSupportedError(f"{operator} in the projection of {path!r} is not supported")


def compile_projection(specification: ProjectionSpec) -> Projection:
    """Return the projection of a list of names, or of a document of names with 1 or 0.

    Raises:
        QueryError: It is malformed, or includes some fields and excludes others.
        NotSupportedError: It has an expression, a literal or a positional ``$``.
    """
    if not isinstance(specification, Mapping):
        specification = dict.fromkeys(_names(specification), 1)
    items = tuple(specification.items())
    try:
        return _compiled(items)
    except TypeError:  # a nested document cannot be hashed
        return _compile(items)


def _compile(items: tuple[tuple[str, Any], ...]) -> Projection:
    parser = _Parser()
    parser.parse(dict(items), parser.root, "")
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
        return Projection(_exclusion(parser.root), None)
    fields.setdefault("_id", Leaf(includes=True))
    if isinstance(identity, Leaf) and not identity.includes:
        del fields["_id"]
    return _with_elements(_inclusion(parser.root), parser.elements, frozenset(fields))


# Equal specifications of scalars, {"a": 1} and {"a": True}, have one meaning.
_compiled = lru_cache(maxsize=512)(_compile)


def _with_elements(apply: Rule, elements: dict[str, Rule], paths: frozenset[str]) -> Projection:
    """Return the projection that also has the fields of $elemMatch, which follow all others."""
    if not elements:
        return Projection(apply, paths)

    def apply_both(document: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = apply(document)
        for name, rule in elements.items():
            value = rule(document.get(name))
            if value is not MISSING:
                result[name] = value
        return result

    return Projection(apply_both, paths)


def _names(specification: Sequence[str]) -> Sequence[str]:
    listed = isinstance(specification, Sequence) and not isinstance(specification, str)
    if not listed or not all(isinstance(name, str) for name in specification):
        message = "a projection is a list of field names, or a document of field names with 1 or 0"
        raise QueryError(message, code=14, code_name="TypeMismatch")
    return specification


def _parts(name: Any, path: str) -> list[str]:
    if not isinstance(name, str):
        raise QueryError(
            f"a projection names fields by str, not {type(name).__name__}", code=14, code_name="TypeMismatch"
        )
    parts = name.split(".")
    for part in parts:
        if not part:
            message = f"the projection of {path!r} has an empty part in its path"
            raise QueryError(message, code=15998, code_name="Location15998")
        if part == "$":
            raise NotSupportedError(f"the positional $ in the projection of {path!r} is not supported")
        if part.startswith("$"):
            message = f"the projection of {path!r}: a field name cannot begin with '$'"
            raise QueryError(message, code=16410, code_name="Location16410")
    return parts


def _add(parent: Tree, parts: list[str], node: Tree | Leaf, path: str) -> None:
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


def _inclusion(tree: Tree) -> Rule:
    """Return what keeps the fields of `tree` in a document, in the document's order."""
    nested = {name: rule for name, node in tree.fields.items() if (rule := _rule(node, inclusive=True)) is not None}
    names = frozenset(name for name, node in tree.fields.items() if isinstance(node, Tree) or node.includes)

    def include(document: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in document.items() if name in names}

    def include_nested(document: dict[str, Any]) -> dict[str, Any]:
        return _ruled(include(document), nested)

    return include_nested if nested else include


def _exclusion(tree: Tree) -> Rule:
    """Return what takes the fields of `tree` out of a document."""
    nested = {name: rule for name, node in tree.fields.items() if (rule := _rule(node, inclusive=False)) is not None}
    names = frozenset(name for name, node in tree.fields.items() if isinstance(node, Leaf) and not node.includes)

    def exclude(document: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in document.items() if name not in names}

    def exclude_nested(document: dict[str, Any]) -> dict[str, Any]:
        return _ruled(exclude(document), nested)

    return exclude_nested if nested else exclude


def _rule(node: Tree | Leaf, *, inclusive: bool) -> Rule | None:
    if isinstance(node, Leaf):
        return node.rule
    return _through_arrays(_inclusion(node) if inclusive else _exclusion(node), keeps_scalars=not inclusive)


def _ruled(document: dict[str, Any], rules: dict[str, Rule]) -> dict[str, Any]:
    """Return `document`, which is the caller's, with the rules applied in place."""
    for name, rule in rules.items():
        if name in document:
            value = rule(document[name])
            if value is MISSING:
                del document[name]
            else:
                document[name] = value
    return document


def _through_arrays(rule: Rule, *, keeps_scalars: bool) -> Rule:
    """Return `rule` for a document or for every document in an array, however nested."""

    def walk(value: Any) -> Any:
        if type(value) is dict:
            return rule(value)
        if type(value) is list:
            return [kept for element in value if (kept := walk(element)) is not MISSING]
        return value if keeps_scalars else MISSING

    return walk


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
    number = truncate(value) if TYPES[type(value)] in _NUMERIC else None
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
