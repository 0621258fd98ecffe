"""Plans for ``$text``: the text index leads to the candidates, whatever else the filter says.

Manual: reference/operator/query/text. The rules and codes are those of the server's query_planner.cpp.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from nosqlpy._core.index.hashed import HashIndex
from nosqlpy._core.index.textual import TextIndex
from nosqlpy._core.plan.plan import Plan, TextPlan
from nosqlpy._core.plan.search import Search
from nosqlpy._core.query.conjuncts import Conjunction
from nosqlpy._core.query.textual import no_text_index
from nosqlpy._core.text.matching import Matcher
from nosqlpy.errors import OperationFailure, QueryError
from nosqlpy.results import TEXT


def text_plan(conjunction: Conjunction, indexes: Mapping[str, HashIndex], size: int, *, hinted: bool) -> Plan:
    """Return the plan for a filter that has a ``$text``.

    Raises:
        OperationFailure: There is no text index (27), or it cannot serve this filter (291).
        QueryError: There is a hint.
        NotSupportedError: The stemmer of a language is not installed.
        Unloaded: The index must be built first.
    """
    if hinted:
        raise QueryError("a filter with $text takes no hint")
    index = next((each for each in indexes.values() if each.definition.kind == TEXT), None)
    if index is None:
        raise no_text_index()
    if index.definition.hidden:
        raise _no_plan(f"the text index {index.name!r} is hidden")
    index.ready()
    assert isinstance(index, TextIndex), "others are deferred, and ask to be built"
    return _Texts(index, indexes, size).plan(conjunction)


class _Texts:
    """The plans of one filter and the conjunctions in it, which one text index serves."""

    def __init__(self, index: TextIndex, indexes: Mapping[str, HashIndex], size: int) -> None:
        self._index = index
        self._indexes = indexes
        self._size = size

    def plan(self, conjunction: Conjunction) -> Plan:
        """Return the plan for a conjunction that has a ``$text``, or an alternative that has."""
        if conjunction.text is not None:
            return self._search(conjunction)
        branches = next(branches for branches in conjunction.alternatives if any(each.searches for each in branches))
        plans = tuple(self.plan(branch) if branch.searches else self._other(branch) for branch in branches)
        text = next(plan.text for plan in plans if plan.text is not None)
        whole = TextPlan(text.matcher, test=text.matcher.matches)
        return Plan("OR", None, (), sum(plan.candidates for plan in plans), branches=plans, text=whole)

    def _search(self, conjunction: Conjunction) -> Plan:
        index, search = self._index, Search(conjunction, self._size)
        if not search.can_use(index):
            raise _no_plan(
                f"the partial text index {index.name!r} does not hold all documents that the filter can match"
            )
        assert conjunction.text is not None, "that is why it is asked"
        prefix, exact = _prefix(index, conjunction, search)
        matcher = Matcher(index.spec, conjunction.text)
        tested = matcher.needs_documents(index.languages)
        text = TextPlan(matcher, prefix, matcher.matches_found if tested else None)
        candidates = index.leads_to(prefix, matcher.terms.indexed)
        return Plan("TEXT", index.name, (), candidates, exact and not tested, text=text)

    def _other(self, conjunction: Conjunction) -> Plan:
        """Return the plan of a branch without ``$text`` beside one with it."""
        search = Search(conjunction, self._size)
        ids = search.points("_id")
        if ids is not None:
            return Plan("IDHACK", "_id_", ids, len(ids))
        usable = [index for index in self._indexes.values() if search.can_use(index)]
        plans = [plan for index in usable if (plan := search.bounded(index, self._size)) is not None]
        if not plans:
            raise _no_plan("each branch of an $or with a $text needs an index, and one has none")
        return min(plans, key=lambda plan: plan.candidates)


def _prefix(index: TextIndex, conjunction: Conjunction, search: Search) -> tuple[tuple[Hashable, ...], bool]:
    """Return what the filter says that the fields before the texts equal, and whether it says nothing else."""
    points = [search.points(path) for path in index.before]
    asked = {condition.path for condition in conjunction.conditions if condition.operator in ("", "$eq", "$in")}
    if any(each is None or len(each) != 1 for each in points) or not asked.issuperset(index.before):
        named = ", ".join(map(repr, index.before))
        raise _no_plan(f"the text index {index.name!r} needs an equality on each field before its texts: {named}")
    return tuple(each[0] for each in points if each), search.says_only(index.before)


def _no_plan(message: str) -> OperationFailure:
    return OperationFailure(message, code=291, code_name="NoQueryExecutionPlans")
