"""Filters to predicates: which documents match.

Manual: tutorial/query-documents. Compiling is split by a filter's shape (see
`tree`), so a filter of a known shape costs little more than its operands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import compress
from operator import and_
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

# Importing these registers their operators.
from nosqlpy._core.query import arithmetic as _arithmetic
from nosqlpy._core.query import array as _array
from nosqlpy._core.query import element as _element
from nosqlpy._core.query import logical as _logical
from nosqlpy._core.query.conjuncts import Conjunction, conjunction_of
from nosqlpy._core.query.equalities import equalities_of, seeds_of
from nosqlpy._core.query.generated import Selector
from nosqlpy._core.query.partial import Layout, WholeLayout
from nosqlpy._core.query.position import Finder, position_finder
from nosqlpy._core.query.shapes import shape_text
from nosqlpy._core.query.soundness import is_sound
from nosqlpy._core.query.textual import TextOperand, TextTest
from nosqlpy._core.query.tree import NO_VARIABLES, Mask, MaskMaker, Template, planned_template, selector_of, template_of
from nosqlpy._core.text.search import Search
from nosqlpy._core.values.collation import Collation
from nosqlpy._core.values.types import OBJECT, TYPES, as_mapping
from nosqlpy.errors import QueryError

__all__ = ["Predicate", "compile_filter", "literal"]

LOOP_LEAST: Final = 32
"""Documents from which on it is worth while to make a loop of its own for a filter."""

OPERATOR_MODULES = (_arithmetic, _array, _element, _logical)


class Predicate:
    """Tells whether documents match a filter; made by `compile_filter`. Immutable, may be shared by threads."""

    __slots__ = ("_finder", "_makers", "_masks", "_operands", "_selector", "_template", "exact")

    exact: str | None
    """The path if the filter is one equality with a plain scalar: an index then leads to the matches and no others."""

    def __init__(self, template: Template, operands: list[Any]) -> None:
        self._template = template
        self._operands = operands
        # None: nothing can be wrong, and nothing need be compiled before a document is tested
        self._makers: list[MaskMaker] | None = None if is_sound(template, operands) else template.bind(operands, 1)
        self._masks: list[Mask] | None = None
        self._selector: Selector | UnsetType | None = UNSET
        self._finder: Finder | None = None
        self.exact = template.plain if template.plain is not None and type(operands[0]) in template.exact else None

    @property
    def operand(self) -> Any:
        """The scalar that the path `exact` equals."""
        return self._operands[0]

    @property
    def everything(self) -> bool:
        """Whether the filter is empty, so that every document matches."""
        return not self._template.nodes

    @property
    def shape(self) -> str:
        """The filter as text, without its values: ``{name: ?, age: {$gt: ?}}``."""
        return shape_text(self._template.shape)

    @property
    def paths(self) -> frozenset[str]:
        """The paths that the filter reads."""
        return self._template.paths

    def matches(self, document: dict[str, Any]) -> bool:
        """Return whether a decoded document matches."""
        rows = [self._template.layout.row(document)]
        for mask in self._masks or self._make_masks():  # noqa: SIM110 - a generator costs 0.3 of 1.4 µs
            if not mask(rows)[0]:
                return False
        return True

    def flags(self, documents: Sequence[dict[str, Any]]) -> list[bool]:
        """Return which of some decoded documents match."""
        rows = list(map(self._template.layout.row, documents))
        found = [True] * len(rows)
        for mask in self._masks or self._make_masks():
            found = list(map(and_, found, mask(rows)))
        return found

    @property
    def reads(self) -> frozenset[str] | None:
        """The paths that the filter reads, None for whole documents."""
        return None if isinstance(self._template.layout, WholeLayout) else self.paths

    @property
    def columnar(self) -> bool:
        """Whether the filter can be told from columns of its paths, which stay the same as long as a document does."""
        return self._template.columnar

    def masks_on(self, layout: Layout) -> list[Mask]:
        """Return masks, all of which let the rows of matching documents pass, where rows are laid out so."""
        makers = self._template.bind(self._operands, 1) if self._makers is None else self._makers
        return [maker(layout) for maker in makers]

    def select(self, blobs: Sequence[bytes]) -> list[bytes]:
        """Return those of the encoded documents that match, in their order; only what the filter reads is decoded."""
        if self.everything:
            return list(blobs)
        masks = self._masks or self._make_masks()
        if len(blobs) >= LOOP_LEAST:
            if self._selector is UNSET:
                self._selector = selector_of(masks, self._template.layout)
            if self._selector is not None:
                try:
                    return self._selector(blobs)
                except msgspec.ValidationError:  # an odd value stands on the way in one of them
                    pass
        rows = self._template.layout.rows(blobs)
        selected = blobs
        for mask in masks:
            flags = mask(rows)
            selected = list(compress(selected, flags))
            rows = list(compress(rows, flags))
        return selected  # type: ignore[return-value]

    def position(self, document: dict[str, Any]) -> int | None:
        """Return the position in an array that made a document match, None if it was no element of one."""
        if self._finder is None:
            self._finder = position_finder(self._template, self._operands)
        return self._finder(document)

    @property
    def special(self) -> str | None:
        """The name of an operator on the document as a whole, such as ``$expr``, if the filter has one."""
        return self._template.special

    @property
    def text(self) -> Search | None:
        """What ``$text`` looks for, if the filter has one."""
        if not self._template.has_text:
            return None
        return next(operand.search for operand in self._operands if type(operand) is TextOperand)

    def planned(self, test: TextTest | None) -> Predicate:
        """Return a predicate like this, for documents that an index leads to; `test` is what is left of ``$text``."""
        template = planned_template(self._template, tested=test is not None)
        operands = [
            TextOperand(operand.search, planned=True, test=test) if type(operand) is TextOperand else operand
            for operand in self._operands
        ]
        return Predicate(template, operands)

    @property
    def equalities(self) -> dict[str, list[Any]]:
        """Values by path, for an equality index: a match has, among the path's values, one equal to a listed one."""
        if self.exact is not None:
            return {self.exact: self._operands}
        return equalities_of(self._template, self._operands)

    @property
    def conjunction(self) -> Conjunction:
        """The conditions that every match meets, as a planner sees them."""
        return conjunction_of(self._template.nodes, iter(self._operands), self._template.collation)

    @property
    def seeds(self) -> list[tuple[str, Any]]:
        """Path and value of every equality that an upsert puts into the document that it inserts."""
        return seeds_of(self._template, self._operands)

    def _make_masks(self) -> list[Mask]:
        self._masks = self.masks_on(self._template.layout)
        return self._masks


def literal(value: Any) -> dict[str, Any]:
    """Return the condition that a field equals `value`, whatever that is.

    In ``{"password": literal(user_input)}`` a document such as ``{"$ne": ""}`` is a value, and never an operator.
    """
    return {"$eq": value}


def compile_filter(
    filter: Mapping[str, Any], variables: Mapping[str, Any] = NO_VARIABLES, collation: Collation | None = None
) -> Predicate:
    """Return the predicate of a filter; compiled shapes are cached.

    `variables` are what ``$expr`` may use, by name: those of ``let``, and NOW for ``$$NOW``;
    `collation` says how strings compare.

    Raises:
        QueryError: The filter is malformed, as MongoDB's codes say how.
        NotSupportedError: It has an operator of MongoDB's that nosqlpy lacks.
    """
    if type(filter) is not dict:
        if TYPES[type(filter)] != OBJECT:
            message = f"a filter is a document, not {type(filter).__name__}"
            raise QueryError(message, code=14, code_name="TypeMismatch")
        return Predicate(*template_of(as_mapping(filter), 1, variables, collation))
    return Predicate(*template_of(filter, 1, variables, collation))
