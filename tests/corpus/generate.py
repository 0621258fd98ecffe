"""Writes the generated part of the corpus: ``python -m corpus.generate``, in the folder ``tests``.

Matrices of values, types and paths, answered by `model`. The files are data like the others: read them before
you commit a change to them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from corpus.cases import HERE
from corpus.model import bracket, compare, matches, matches_value, order_key, type_name
from corpus.values import read

GENERATOR = "tests/corpus/generate.py"
ORDER_PAGE = "reference/bson-type-comparison-order"

# Extended JSON texts of values, in no particular order
VALUES = """
null
true
false
0
1
-1
1.5
{"$numberLong": "1"}
{"$numberLong": "9007199254740993"}
{"$numberDecimal": "1"}
{"$numberDecimal": "1.5"}
{"$numberDecimal": "NaN"}
{"$numberDouble": "NaN"}
{"$numberDouble": "Infinity"}
{"$numberDouble": "-Infinity"}
""
"a"
"ab"
"é"
"1"
{}
{"a": 1}
{"a": 2}
{"b": 1}
{"a": 1, "b": 1}
[]
[1]
[null]
[1, 2]
["a"]
[[]]
[[1]]
[{"a": 1}]
[{}]
[true, 1]
{"$binary": {"base64": "AQ==", "subType": "00"}}
{"$binary": {"base64": "AQI=", "subType": "00"}}
{"$binary": {"base64": "AQ==", "subType": "05"}}
{"$uuid": "00112233-4455-6677-8899-aabbccddeeff"}
{"$oid": "000000000000000000000001"}
{"$oid": "000000000000000000000002"}
{"$date": {"$numberLong": "0"}}
{"$date": {"$numberLong": "-1"}}
{"$timestamp": {"t": 1, "i": 1}}
{"$timestamp": {"t": 1, "i": 2}}
{"$regularExpression": {"pattern": "a", "options": ""}}
{"$regularExpression": {"pattern": "a", "options": "i"}}
{"$minKey": 1}
{"$maxKey": 1}
""".strip().splitlines()

COMPARISONS = ("$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin")
BAD_VALUE = 2


def revived(text: str) -> Any:
    """Return the value that a text of Extended JSON stands for."""
    return read(f"[{text}]")[0]


def answer(texts: list[str], filter_text: str) -> list[int]:
    """Return the positions, from 1, of the documents that match."""
    condition = revived(filter_text)
    return [position for position, text in enumerate(texts, 1) if matches(revived(text), condition)]


def query(texts: list[str], filter_text: str) -> str:
    """Return a case: a filter, and the ids of the documents that match."""
    return f'{{"filter": {filter_text}, "ids": {answer(texts, filter_text)}}}'


# ── matrices of values ───────────────────────────────────────────────────────────


def comparison_groups() -> Iterator[dict[str, Any]]:
    """Yield a group per operator: every value as operand, against documents with every value."""
    documents = ["{}"] + [f'{{"v": {text}}}' for text in VALUES]
    for operator in COMPARISONS:
        yield {
            "name": f"{operator} with a value of every type",
            "page": f"reference/operator/query/{operator[1:]}",
            "documents": documents,
            "cases": [_comparison(documents, operator, text) for text in VALUES],
        }


def _comparison(documents: list[str], operator: str, text: str) -> str:
    is_regex = bracket(revived(text)) == "regex"
    if is_regex and operator in ("$in", "$nin"):  # there it searches strings
        text = '"a"'
    operand = f"[{text}, 1]" if operator in ("$in", "$nin") else text
    filter_text = f'{{"v": {{"{operator}": {operand}}}}}'
    if is_regex and operator not in ("$eq", "$in", "$nin"):
        return f'{{"filter": {filter_text}, "error": {BAD_VALUE}}}'
    return query(documents, filter_text)


def element_groups() -> Iterator[dict[str, Any]]:
    """Yield a group per operator under $elemMatch: the same values as elements, which do not expand again."""
    documents = ["{}", '{"v": []}'] + [f'{{"v": [{text}]}}' for text in VALUES]
    for operator in ("$eq", "$ne", "$gte", "$lt"):
        texts = [text for text in VALUES if bracket(revived(text)) != "regex"]
        yield {
            "name": f"$elemMatch with {operator} and a value of every type",
            "page": "reference/operator/query/elemMatch",
            "documents": documents,
            "cases": [query(documents, f'{{"v": {{"$elemMatch": {{"{operator}": {text}}}}}}}') for text in texts],
        }


def type_groups() -> Iterator[dict[str, Any]]:
    """Yield the group of $type with every name, against scalars and arrays of them."""
    names = sorted({type_name(revived(text)) for text in VALUES} | {"number"})
    documents = ["{}"] + [f'{{"v": {text}}}' for text in VALUES] + [f'{{"v": [[{text}]]}}' for text in VALUES[:6]]
    filters = [f'{{"v": {{"$type": "{name}"}}}}' for name in names]
    filters += [f'{{"v": {{"$not": {{"$type": "{name}"}}}}}}' for name in names]
    filters += [f'{{"v": {{"$elemMatch": {{"$type": "{name}"}}}}}}' for name in names]
    yield {
        "name": "$type with every name",
        "page": "reference/operator/query/type",
        "documents": documents,
        "cases": [query(documents, text) for text in filters],
    }


# ── paths ────────────────────────────────────────────────────────────────────────

SHAPES = """
{}
{"a": null}
{"a": 1}
{"a": 2}
{"a": {}}
{"a": []}
{"a": [1]}
{"a": [2, 1]}
{"a": [[1]]}
{"a": [[]]}
{"a": [null]}
{"a": {"b": 1}}
{"a": {"b": null}}
{"a": {"b": [1, 2]}}
{"a": {"b": []}}
{"a": {"b": [[1]]}}
{"a": {"0": 1}}
{"a": {"0": {"b": 1}}}
{"a": [{"b": 1}]}
{"a": [{"b": 2}, {"b": 1}]}
{"a": [{"b": 2}, {}]}
{"a": [{}]}
{"a": [{"b": null}]}
{"a": [{"b": [1]}, {"b": 3}]}
{"a": [{"b": []}]}
{"a": [[{"b": 1}]]}
{"a": [[[{"b": 1}]]]}
{"a": [1, {"b": 1}]}
{"a": [{"0": 1}]}
{"a": [{"0": {"b": 1}}]}
{"a": [{"b": {"0": 1}}]}
{"a": {"b": {"c": 1}}}
{"a": [{"b": [{"c": 1}, {"c": 2}]}]}
{"a": {"b": [{"c": [1]}]}}
{"a": [{"b": {"c": null}}, 5]}
""".strip().splitlines()

PATHS = ("a", "a.b", "a.0", "a.1", "a.0.b", "a.b.0", "a.b.c", "a.0.0", "a.1.b", "a.b.0.c", "a.0.b.0")

CONDITIONS = """
1
null
[]
[1]
{}
{"$ne": 1}
{"$ne": null}
{"$gt": 1}
{"$gte": 1}
{"$lt": 2}
{"$gte": null}
{"$lte": [1]}
{"$in": [1, null]}
{"$in": [[1], 2]}
{"$nin": [1, null]}
{"$exists": true}
{"$exists": false}
{"$size": 0}
{"$size": 1}
{"$type": "array"}
{"$type": "object"}
{"$type": "int"}
{"$all": [1, 2]}
{"$all": [null]}
{"$not": {"$gt": 1}}
{"$not": {"$size": 1}}
{"$elemMatch": {"$eq": 1}}
{"$elemMatch": {"$ne": 1}}
{"$elemMatch": {"b": 1}}
{"$elemMatch": {"b": null}}
{"$elemMatch": {}}
{"$gte": 1, "$lt": 2}
""".strip().splitlines()


def path_groups() -> Iterator[dict[str, Any]]:
    """Yield a group per path: every condition, against documents of every shape."""
    for path in PATHS:
        yield {
            "name": f"conditions on the path {path}",
            "page": "tutorial/query-array-of-documents" if "." in path else "tutorial/query-arrays",
            "documents": SHAPES,
            "cases": [query(SHAPES, f'{{"{path}": {condition}}}') for condition in CONDITIONS],
        }


# ── order ────────────────────────────────────────────────────────────────────────


def sort_groups() -> Iterator[dict[str, Any]]:
    """Yield the groups of sorting: all values that are no arrays, and every pair of neighbours in $min and $max."""
    texts = [text for text in VALUES if bracket(revived(text)) != "array"]
    keys = [order_key(revived(text)) for text in texts]
    ids = range(1, len(texts) + 1)
    ascending = sorted(ids, key=lambda position: keys[position - 1])
    descending = sorted(ids, key=lambda position: keys[position - 1], reverse=True)
    yield {
        "name": "values that are no arrays",
        "page": ORDER_PAGE,
        "documents": [f'{{"v": {text}}}' for text in texts],
        "cases": [
            f'{{"sort": {{"v": 1, "_id": 1}}, "order": {ascending}}}',
            f'{{"sort": {{"v": -1, "_id": 1}}, "order": {descending}}}',
            f'{{"sort": {{"v": 1, "_id": 1}}, "skip": 7, "limit": 20, "order": {ascending[7:27]}}}',
            f'{{"sort": {{"v": -1, "_id": 1}}, "limit": 3, "order": {descending[:3]}}}',
        ],
    }


def extreme_groups() -> Iterator[dict[str, Any]]:
    """Yield the groups of $min and $max: every value as operand, on documents with every value."""
    documents = ["{}"] + [f'{{"v": {text}}}' for text in VALUES]
    for operator, sign in (("$min", -1), ("$max", 1)):
        cases = [_extreme(operator, sign, operand) for operand in VALUES]
        page = f"reference/operator/update/{operator[1:]}"
        yield {"name": f"{operator} with a value of every type", "page": page, "documents": documents, "cases": cases}


def _extreme(operator: str, sign: int, operand: str) -> str:
    wanted = revived(operand)
    kept = [text if compare(wanted, revived(text)) * sign <= 0 else operand for text in VALUES]
    after = ", ".join(f'{{"v": {text}}}' for text in [operand, *kept])
    return f'{{"update": {{"{operator}": {{"v": {operand}}}}}, "many": true, "after": [{after}]}}'


def membership_groups() -> Iterator[dict[str, Any]]:
    """Yield the groups of what is added to, and taken from, an array of all values."""
    array = ", ".join(VALUES)
    absent = [text for text in ('"new"', "3", '{"a": 3}', "[2, 1]", '{"b": 1, "a": 1}') if not _has(text)]
    cases = [_array_case(f'{{"$addToSet": {{"v": {text}}}}}', array) for text in VALUES]
    cases += [_array_case(f'{{"$addToSet": {{"v": {text}}}}}', f"{array}, {text}") for text in absent]
    yield {
        "name": "$addToSet on an array of every type",
        "page": "reference/operator/update/addToSet",
        "documents": [f'{{"v": [{array}]}}'],
        "cases": cases,
    }
    yield {
        "name": "$pullAll on an array of every type",
        "page": "reference/operator/update/pullAll",
        "documents": [f'{{"v": [{array}]}}'],
        "cases": [_array_case(f'{{"$pullAll": {{"v": [{text}]}}}}', _without(text)) for text in VALUES],
    }


def _has(text: str) -> bool:
    return any(compare(revived(text), revived(other)) == 0 for other in VALUES)


def _without(text: str) -> str:
    return ", ".join(other for other in VALUES if not matches_value(revived(other), {"$eq": revived(text)}))


def _array_case(update: str, array: str) -> str:
    return f'{{"update": {update}, "after": [{{"v": [{array}]}}]}}'


# ── writing ──────────────────────────────────────────────────────────────────────


def write(name: str, page: str, groups: Iterator[dict[str, Any]]) -> None:
    """Write one file of the corpus, a case to a line."""
    blocks = [_block(group) for group in groups]
    head = f'{{\n  "page": {json.dumps(page)},\n  "generator": {json.dumps(GENERATOR)},\n  "groups": [\n'
    text = head + ",\n".join(blocks) + "\n  ]\n}\n"
    read(text)
    (HERE / f"{name}.json").write_text(text, encoding="utf-8")


def _block(group: dict[str, Any]) -> str:
    names = [f'      "{key}": {json.dumps(group[key], ensure_ascii=False)}' for key in ("name", "page")]
    lists = [f'      "{key}": [\n        {_lines(group[key])}\n      ]' for key in ("documents", "cases")]
    return "    {\n" + ",\n".join(names + lists) + "\n    }"


def _lines(texts: list[str]) -> str:
    return ",\n        ".join(texts)


def main() -> None:
    """Write all generated files."""
    write("query/matrix_comparison", ORDER_PAGE, comparison_groups())
    write("query/matrix_elemMatch", ORDER_PAGE, element_groups())
    write("query/matrix_type", ORDER_PAGE, type_groups())
    write("query/matrix_paths", "tutorial/query-array-of-documents", path_groups())
    write("sort/matrix_values", ORDER_PAGE, sort_groups())
    write("update/matrix_min_max", ORDER_PAGE, extreme_groups())
    write("update/matrix_membership", ORDER_PAGE, membership_groups())


if __name__ == "__main__":
    main()
