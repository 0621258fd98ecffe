"""The search for a plan: what each index gives for a filter and an order, by counting its entries."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Sequence
from typing import Final

from nosqlpy._core.index import scanning
from nosqlpy._core.index.bounds import Bounds, meet_all
from nosqlpy._core.index.catalogue import ID_INDEX
from nosqlpy._core.index.hashed import HashIndex
from nosqlpy._core.index.scanning import PREFIXES_MAX, FieldBounds
from nosqlpy._core.plan.conditions import Table, has_position, table_of
from nosqlpy._core.plan.partials import implies, partial_of
from nosqlpy._core.plan.plan import Plan, scan
from nosqlpy._core.plan.wildcards import bounds_in, order_in, path_of
from nosqlpy._core.query.conjuncts import Conjunction
from nosqlpy._core.query.sort import Ordering
from nosqlpy._core.values.collation import Collation
from nosqlpy.errors import OperationFailure
from nosqlpy.results import HASHED

INTERSECT_MIN: Final = 256
"""Candidates from which on a second index is asked which of them it has too."""
INTERSECT_SHARE: Final = 4
"""… unless it has more than so many times as many."""
ID_SHARE: Final = 4
"""What testing a document that an id leads to costs beside testing its columns, about."""
SCANNED_MIN: Final = 200
"""Documents from which on a scan reads columns."""
SORT_COST: Final = 2
"""What sorting a document costs beside fetching it, in documents."""


class Search:
    """The plans for one conjunction, of which `best` returns that with the fewest candidates."""

    def __init__(self, conjunction: Conjunction, size: int) -> None:
        self._conjunction = conjunction
        self._size = size
        # what the keys of indexes are told, by the collation of these
        self._tables: dict[Collation | None, tuple[Table, bool]] = {}

    def _table(self, collation: Collation | None) -> Table:
        """Return the bounds of keys of indexes with this collation."""
        return self._known(collation)[0]

    def _known(self, collation: Collation | None) -> tuple[Table, bool]:
        """Return these bounds, and whether they are all that a match must meet."""
        known = self._tables.get(collation)
        if known is None:
            known = self._tables[collation] = table_of(self._conjunction, collation)
        return known

    def points(self, path: str) -> tuple[Hashable, ...] | None:
        """Return the values of a path that holds no array, if there are only so many; None if there may be others."""
        found = [each.points for each in self._table(None).get(path, ()) if not each.ranges]
        return min(found, key=len) if found else None

    def can_use(self, index: HashIndex) -> bool:
        """Whether a plan may use an index: it is not hidden, and holds all that can match."""
        definition = index.definition
        if definition.hidden:
            return False
        if definition.partial is None:
            return True
        partial = partial_of(definition.partial, index.collation)
        return implies(self._conjunction, self._table(index.collation), partial)

    def says_only(self, paths: Collection[str]) -> bool:
        """Whether the conjunction is met by all that has, at some paths, the single values that it says."""
        table, complete = self._known(None)
        return (
            complete
            and table.keys() == set(paths)
            and all(len(found) == 1 and found[0].exact and not found[0].ranges for found in table.values())
        )

    def check_hint(self, index: HashIndex) -> None:
        """Refuse a hint that would leave documents out.

        Raises:
            OperationFailure: The index is partial or a wildcard one, and does not hold all that can match.
        """
        if index.wildcard is not None and self.bounded(index, 0) is None:
            message = f"the filter has no condition that the wildcard index {index.name!r} answers"
            raise OperationFailure(message, code=291, code_name="NoQueryExecutionPlans")
        if not self.can_use(index):
            message = f"the partial index {index.name!r} does not hold all documents that the filter can match"
            raise OperationFailure(message, code=291, code_name="NoQueryExecutionPlans")

    def best(self, indexes: Iterable[HashIndex]) -> Plan:
        """Return the plan with the fewest candidates."""
        best = scan(self._size)
        others: list[Plan] = []
        usable = list(indexes)
        for index in usable:
            plan = self.bounded(index, min(self._size, best.candidates * INTERSECT_SHARE))
            if plan is not None and not self._pays(plan):
                continue
            if plan is not None and plan.candidates < best.candidates:
                others.append(best)
                best = plan
            elif plan is not None:
                others.append(plan)
        either = self._either(usable, best)
        if either is not None:
            return either
        return self._both(best, others, {index.name: index for index in usable})

    def _pays(self, plan: Plan) -> bool:
        """Whether a plan is better than a scan of columns that tests what it leaves to be tested.

        Nobody has made the index of ``_id`` for such a filter.
        """
        return plan.index != ID_INDEX or self._is_all(plan) or plan.candidates * ID_SHARE <= self._size

    def hinted(self, index: HashIndex) -> Plan:
        """Return the plan that uses one index, all of it if no condition bounds it."""
        plan = self.bounded(index, self._size)
        if plan is not None:
            return plan
        index.ready()
        return Plan("IXSCAN", index.name, (), len(index), bounds=())

    # ── bounds ───────────────────────────────────────────────────────────────────

    def bounded(self, index: HashIndex, most: int) -> Plan | None:
        """Return the plan that uses an index within bounds; None if nothing bounds its first field."""
        choices: Iterable[FieldBounds]
        if index.wildcard is not None:
            choices = bounds_in(index, self._conjunction, self._table(index.collation))
        elif index.field not in self._table(index.collation):
            return None
        else:
            index.ready()
            choices = self._single(index) if len(index.keys) == 1 else self._compound(index)
        plans = [self._plan(index, bounds, most) for bounds in choices]
        return min(plans, key=lambda plan: plan.candidates, default=None)

    def _plan(self, index: HashIndex, bounds: FieldBounds, most: int) -> Plan:
        candidates, exact = scanning.count(index, bounds, most), self._covers(index, bounds)
        if len(index.keys) == 1 and not bounds[0].ranges:
            return Plan("IXSCAN", index.name, bounds[0].points, candidates, exact)
        return Plan("IXSCAN", index.name, (), candidates, exact, bounds)

    def _single(self, index: HashIndex) -> list[FieldBounds]:
        """Return the bounds of an index on one field; of several, where the conditions may be met by several values."""
        conditions = self._table(index.collation)[index.field]
        found = conditions if index.multikey else [meet_all(conditions)]
        if index.keys[0][1] == HASHED:
            found = [each for each in found if not each.ranges]
        return [(each,) for each in found if not (index.definition.sparse and each.has_null)]

    def _compound(self, index: HashIndex) -> list[FieldBounds]:
        """Return the bounds of the first fields of an index on several; after ranges none can follow."""
        bounds: list[Bounds] = []
        combinations, many = 1, False
        table = self._table(index.collation)
        for position, (path, way) in enumerate(index.keys):
            conditions = table.get(path)
            if conditions is None or (index.multikey and has_position(path)):
                break
            if position in index.multikey:
                if many:  # another field of the same array: a document may match by different elements
                    break
                many = True
                each = min(conditions, key=lambda each: (bool(each.ranges), len(each.points)))
            else:
                each = meet_all(conditions)
            combinations *= max(1, len(each.points))
            if not each.is_flat or combinations > PREFIXES_MAX or (way == HASHED and each.ranges):
                break
            bounds.append(each)
            if each.ranges:
                break
        if not bounds or (index.definition.sparse and all(each.has_null for each in bounds)):
            return []
        return [tuple(bounds)]

    def _covers(self, index: HashIndex, bounds: FieldBounds) -> bool:
        """Whether all that the index has within `bounds` matches."""
        table, complete = self._known(index.collation)
        if not complete or not all(each.exact for each in bounds):
            return False
        bounded = _bounded_paths(index, bounds)
        if table.keys() != bounded:
            return False
        return not index.multikey or all(len(table[path]) == 1 for path in bounded)

    # ── several indexes ──────────────────────────────────────────────────────────

    def _either(self, indexes: Sequence[HashIndex], best: Plan) -> Plan | None:
        """Return the plan that unites those of all branches of an ``$or``, if it has fewer candidates than `best`."""
        found: Plan | None = None
        for branches in self._conjunction.alternatives:
            plans: list[Plan] = []
            most = best.candidates if found is None else found.candidates
            total = 0
            for branch in branches:
                search = Search(branch, self._size)
                ids = search.points("_id")
                usable = [index for index in indexes if search.can_use(index)]
                plan = search.best(usable) if ids is None else Plan("IDHACK", ID_INDEX, ids, len(ids))
                total += plan.candidates
                if plan.stage == "COLLSCAN" or total >= most:
                    break
                plans.append(plan)
            else:
                only = len(self._conjunction.alternatives) == 1 and not self._conjunction.conditions
                exact = only and self._conjunction.complete and all(plan.exact for plan in plans)
                found = Plan("OR", None, (), total, exact, branches=tuple(plans))
        return found

    def _both(self, best: Plan, others: Sequence[Plan], indexes: dict[str, HashIndex]) -> Plan:
        """Return the plan that takes what two indexes have in common, if one alone has many candidates."""
        if best.stage != "IXSCAN" or best.exact or best.candidates < INTERSECT_MIN:
            return best
        limit = best.candidates * INTERSECT_SHARE
        paths = _paths_of(best, indexes)
        for other in sorted(others, key=lambda plan: plan.candidates):
            if other.stage != "IXSCAN" or other.candidates > limit:
                continue
            if paths >= _paths_of(other, indexes):
                continue
            found = [
                scanning.found_by(indexes[plan.index or ""], plan.values, plan.bounds)[0] for plan in (best, other)
            ]
            common = len(set(found[0]).intersection(found[1]))
            if common * 2 < best.candidates:
                return Plan("AND_HASH", None, (), common, branches=(best, other))
        return best

    # ── order ────────────────────────────────────────────────────────────────────

    def in_order(self, indexes: Iterable[HashIndex], ordering: Ordering, limit: int, best: Plan) -> Plan:
        """Return a plan that finds documents in order, unless sorting those of `best` takes less."""
        chosen, cost = best, best.candidates * SORT_COST
        for index in indexes:
            if index.collation != ordering.collation:
                continue
            plan = self.ordered(index, ordering) if index.wildcard is None else self._wild_ordered(index, ordering)
            if plan is None or not self._pays(plan) or (limit and best.stage == "COLLSCAN" and self._is_scan(plan)):
                continue
            looked_at = min(limit, plan.candidates) if limit and self._is_all(plan) else plan.candidates
            if looked_at < cost:
                chosen, cost = plan, looked_at
        return chosen

    def _is_scan(self, plan: Plan) -> bool:
        """Whether a plan goes through most of a collection of which columns are kept, and tests what it finds.

        The first ones of what these find are sorted in less time; whether the first documents in order have the answer
        is tried before that.
        """
        return self._size >= SCANNED_MIN and not self._is_all(plan) and plan.candidates * ID_SHARE > self._size

    def _is_all(self, plan: Plan) -> bool:
        """Whether all candidates of a plan match."""
        if plan.exact:
            return True
        table, complete = self._known(None)
        return complete and not table

    def ordered(self, index: HashIndex, ordering: Ordering) -> Plan | None:
        """Return the plan that scans an index in the order that is asked for, None if it does not have that."""
        fields = [path for path, _ in index.keys]
        if not any(path in fields for path, _ in ordering.keys):
            return None
        index.ready()
        if index.multikey:
            return self._elements_in_order(index, ordering)
        bounds: list[Bounds] = []
        wanted = list(ordering.keys)
        table = self._table(index.collation)
        for path in fields:
            conditions = table.get(path)
            each = None if conditions is None else meet_all(conditions)
            if path == wanted[0][0]:
                if each is not None and each.is_flat:
                    bounds.append(each)
                break
            if each is None or each.ranges or len(each.points) != 1 or not each.is_flat:
                return None
            bounds.append(each)
        else:
            return None
        position = fields.index(wanted[0][0])
        directions = [direction for _, direction in wanted]
        if fields[position : position + len(wanted)] != [path for path, _ in wanted]:
            return None
        if any(way == HASHED for _, way in index.keys[position : position + len(wanted)]):
            return None
        if index.definition.sparse and (not bounds or all(each.has_null for each in bounds)):
            return None
        return self._in_bounds(index, tuple(bounds), directions, position)

    def _elements_in_order(self, index: HashIndex, ordering: Ordering) -> Plan | None:
        """Return the same for an index that has a document under each element of an array.

        All of it is gone through, as on a server: the first element of a document that is met is the smallest one, or
        the largest, and within bounds it need not be. A path through arrays leads to keys that no sort knows. Where
        documents must be tested, sorting what columns find takes less.
        """
        definition = index.definition
        if definition.keys[0][1] == HASHED or definition.sparse or "." in index.field:
            return None
        if len(index.keys) > 1 or len(ordering.keys) > 1:
            return None
        plan = self._in_bounds(index, (), [ordering.keys[0][1]], 0)
        return plan if self._is_all(plan) else None

    def _wild_ordered(self, index: HashIndex, ordering: Ordering) -> Plan | None:
        """Return the same for a wildcard index."""
        held = order_in(index, self._table(index.collation), ordering)
        return None if held is None else self._in_bounds(index, held, [ordering.keys[0][1]], 1)

    def _in_bounds(self, index: HashIndex, held: FieldBounds, directions: Sequence[int], position: int) -> Plan:
        candidates = scanning.count(index, held, self._size) if held else self._size
        return Plan("IXSCAN", index.name, (), candidates, self._covers(index, held), held, tuple(directions), position)


def _paths_of(plan: Plan, indexes: dict[str, HashIndex]) -> set[str]:
    """Return the paths whose conditions a plan uses."""
    index = indexes[plan.index or ""]
    return {index.field} if plan.bounds is None else _bounded_paths(index, plan.bounds)


def _bounded_paths(index: HashIndex, bounds: FieldBounds) -> set[str]:
    """Return the paths whose conditions bounds of an index are of."""
    return {path for path, _ in index.keys[: len(bounds)]} if index.wildcard is None else {path_of(bounds)}
