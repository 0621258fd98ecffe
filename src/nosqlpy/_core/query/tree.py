"""A filter's tree: its shape, compiled once and cached, and the constants bound to it.

The *shape* of a filter is its paths and operators without their operands. A
`Template` is compiled from a shape; binding operands to it gives conditions,
and those, with the template's layout, *masks*: functions that say which of a
list of rows match. $and, $or, $nor and $comment, which stand beside field
names, are part of the shape; so are the paths that an $expr, $jsonSchema or $text reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import compress
from operator import not_
from typing import Any, Final, TypeAlias

from nosqlpy._core.query import sieves
from nosqlpy._core.query.comparison import compile_value
from nosqlpy._core.query.condition import PLAIN, All, Condition, Not, Sieve, Test, Whole
from nosqlpy._core.query.expr import Computation, truth_mask
from nosqlpy._core.query.generated import Comparing, Selector
from nosqlpy._core.query.outline import LEVELS_MAX, LOGICAL, SPECIAL_OPERANDS, Shape, names_in, outline
from nosqlpy._core.query.partial import Detour, Layout, Row, WholeLayout, layout_of, matched_leaves, matched_values
from nosqlpy._core.query.registry import Operator, Scope, compile_operator, find_operator
from nosqlpy._core.query.schema import Schema, schema_mask
from nosqlpy._core.query.textual import TextOperand, check_texts, no_text_index, refuse_text
from nosqlpy._core.values.collation import Collation
from nosqlpy._core.values.kept import kept, length_of
from nosqlpy._core.values.paths import parse_path
from nosqlpy._core.values.storable import DEPTH_MAX
from nosqlpy.errors import QueryError

Mask: TypeAlias = Callable[[Sequence[Row]], list[bool]]
MaskMaker: TypeAlias = Callable[[Layout], Mask]
"""Makes the mask of a bound node, when it is first needed: point queries never do."""

NO_VARIABLES: Final[Mapping[str, Any]] = {}

COMPARISONS_MAX: Final = 16
"""Comparisons beyond which no loop is written for a filter."""

OPERANDS_MAX: Final = 500
"""A shape with more operands is compiled but not cached: few repeat, and they are large."""

KNOWN_MAX: Final = 512
KNOWN_LENGTH_MAX: Final = 4096
"""Characters of the names of a filter whose template is known by them."""
LISTED_DEPTH_MAX: Final = DEPTH_MAX - LEVELS_MAX
"""How deep a filter may stand whose names are listed: its branches are then surely not too deep."""


class FieldNode:
    """A path with a plain value (no `operators`), or with operators."""

    __slots__ = ("collation", "operators", "path")

    def __init__(self, path: str, operators: tuple[Operator, ...] | None, collation: Collation | None = None) -> None:
        self.path = path
        self.operators = operators
        self.collation = collation

    def bind(self, operands: Iterator[Any], depth: int) -> list[MaskMaker]:
        """Return the masks-to-be of this node's conditions, having checked the operands."""
        operand = next(operands)
        if self.operators is None:
            if type(operand) in PLAIN:  # cannot be wrong: left until a mask is needed
                return [lambda layout: mask_of(compile_value(operand, self.collation), layout, self.path)]
            return [_maker(compile_value(operand, self.collation), self.path)]
        return [
            self._bind_operator(found, value, operand, depth)
            for found, value in zip(self.operators, operand.values(), strict=True)
        ]

    def _bind_operator(self, found: Operator, operand: Any, siblings: Mapping[str, Any], depth: int) -> MaskMaker:
        if self.collation is not None:
            return _maker(
                compile_operator(found, operand, Scope(self.path, siblings, depth, self.collation)), self.path
            )
        if found.total and type(operand) in PLAIN:
            compile_now = found.compile
            assert compile_now is not None
            return lambda layout: mask_of(compile_now(operand), layout, self.path)
        if found.compile is not None:
            return _maker(found.compile(operand), self.path)
        return _maker(compile_operator(found, operand, Scope(self.path, siblings, depth)), self.path)


class LogicalNode:
    """``$or`` or ``$nor`` over the children, each a conjunction of nodes."""

    __slots__ = ("children", "negated")

    def __init__(self, children: list[list[Node]], *, negated: bool) -> None:
        self.children = children
        self.negated = negated

    def bind(self, operands: Iterator[Any], depth: int) -> list[MaskMaker]:
        """Return the one mask-to-be of this node, having checked the operands."""
        branches = [[maker for node in child for maker in node.bind(operands, depth + 1)] for child in self.children]

        def make(layout: Layout) -> Mask:
            mask = _any_of([_all_of([maker(layout) for maker in branch]) for branch in branches])
            return _inverse(mask) if self.negated else mask

        return [make]


class ExpressionNode:
    """``$expr``, ``$sampleRate``, ``$alwaysTrue`` or ``$alwaysFalse``; its operand is compiled already."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def bind(self, operands: Iterator[Any], _depth: int) -> list[MaskMaker]:
        """Return the one mask-to-be of this node."""
        computation: Computation = next(operands)
        return [lambda layout: truth_mask(computation, layout)]


class SchemaNode:
    """``$jsonSchema``; its operand is compiled already."""

    __slots__ = ()

    name: Final = "$jsonSchema"

    def bind(self, operands: Iterator[Any], _depth: int) -> list[MaskMaker]:
        """Return the one mask-to-be of this node."""
        schema: Schema = next(operands)
        return [lambda layout: schema_mask(schema, layout)]


class TextNode:
    """``$text``, which an index answers; what the index cannot tell is tested."""

    __slots__ = ()

    name: Final = "$text"

    def bind(self, operands: Iterator[Any], _depth: int) -> list[MaskMaker]:
        """Return the mask-to-be of what is left to test, if anything is."""
        operand: TextOperand = next(operands)
        test = operand.test
        if not operand.planned:
            return [lambda _: _unplanned]
        return [] if test is None else [lambda _: lambda rows: list(map(test, rows))]


def _unplanned(_: Sequence[Row]) -> list[bool]:
    raise no_text_index()


Node: TypeAlias = FieldNode | LogicalNode | ExpressionNode | SchemaNode | TextNode

_WHOLE: Final = WholeLayout()
_EXACT: Final[frozenset[type]] = frozenset((str, int, bool))


class Template:
    """What a shape compiles to: nodes that wait for operands, and the paths that they read."""

    __slots__ = (
        "_layout",
        "checks",
        "collation",
        "columnar",
        "computes",
        "exact",
        "has_text",
        "nodes",
        "paths",
        "plain",
        "shape",
        "special",
    )

    def __init__(self, shape: Shape, collation: Collation | None = None) -> None:
        paths: set[str | None] = set()  # None for the whole document
        self.shape: Shape = shape
        self.collation: Collation | None = collation
        self.nodes: list[Node] = _nodes(shape, paths, collation)
        self.paths: frozenset[str] = frozenset(path for path in paths if path is not None)
        # the name of what computes, if anything does, and of what looks at the document as a whole
        self.computes: str | None = next((n.name for n in _leaves(self.nodes) if isinstance(n, ExpressionNode)), None)
        self.special: str | None = next(
            (n.name for n in _leaves(self.nodes) if not isinstance(n, FieldNode | LogicalNode)), None
        )
        self.has_text: bool = any(isinstance(node, TextNode) for node in _leaves(self.nodes))
        self.checks: Any = None  # of `soundness`
        # the path, if all that the filter says is ``{path: value}``
        self.plain: str | None = shape[0] if len(shape) == 1 and isinstance(shape[0], str) else None
        # … and the classes of values that an index then leads to, and to no others
        self.exact: frozenset[type] = _EXACT if collation is None else _EXACT - {str}
        self._layout: Layout | None = _WHOLE if None in paths else None
        # whether it can be told from columns of its paths, which stay the same as long as a document does
        self.columnar: bool = self.special in (None, "$expr") and None not in paths and "" not in paths

    @property
    def layout(self) -> Layout:
        """How to decode what the filter reads; made when first needed."""
        if self._layout is None:
            self._layout = layout_of(self.paths)
        return self._layout

    def bind(self, operands: Sequence[Any], depth: int) -> list[MaskMaker]:
        """Return the masks-to-be of all conjuncts, having checked the operands."""
        pending = iter(operands)
        return [maker for node in self.nodes for maker in node.bind(pending, depth)]


@kept(512)
def _cached_template(shape: Shape, collation: Collation | None) -> Template:
    return Template(shape, collation)


# the same by the collation and what `names_in` lists
_known: Final[dict[tuple[Any, ...], Template]] = {}


def _leaves(nodes: Iterable[Node]) -> Iterator[Node]:
    for node in nodes:
        if isinstance(node, LogicalNode):
            for child in node.children:
                yield from _leaves(child)
        else:
            yield node


def template_of(
    filter: Mapping[str, Any],
    depth: int = 1,
    variables: Mapping[str, Any] = NO_VARIABLES,
    collation: Collation | None = None,
) -> tuple[Template, list[Any]]:
    """Return the template of a filter's shape, and its operands in that order; operators are in copies of theirs.

    Raises:
        QueryError: The filter is malformed.
        NotSupportedError: It has an operator that nosqlpy lacks.
    """
    names: list[Any] = [collation]
    listed: list[Any] = []
    key = None
    if depth <= LISTED_DEPTH_MAX and names_in(filter, names, listed):
        key = tuple(names)
        if (known := _known.get(key)) is not None:
            return known, listed
    operands: list[Any] = []
    shape = outline(filter, operands, depth, variables, collation)
    if len(operands) > OPERANDS_MAX:
        template = Template(shape, collation)
    else:
        template = _cached_template(shape, collation)
        if key is not None and template.special is None and len(operands) == len(listed):  # no $comment was left out
            _keep(key, template)
    if template.has_text:
        check_texts(operands)
    return template, operands


def _keep(key: tuple[Any, ...], template: Template) -> None:
    if length_of(key) > KNOWN_LENGTH_MAX:
        return
    if len(_known) >= KNOWN_MAX:
        _known.clear()
    _known[key] = template


def documents_test(
    filter: Mapping[str, Any], depth: int, collation: Collation | None = None
) -> Callable[[Iterable[Mapping[str, Any]]], list[bool]]:
    """Return the function that says which of some decoded (sub)documents match `filter`."""
    template, operands = template_of(filter, depth, collation=collation)
    if template.computes:
        raise QueryError(f"{template.computes} can only be applied to the top-level document")
    refuse_text(found=template.has_text, where="the conditions on an element: it is one on the whole document")
    makers = template.bind(operands, depth)
    mask: Mask | None = None

    def flags(documents: Iterable[Mapping[str, Any]]) -> list[bool]:
        nonlocal mask
        layout = template.layout
        if mask is None:
            mask = _all_of([maker(layout) for maker in makers])
        return mask(list(map(layout.row, documents)))

    return flags


def planned_template(template: Template, *, tested: bool) -> Template:
    """Return a template like `template` whose ``$text`` is planned: it reads whole documents if they are `tested`."""
    return _cached_template(_with_text(template.shape, None if tested else ()), template.collation)


def _with_text(shape: Shape, paths: Any) -> Shape:
    found: list[Any] = []
    for entry in shape:
        if isinstance(entry, str) or entry[0] not in ("$text", *LOGICAL):
            found.append(entry)
        elif entry[0] == "$text":
            found.append((entry[0], paths))
        else:
            found.append((entry[0], tuple(_with_text(part, paths) for part in entry[1])))
    return tuple(found)


def _nodes(shape: Shape, paths: set[str | None], collation: Collation | None) -> list[Node]:
    nodes: list[Node] = []
    for entry in shape:
        name: str = entry if isinstance(entry, str) else entry[0]
        rest: Any = None if isinstance(entry, str) else entry[1]
        if name in LOGICAL:
            if name == "$and" or (name == "$or" and len(rest) == 1):  # a conjunction: its parts stand for themselves
                nodes.extend(node for child in rest for node in _nodes(child, paths, collation))
            else:
                nodes.append(LogicalNode([_nodes(child, paths, collation) for child in rest], negated=name == "$nor"))
            continue
        if name in SPECIAL_OPERANDS:
            paths.update((None,) if rest is None else rest)
            special = _SPECIAL.get(name)
            nodes.append(ExpressionNode(name) if special is None else special())
            continue
        parse_path(name, empty_parts=True)
        paths.add(name)
        operators = None if rest is None else tuple(find_operator(part, name) for part in rest)
        nodes.append(FieldNode(name, operators, collation))
    return nodes


_SPECIAL: Final[Mapping[str, type[SchemaNode | TextNode]]] = {"$jsonSchema": SchemaNode, "$text": TextNode}


def _maker(condition: Condition, path: str) -> MaskMaker:
    return lambda layout: mask_of(condition, layout, path)


def mask_of(condition: Condition, layout: Layout, path: str) -> Mask:
    """Return the mask of a condition on the values of `path`."""
    if isinstance(condition, Not):
        return _inverse(mask_of(condition.condition, layout, path))
    if isinstance(condition, All):
        return _all_of([mask_of(part, layout, path) for part in condition.conditions])
    if isinstance(condition, Whole):
        return Sifting(condition.sieve or sieves.each(sieves.whole_value(condition.test)), layout, path, matched_leaves)
    assert isinstance(condition, Test)
    return Sifting(condition.sieve or sieves.each(sieves.any_value(condition.test)), layout, path, matched_values)


class Sifting:
    """The mask of a condition by which the entries of one column are sifted."""

    __slots__ = ("_column", "detour", "path", "sieve")

    def __init__(self, sieve: Sieve, layout: Layout, path: str, detour: Detour) -> None:
        self.sieve: Sieve = sieve
        self.path: str = path
        self.detour: Detour = detour
        self._column = layout.column(path, detour)

    def __call__(self, rows: Sequence[Row]) -> list[bool]:
        return self.sieve(self._column(rows))


def selector_of(masks: Sequence[Mask], layout: Layout) -> Selector | None:
    """Return what selects encoded documents by one loop, if all masks are comparisons of what the layout decodes."""
    conditions: list[tuple[str, Detour, Comparing]] = []
    for mask in masks:
        if not isinstance(mask, Sifting) or not isinstance(mask.sieve, sieves.Comparison):
            return None
        conditions.append((mask.path, mask.detour, mask.sieve.comparing))
    return layout.selector(conditions) if 0 < len(conditions) <= COMPARISONS_MAX else None


def _inverse(mask: Mask) -> Mask:
    return lambda rows: list(map(not_, mask(rows)))


def _all_of(masks: list[Mask]) -> Mask:
    if len(masks) == 1:
        return masks[0]
    return lambda rows: _combined(masks, rows, undecided=True)


def _any_of(masks: list[Mask]) -> Mask:
    if len(masks) == 1:
        return masks[0]
    return lambda rows: _combined(masks, rows, undecided=False)


def _combined(masks: list[Mask], rows: Sequence[Row], *, undecided: bool) -> list[bool]:
    """Ask each mask about the rows that those before it left undecided, and about no others: it might fail there."""
    if not masks:
        return [undecided] * len(rows)
    flags = found = masks[0](rows)
    places: Sequence[int] = range(len(rows))
    for mask in masks[1:]:
        if found.count(undecided) < len(found):
            chosen = found if undecided else list(map(not_, found))
            places, rows = list(compress(places, chosen)), list(compress(rows, chosen))
            if not places:
                break
        found = mask(rows)
        for place in compress(places, map(not_, found) if undecided else found):
            flags[place] = not undecided
    return flags
