"""The planner: which index, if any, leads to the documents that a filter can match."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from nosqlpy._core.index.catalogue import ID_DEFINITION, ID_INDEX
from nosqlpy._core.index.hashed import HashIndex
from nosqlpy._core.query.filter import Predicate
from nosqlpy._core.values.keys import equality_key
from nosqlpy.errors import QueryError

# an index's name, or its (path, direction) pairs; "$natural" for none
Hint: TypeAlias = str | tuple[tuple[str, int], ...]


class Plan(msgspec.Struct, frozen=True):
    """How the candidates of a filter are found: ``IDHACK``, ``IXSCAN`` or ``COLLSCAN``.

    `values` are the index keys to look up; `candidates` is how many entries they
    have (counted, not guessed), or the size of the collection. Where `exact`, every
    candidate matches and need not be tested.
    """

    stage: str
    index: str | None
    values: tuple[Hashable, ...]
    candidates: int
    exact: bool = False


def choose(predicate: Predicate, indexes: Mapping[str, HashIndex], size: int, hint: Hint | None = None) -> Plan:
    """Return the plan with the fewest candidates; an index that does not lead to fewer documents is not used.

    Raises:
        QueryError: `hint` names no index, or one that cannot serve the filter.
    """
    if hint is None and predicate.exact is not None:
        return _exact(predicate.exact, predicate.operand, indexes, size)
    equalities = predicate.equalities
    if hint is not None:
        return _hinted(equalities, indexes, size, hint)
    if "_id" in equalities:
        return _by_id(equalities["_id"])
    best = Plan("COLLSCAN", None, (), size)
    if equalities:
        for index in indexes.values():
            if index.plain in equalities:
                plan = _by_index(index, equalities[index.field])
                if plan.candidates < best.candidates:
                    best = plan
    return best


def _exact(path: str, operand: Any, indexes: Mapping[str, HashIndex], size: int) -> Plan:
    """Return the plan of one equality with a plain scalar, the most common filter: there is nothing to compare."""
    key = equality_key(operand)
    if path == "_id":
        return Plan("IDHACK", ID_INDEX, (key,), 1, exact=True)
    for index in indexes.values():
        if index.plain == path:
            candidates = len(index.lookup(key))
            if candidates < size:
                return Plan("IXSCAN", index.name, (key,), candidates, exact=True)
    return Plan("COLLSCAN", None, (), size)


def _by_id(operands: Sequence[Any]) -> Plan:
    values = _unique(operands)
    return Plan("IDHACK", ID_INDEX, values, len(values))


def _by_index(index: HashIndex, operands: Sequence[Any]) -> Plan:
    values = _unique(operands)
    return Plan("IXSCAN", index.name, values, index.count(values))


def _unique(operands: Sequence[Any]) -> tuple[Hashable, ...]:
    if len(operands) == 1:
        return (equality_key(operands[0]),)
    return tuple(dict.fromkeys(map(equality_key, operands)))


def _hinted(equalities: Mapping[str, Any], indexes: Mapping[str, HashIndex], size: int, hint: Hint) -> Plan:
    if hint == "$natural":
        return Plan("COLLSCAN", None, (), size)
    if hint in (ID_INDEX, ID_DEFINITION.keys):
        if "_id" in equalities:
            return _by_id(equalities["_id"])
        raise _cannot_serve(ID_INDEX)
    index = next((index for index in indexes.values() if hint in (index.name, index.keys)), None)
    if index is None or index.definition.hidden:
        raise QueryError(f"hint {hint!r} names no index of this collection")
    if index.plain not in equalities:
        raise _cannot_serve(index.name)
    return _by_index(index, equalities[index.field])


def _cannot_serve(name: str) -> QueryError:
    return QueryError(f"index {name!r} cannot serve this filter: it holds no equality on the indexed field")
