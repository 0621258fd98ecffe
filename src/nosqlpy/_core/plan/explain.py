"""Plans shown with the names that MongoDB gives to their stages.

Manual: reference/explain-results.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

from nosqlpy._core.index import scanning
from nosqlpy._core.index.bounds import Bounds, Range
from nosqlpy._core.index.catalogue import ID_INDEX
from nosqlpy._core.index.hashed import HashIndex
from nosqlpy._core.index.textkeys import VERSION
from nosqlpy._core.index.textual import TextIndex
from nosqlpy._core.plan.plan import Plan, TextPlan
from nosqlpy._core.plan.wildcards import comes_through_array, path_of
from nosqlpy.aliases import Document

_KINDS = {
    10: "number",
    15: "string",
    30: "binData",
    35: "objectId",
    40: "bool",
    45: "date",
    47: "timestamp",
    50: "regex",
}


def show(plan: Plan, indexes: Mapping[str, HashIndex]) -> Document:
    """Return a plan as a tree of stages, the one that comes last at the root."""
    if plan.stage == "COLLSCAN":
        return {"stage": "COLLSCAN", "direction": _direction(plan)}
    if plan.stage == "IDHACK":
        return {"stage": "IDHACK", "indexName": plan.index}
    if plan.stage == "EOF":
        return {"stage": "EOF"}
    if plan.stage == "TEXT":
        return _keys(plan, indexes)
    return _keys(plan, indexes) if plan.covered else {"stage": "FETCH", "inputStage": _keys(plan, indexes)}


def _direction(plan: Plan) -> str:
    return "backward" if plan.directions and plan.directions[0] < 0 else "forward"


def _keys(plan: Plan, indexes: Mapping[str, HashIndex]) -> Document:
    """Return the stages that find keys of documents."""
    if plan.branches:
        return {"stage": plan.stage, "inputStages": [_keys(branch, indexes) for branch in plan.branches]}
    if plan.stage == "IDHACK":
        return show(plan, indexes)
    if plan.text is not None:
        return _search(plan, plan.text, indexes)
    index = indexes[plan.index or ""]
    definition = index.definition
    bounds = (Bounds(plan.values),) if plan.bounds is None else plan.bounds
    fields, is_multikey, is_sparse = index.keys, bool(index.multikey), definition.sparse
    if index.wildcard is not None and bounds:
        path = path_of(bounds)
        fields = (index.keys[0], (path, index.keys[1][1]))
        is_multikey, is_sparse = comes_through_array(index, path), True
    # the paths in a wildcard index are names, which no collation compares
    folded = range(0 if index.wildcard is None else 1, 0 if definition.collation is None else len(fields))
    return {
        "stage": "IXSCAN",
        "keyPattern": dict(fields),
        "indexName": index.name,
        **({} if definition.collation is None else {"collation": definition.collation}),
        "isMultiKey": is_multikey,
        "isUnique": definition.unique or index.name == ID_INDEX,
        "isSparse": is_sparse,
        "isPartial": definition.partial is not None,
        "direction": _direction(plan),
        "indexBounds": {
            path: list(_shown(bounds[position], _collated if position in folded else _quoted))
            if position < len(bounds)
            else ["[MinKey, MaxKey]"]
            for position, (path, _) in enumerate(fields)
        },
    }


def _search(plan: Plan, text: TextPlan, indexes: Mapping[str, HashIndex]) -> Document:
    """Return the stages of a text search: the union of what each term leads to, and what is tested on documents."""
    index = indexes[plan.index or ""]
    assert isinstance(index, TextIndex), "the plan is of one"
    terms, prefix = text.matcher.terms, dict(zip(index.before, map(_value, text.prefix), strict=True))
    scans: list[Document] = [
        {
            "stage": "IXSCAN",
            "keyPattern": dict(index.definition.keys),
            "indexName": index.name,
            "term": term,
            "candidates": index.leads_to(text.prefix, (term,)),
        }
        for term in terms.indexed
    ]
    parsed = {
        "terms": sorted(terms.positive),
        "negatedTerms": sorted(terms.negated),
        "phrases": list(terms.phrases),
        "negatedPhrases": list(terms.negated_phrases),
    }
    return {
        "stage": "TEXT_MATCH",
        "indexPrefix": prefix,
        "indexName": index.name,
        "parsedTextQuery": parsed,
        "textIndexVersion": VERSION,
        "inputStage": {"stage": "FETCH", "inputStage": {"stage": "TEXT_OR", "inputStages": scans}},
    }


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


def _collated(key: str) -> str:
    """Return the sort key of a string as a server shows it."""
    return f"CollationKey(0x{key.encode().hex()})"


def _shown(bounds: Bounds, text: Callable[[str], str]) -> Iterator[str]:
    """Yield bounds as MongoDB writes them: ``[1, 5)``."""
    for point in bounds.points:
        yield f"[{_value(point, text)}, {_value(point, text)}]"
    for each in bounds.ranges:
        yield _range(each, text)


def _range(each: Range, text: Callable[[str], str]) -> str:
    kind = _KINDS.get(int(each.rank), "code")
    low = f"{'(' if each.low_open else '['}{_value(each.low, text)}" if each.low is not None else f"[lowest {kind}"
    high = f"{_value(each.high, text)}{')' if each.high_open else ']'}" if each.high is not None else f"highest {kind}]"
    return f"{low}, {high}"


def _value(key: Hashable, text: Callable[[str], str] = _quoted) -> str:
    if key is None:
        return "null"
    if isinstance(key, str):
        return text(key)
    if isinstance(key, tuple):
        if key[0] == 40:
            return str(key[1]).lower()
        return "NaN" if key == (10,) else " ".join(_value(each, text) for each in key[1:])
    return key.hex() if isinstance(key, bytes) else str(key)


def keys_examined(plan: Plan, indexes: Mapping[str, HashIndex]) -> int:
    """Return how many keys of indexes a plan looks at."""
    if plan.branches:
        return sum(keys_examined(branch, indexes) for branch in plan.branches)
    if plan.stage == "IDHACK":
        return len(plan.values)
    if plan.stage == "TEXT":
        return plan.candidates
    if plan.stage != "IXSCAN":
        return 0
    bounds: Any = (Bounds(plan.values),) if plan.bounds is None else plan.bounds
    return scanning.examined(indexes[plan.index or ""], bounds)
