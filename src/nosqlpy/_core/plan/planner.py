"""The planner: which index, if any, leads to the documents that a filter can match, or to their order."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from nosqlpy._core.index.catalogue import ID_DEFINITION, ID_INDEX, Keys
from nosqlpy._core.index.components import in_order
from nosqlpy._core.index.hashed import HashIndex
from nosqlpy._core.plan.plan import Plan, scan
from nosqlpy._core.plan.search import Search
from nosqlpy._core.plan.texts import text_plan
from nosqlpy._core.query.filter import Predicate
from nosqlpy._core.query.sort import Ordering
from nosqlpy._core.values.keys import equality_key
from nosqlpy.errors import OperationFailure, QueryError
from nosqlpy.results import TEXT

Hint: TypeAlias = str | Keys
"""An index, by its name or its keys, or one of `NATURAL`."""

NATURAL: Final = ("$natural", "-$natural")
"""The hints to use no index, and to go through the documents from the first, or from the last."""


def choose(
    predicate: Predicate,
    indexes: Mapping[str, HashIndex],
    size: int,
    hint: Hint | None = None,
    ordering: Ordering | None = None,
    limit: int = 0,
    ids: HashIndex | None = None,
) -> Plan:
    """Return the plan with the fewest candidates; an index that does not lead to fewer documents is not used.

    With an `ordering`, of which the first `limit` are wanted (0: all), an index that has the documents in
    that order is used instead, unless another one leads to much fewer. `ids` is the index of ``_id``, whose
    order may be used like that of any other; equalities are looked up without it.

    Raises:
        QueryError: `hint` names no index.
        OperationFailure: It names one that cannot serve the filter, or there is none for its ``$text``.
        Unloaded: An index must be built first.
    """
    if predicate.text is not None:
        return text_plan(predicate.conjunction, indexes, size, hinted=hint is not None)
    if hint is None and (plan := _at_a_glance(predicate, indexes, size, ordering)) is not None:
        return plan
    if hint in NATURAL:
        return scan(size, backwards=hint == NATURAL[1])
    search = Search(predicate.conjunction, size)
    points = search.points("_id")
    if points is not None and hint in (None, ID_INDEX, ID_DEFINITION.keys):
        return _of_ids(points)
    if hint is not None:
        return _by_hint(hint, search, indexes, size, ordering, limit, ids)
    usable = [index for index in indexes.values() if search.can_use(index)]
    if ids is not None and _reads_ids(predicate, ordering):
        usable.append(ids)
    best = search.best(usable)
    return best if ordering is None else search.in_order(usable, ordering, limit, best)


def _by_hint(
    hint: Hint,
    search: Search,
    indexes: Mapping[str, HashIndex],
    size: int,
    ordering: Ordering | None,
    limit: int,
    ids: HashIndex | None,
) -> Plan:
    """Return the plan that uses the index of a hint."""
    if hint not in (ID_INDEX, ID_DEFINITION.keys):
        index = _hinted(indexes, hint)
        search.check_hint(index)
    elif ID_INDEX in indexes:
        index = indexes[ID_INDEX]
    elif ids is None:
        return scan(size)
    else:
        index = ids
    best = search.hinted(index)
    return best if ordering is None else search.in_order([index], ordering, limit, best)


def in_order_of(index: HashIndex, predicate: Predicate, ordering: Ordering, size: int) -> Plan | None:
    """Return the plan that finds documents in the order of an index, whatever it leaves to be tested; None without one.

    Raises:
        Unloaded: The order must be made first.
    """
    if ordering.collation != index.collation:
        return None
    search = Search(predicate.conjunction, size)
    return search.ordered(index, ordering) if search.can_use(index) else None


def considered(predicate: Predicate, indexes: Mapping[str, HashIndex], size: int) -> list[Plan]:
    """Return the plan that each index gives for a filter by itself, if any."""
    search = Search(predicate.conjunction, size)
    plans = [search.bounded(index, size) for index in indexes.values() if search.can_use(index)]
    return [plan for plan in plans if plan is not None]


def _hinted(indexes: Mapping[str, HashIndex], hint: Hint) -> HashIndex:
    named = [index for index in indexes.values() if hint in (index.name, index.definition.keys)]
    found = [index for index in named if not index.definition.hidden]
    if not found:
        raise QueryError(f"hint {hint!r} names no index of this collection")
    if len(found) > 1:
        names = ", ".join(repr(index.name) for index in found)
        message = f"hint {hint!r} is that of several indexes, {names}: name one"
        raise QueryError(message, code=181, code_name="AmbiguousIndexKeyPattern")
    if found[0].definition.kind == TEXT:
        message = f"hint {hint!r} names a text index, which only a filter with $text can use"
        raise OperationFailure(message, code=291, code_name="NoQueryExecutionPlans")
    return found[0]


def _at_a_glance(
    predicate: Predicate, indexes: Mapping[str, HashIndex], size: int, ordering: Ordering | None
) -> Plan | None:
    """Return the plan where there is no choice; None where there may be one."""
    if ordering is None and predicate.exact is not None:
        plan = _exact(predicate.exact, predicate.operand, indexes, size)
        if plan is not None:
            return plan
    if not indexes and "_id" in predicate.equalities:
        return _by_id(predicate.equalities["_id"])
    return scan(size) if serves_none(predicate, indexes, ordering) else None


def serves_none(predicate: Predicate, indexes: Mapping[str, HashIndex], ordering: Ordering | None) -> bool:
    """Whether no index can be of use to a filter or an order, whatever their values are, nor that of ``_id``."""
    return not (_reads_ids(predicate, ordering) or _any_serves(indexes, predicate.paths, ordering))


def _exact(path: str, operand: Any, indexes: Mapping[str, HashIndex], size: int) -> Plan | None:
    """Return the plan of one equality with a plain scalar, the most common filter; None if there is much to compare."""
    key = equality_key(operand)
    if path == "_id":
        return Plan("IDHACK", ID_INDEX, (key,), 1, exact=True)
    for index in indexes.values():
        if index.plain == path:
            candidates = len(index.lookup(key))
            if candidates < size:
                return Plan("IXSCAN", index.name, (key,), candidates, exact=True)
            return scan(size)
    return None if any(index.field == path or index.wildcard is not None for index in indexes.values()) else scan(size)


def _any_serves(indexes: Mapping[str, HashIndex], paths: Collection[str], ordering: Ordering | None) -> bool:
    """Whether an index may be of use, seen by its fields alone: most scans are by paths that no index is about."""
    ordered = () if ordering is None else [path for path, _ in ordering.keys]
    for index in indexes.values():
        field = index.field
        if field in paths or index.wildcard is not None or any(key in ordered for key, _ in index.keys):
            return True
        # under $elemMatch the filter goes on behind its path
        if "." in field and any(field.startswith(f"{path}.") for path in paths):
            return True
    return False


def _by_id(operands: Sequence[Any]) -> Plan:
    return _of_ids(tuple(dict.fromkeys(map(equality_key, operands))))


def _of_ids(keys: tuple[Hashable, ...]) -> Plan:
    """Return the plan that looks documents up by the keys of their ids, in the order of these, as a server does."""
    return Plan("IDHACK", ID_INDEX, tuple(in_order(keys)) if len(keys) > 1 else keys, len(keys))


def _reads_ids(predicate: Predicate, ordering: Ordering | None) -> bool:
    """Whether the ids of documents matter to a query."""
    return "_id" in predicate.paths or (ordering is not None and ordering.keys[0][0] == "_id")
