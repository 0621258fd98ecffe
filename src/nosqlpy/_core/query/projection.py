"""Projections: which fields of a document a read returns, and which it computes.

Manual: reference/method/db.collection.find#projection. A projection includes or
excludes fields, and never both but for ``_id``; one that computes fields
includes. The rules and codes are those of the server's projection_parser.cpp.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, cast

import msgspec

from nosqlpy._core.expression.compile import Expression, compile_expression
from nosqlpy._core.expression.fieldpaths import parse_field_path
from nosqlpy._core.expression.registry import is_operator, operator_names
from nosqlpy._core.query.arrayrules import first_match_rule, slice_rule
from nosqlpy._core.query.projected import Compute, Leaf, Tree, exclusion, inclusion
from nosqlpy._core.query.tree import NO_VARIABLES
from nosqlpy._core.values.codec import copy_value
from nosqlpy._core.values.collation import Collation
from nosqlpy._core.values.depth import check_depth
from nosqlpy._core.values.kept import kept
from nosqlpy._core.values.metadata import SCORE
from nosqlpy._core.values.numbers import NUMERIC
from nosqlpy._core.values.order import number_content
from nosqlpy._core.values.paths import DBREF_FIELDS
from nosqlpy._core.values.types import BOOL, OBJECT, TYPES, as_mapping, is_string
from nosqlpy.aliases import Projection as ProjectionSpec
from nosqlpy.errors import NotSupportedError, QueryError
from nosqlpy.naming import nearest

_CONTAINERS: Final = frozenset((dict, list))
_FLAGS: Final = frozenset((int, bool))


class Projection(msgspec.Struct, frozen=True):
    """What a read returns of a document; made by `compile_projection`. May be shared by threads.

    `paths` has the top-level fields that are read, or is None where all are. `positional` is the
    path before a ``.$``, if there is one: it depends on a filter, so `apply` includes the array as a whole.
    `apply` returns a new document that shares the included values of its
    argument; computed ones are its own. It raises OperationFailure where an
    expression cannot be computed.
    """

    apply: Callable[[dict[str, Any]], dict[str, Any]]
    paths: frozenset[str] | None
    positional: tuple[str, ...] | None = None
    scored: bool = False
    """Whether it reads the score of a text search, which the document then carries."""
    plain: bool = False
    """Whether a document that has the fields of `paths` and no others is what it makes of that document."""


class _Parser:
    """Reads one specification into a tree, and finds out whether it includes or excludes."""

    def __init__(self, variables: Mapping[str, Any], collation: Collation | None, *, find: bool) -> None:
        self.variables = variables
        self.collation = collation
        self.find = find
        self.root = Tree()
        self.inclusive: bool | None = None
        self.slices = False
        self.elements = False
        self.positional: tuple[str, ...] | None = None
        self.reads: set[str] | None = set()  # top-level fields that expressions read, None for all
        self.meta = False  # whether a field is metadata, which by itself neither includes nor excludes
        self.scored = False

    def parse(self, specification: Mapping[str, Any], parent: Tree, prefix: str) -> None:
        for name, value in specification.items():
            path = f"{prefix}{name}"
            if not isinstance(name, str):
                message = f"a projection names fields by str, not {type(name).__name__}"
                raise QueryError(message, code=14, code_name="TypeMismatch")
            if name.endswith(".$") or ".$." in name:
                self._parse_positional(name, value, parent, prefix)
                continue
            parts = parse_field_path(name, "the projected path")
            if TYPES[type(value)] == OBJECT:
                self._parse_document(as_mapping(value), parent, parts, path)
            elif _is_flag(value):
                _add(parent, parts, Leaf(_includes(value)), path)
                self._decide(path, includes=_includes(value))
            else:
                self._compute(value, parent, parts, path, code=31310)

    def _parse_positional(self, name: str, value: Any, parent: Tree, prefix: str) -> None:
        """Read ``path.$``: the array is included, and `positional` says where it is."""
        where = f"the positional $ in the projection of {prefix + name!r}"
        if not self.find:
            raise _refusal(f"{where} has no place in a stage", 31324)
        if ".$." in name:
            raise _refusal(f"{where} is not its last part; leave out what follows it", 31394)
        if TYPES[type(value)] == OBJECT:
            raise _refusal(f"{where} takes 1, not an expression", 31271)
        if not _is_flag(value):
            raise _refusal(f"{where} takes 1, not a literal", 31308)
        if not _includes(value):
            raise _refusal(f"{where} cannot exclude", 31395)
        if self.positional is not None:
            raise _refusal(f"{where} is the second one: a projection has one at most", 31276)
        if self.elements:
            raise _refusal(f"{where} and $elemMatch exclude each other", 31256)
        if name == ".$":
            raise _refusal(f"{where} follows no field", 5392900)
        parts = parse_field_path(name.removesuffix(".$"), "the projected path")
        _add(parent, parts, Leaf(includes=True), prefix + name)
        self.positional = (*prefix.split(".")[:-1], *parts)
        self._decide(prefix + name, includes=True)

    def _decide(self, path: str, *, includes: bool) -> None:
        if path == "_id":
            return
        if self.inclusive is not None and self.inclusive is not includes:
            done, kind, code = ("include", "excludes", 31253) if includes else ("exclude", "includes", 31254)
            raise _refusal(f"cannot {done} {path!r} in a projection that {kind} fields", code)
        self.inclusive = includes

    def _parse_document(self, value: Mapping[str, Any], parent: Tree, parts: Sequence[str], path: str) -> None:
        if not value:
            raise _refusal(f"the projection of {path!r} is an empty document", 51270)
        operator = next(iter(value))
        if not operator.startswith("$") or len(value) > 1:
            self.parse(value, _tree_at(parent, parts, path), f"{path}.")
        elif operator == "$slice" and self.find:
            self._parse_slice(value, parent, parts, path)
        elif operator == "$elemMatch":
            self._parse_element_match(value[operator], parent, path)
        elif is_operator(operator):
            self.meta = self.meta or operator == "$meta"
            self._compute(value, parent, parts, path, code=31252, decides=operator != "$meta")
        elif operator in DBREF_FIELDS:
            self.parse(value, _tree_at(parent, parts, path), f"{path}.")
        else:
            hint = nearest(operator, (*operator_names(), "$elemMatch"))
            raise _refusal(f"unknown expression {operator} in the projection of {path!r}{hint}", 31325)

    def _parse_slice(self, value: Mapping[str, Any], parent: Tree, parts: Sequence[str], path: str) -> None:
        """Read a $slice of the projection, or else one that is an expression."""
        try:
            _add(parent, parts, Leaf(includes=True, rule=slice_rule(value["$slice"], path)), path)
        except QueryError as refusal:
            self._compute_slice(value, parent, parts, path, refusal)
        else:
            self.slices = True

    def _compute_slice(
        self, value: Mapping[str, Any], parent: Tree, parts: Sequence[str], path: str, refusal: QueryError
    ) -> None:
        try:
            self._compute(value, parent, parts, path, code=31252)
        except QueryError as error:
            message = str(error) if str(error) == str(refusal) else f"{refusal}; nor is it an expression: {error}"
            raise QueryError(message, code=error.code, code_name=error.code_name) from None

    def _parse_element_match(self, operand: Any, parent: Tree, path: str) -> None:
        if not self.find:
            message = f"$elemMatch (in the projection of {path!r}) has no place in a stage"
            raise QueryError(message, code=168, code_name="InvalidPipelineOperator")
        first = first_match_rule(operand, path, self.collation)
        if self.positional is not None:
            raise _refusal(f"the positional $ and $elemMatch, in the projection of {path!r}, exclude each other", 31255)
        if "." in path:
            raise _refusal(f"$elemMatch cannot project the nested field {path!r}", 31275)
        self.elements = True
        _add(parent, (path,), Leaf(includes=False, compute=lambda document: first(document.get(path))), path)
        if self.reads is not None:
            self.reads.add(path)

    def _compute(
        self, value: Any, parent: Tree, parts: Sequence[str], path: str, *, code: int, decides: bool = True
    ) -> None:
        """Add a field that an expression computes; unless it `decides` nothing, the projection includes."""
        if self.inclusive is False and decides:
            raise _refusal(f"cannot use an expression for {path!r} in a projection that excludes fields", code)
        if decides:
            self.inclusive = True
        try:
            expression = compile_expression(value, variables=frozenset(self.variables), collation=self.collation)
        except NotSupportedError as error:
            raise NotSupportedError(f"{error} (in the projection of {path!r})") from None
        _add(parent, parts, Leaf(includes=False, compute=_computing(expression, self.variables)), path)
        self.scored = self.scored or SCORE in (expression.paths or ())
        if expression.paths is None or self.reads is None:
            self.reads = None
        else:
            self.reads.update(read.partition(".")[0] for read in expression.paths)


def compile_projection(
    specification: ProjectionSpec,
    variables: Mapping[str, Any] = NO_VARIABLES,
    collation: Collation | None = None,
    *,
    find: bool = True,
) -> Projection:
    """Return the projection of a list of names, or of a document of names with 1, 0 or an expression.

    `variables` are what expressions may use, by name: those of ``let``, and NOW for ``$$NOW``;
    `collation` says how strings compare. The projection is that of a `find`, or else of a stage ``$project``.

    Raises:
        QueryError: It is malformed, or includes some fields and excludes others.
        NotSupportedError: It has an operator that nosqlpy lacks.
    """
    if not isinstance(specification, Mapping):
        specification = dict.fromkeys(_names(specification), 1)
    items = tuple(specification.items())
    if find and _FLAGS.issuperset(map(type, specification.values())):  # no expression: nothing else matters
        return _compiled(items)
    if variables or collation is not None or not find:
        return _compile(items, variables, collation, find=find)
    try:
        return _compiled(items)
    except TypeError:  # a nested document cannot be hashed
        return _compile(items)


def _compile(
    items: tuple[tuple[str, Any], ...],
    variables: Mapping[str, Any] = NO_VARIABLES,
    collation: Collation | None = None,
    *,
    find: bool = True,
) -> Projection:
    specification = dict(items)
    check_depth(specification)
    parser = _Parser(variables, collation, find=find)
    parser.parse(specification, parser.root, "")
    fields = parser.root.fields
    identity = fields.get("_id")
    inclusive = parser.inclusive
    if inclusive is None:
        includes_id = isinstance(identity, Leaf) and identity.includes and identity.rule is None
        inclusive = includes_id if parser.slices or not parser.elements else True
        if parser.meta and not (find or parser.slices):
            inclusive = True
    if not inclusive:
        return Projection(exclusion(parser.root), None, scored=parser.scored)
    fields.setdefault("_id", Leaf(includes=True))
    if isinstance(identity, Leaf) and not identity.includes and identity.compute is None:
        del fields["_id"]
    kept = (name for name, node in fields.items() if isinstance(node, Tree) or node.includes)
    paths = None if parser.reads is None else frozenset((*parser.reads, *kept))
    plain = paths is not None and all(isinstance(node, Leaf) and node.keeps() for node in fields.values())
    return Projection(inclusion(parser.root), paths, parser.positional, parser.scored, plain)


# Equal specifications of scalars, {"a": 1} and {"a": True}, have one meaning.
_compiled = kept(512)(_compile)


def _computing(expression: Expression, variables: Mapping[str, Any]) -> Compute:
    """Return what computes a field of which the result is the only owner."""
    evaluate = expression.evaluate

    def compute(document: Mapping[str, Any]) -> Any:
        value = evaluate(document, variables)
        return copy_value(value) if type(value) in _CONTAINERS else value

    return compute


def _names(specification: Any) -> Iterable[str]:
    listed = isinstance(specification, (Sequence, AbstractSet)) and not isinstance(specification, str)
    if not listed or not all(map(is_string, specification)):
        message = "a projection is a list of field names, or a document of field names with 1 or 0"
        raise QueryError(message, code=14, code_name="TypeMismatch")
    return cast("Iterable[str]", specification)


def _is_flag(value: Any) -> bool:
    """Return whether a value says that a field is included or excluded: a bool or a number."""
    return TYPES[type(value)] == BOOL or TYPES[type(value)] in NUMERIC


def _includes(value: Any) -> bool:
    return value if type(value) is bool else bool(number_content(value) != 0)


def _refusal(message: str, code: int) -> QueryError:
    return QueryError(message, code=code, code_name=f"Location{code}")


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
            raise _refusal(f"the projection of {path!r} collides with that of a field that holds it", 31249)
        parent = child
    if parts[-1] in parent.fields:
        raise _refusal(f"the projection of {path!r} collides with that of the same field or of one in it", 31250)
    parent.fields[parts[-1]] = node
