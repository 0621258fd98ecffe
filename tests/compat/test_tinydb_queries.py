"""Queries of the TinyDB interface: what matches, what equals what, and the filters that they give."""

from __future__ import annotations

import re

import pytest

from nosqlpy import Client, Limits
from nosqlpy.compat.tinydb import Query, TinyDB, where
from nosqlpy.compat.tinydb.narrowing import candidates
from nosqlpy.compat.tinydb.queries import QueryInstance, shape_of
from nosqlpy.compat.tinydb.storages import DatabaseStorage
from nosqlpy.compat.tinydb.utils import FrozenDict, LRUCache, freeze

Q = Query()
NAN = float("nan")
DOCUMENTS = [
    {"a": 1},
    {"a": True},
    {"a": 1.0},
    {"a": 0},
    {"a": None},
    {"a": "ab"},
    {"a": [1, 2]},
    {"a": {"b": 1, "c": 2}},
    {"a": [{"b": 1}, {"b": 2}]},
    {},
]

MATCHES = [
    (Q.a == 1, [0, 1, 2]),
    (Q.a == True, [0, 1, 2]),  # noqa: E712
    (Q.a == 0, [3]),
    (Q.a == None, [4]),  # noqa: E711
    (Q.a == "ab", [5]),
    (Q.a == [1, 2], [6]),
    (Q.a == [True, 2.0], [6]),
    (Q.a == (1, 2), []),
    (Q.a == {"c": 2, "b": 1}, [7]),
    (Q.a == NAN, []),
    (Q.a != 1, [3, 4, 5, 6, 7, 8]),
    (Q.a != [1, 2], [0, 1, 2, 3, 4, 5, 7, 8]),
    (Q.b != 1, []),
    (Q.a.b == 1, [7]),
    (Q.a.b.exists(), [7]),
    (Q["a"]["b"] < 2, [7]),
    (Q.a.exists(), [0, 1, 2, 3, 4, 5, 6, 7, 8]),
    (~Q.a.exists(), [9]),
    (~Q.a.b.exists(), [0, 1, 2, 3, 4, 5, 6, 8, 9]),
    (Q.a.matches("b"), []),
    (Q.a.matches("a"), [5]),
    (Q.a.search("b"), [5]),
    (Q.a.search("B", flags=re.IGNORECASE), [5]),
    (Q.a.test(lambda value: value is True), [1]),
    (Q.a.test(isinstance, str), [5]),
    (Q.a.any([2, 3]), [6]),
    (Q.a.any(["a"]), [5]),
    (Q.a.any(["b"]), [5, 7]),
    (Q.a.any([{"b": 2}]), [8]),
    (Q.a.any(Q.b == 2), [8]),
    (Q.a.all([1]), [6]),
    (Q.a.all(Q.b > 0), [8]),
    (Q.a.all(Q.noop()), [5, 6, 7, 8]),
    (Q.a.one_of([1, "ab"]), [0, 1, 2, 5]),
    (Q.a.one_of([]), []),
    (Q.a.fragment({"b": True}), [7]),
    (Q.fragment({"a": 1}), [0, 1, 2]),
    (Q.fragment({}), list(range(10))),
    (Q.noop(), list(range(10))),
    (Q.a.map(repr) == "'ab'", [5]),
    (Q.map(len) == 0, [9]),
    (where("a").map(lambda value: value["b"]) == 1, [7]),
    ((Q.a == 1) | (Q.a == "ab"), [0, 1, 2, 5]),
    ((Q.a == 1) & Q.a.test(lambda value: type(value) is int), [0]),
    (~(Q.a == 1), [3, 4, 5, 6, 7, 8, 9]),
    (~((Q.a == 1) | Q.a.exists()), [9]),
]


@pytest.mark.parametrize(("query", "expected"), MATCHES, ids=lambda value: repr(value)[:60])
def test_a_query_finds_the_documents_for_which_it_is_true(memory, query, expected):
    memory.insert_multiple(DOCUMENTS)

    raising = [document for document in DOCUMENTS if raises(query, document)]
    if not raising:
        assert [document.doc_id - 1 for document in memory.search(query)] == expected
        assert [number for number, document in enumerate(DOCUMENTS) if query(document)] == expected
    else:
        with pytest.raises(TypeError):
            memory.search(query)


def raises(query, document):
    try:
        query(document)
    except TypeError:
        return True
    return False


@pytest.mark.parametrize("query", [Q.a < 5, Q.a >= "x", Q.a.all(["a"]), (Q.a.exists() & (Q.a > 1)), ~(Q.a <= 1)])
def test_what_python_cannot_compare_raises_as_in_tinydb(memory, query):
    memory.insert_multiple([{"b": 1}, {"a": 3}, {"a": "y"}])

    if any(raises(query, document) for document in memory):
        with pytest.raises(TypeError):
            memory.search(query)
    else:
        assert memory.search(query) == [document for document in memory if query(document)]


@pytest.mark.parametrize("query", [Q.a < 1, (Q.a == 9) | (Q.a < 1), (Q.b == 1) & (Q.a < 1), ~(Q.a > 1)])
def test_a_document_that_cannot_be_compared_is_not_passed_over(memory, query):
    memory.insert_multiple([{"a": 0, "b": 1}, {"a": "text", "b": 1}])

    with pytest.raises(TypeError, match="not supported between"):
        memory.search(query)


def test_it_raises_only_for_documents_that_are_asked(memory):
    memory.insert_multiple([{"kind": "n", "a": 3}, {"kind": "s", "a": "text"}])

    assert memory.search((Q.kind == "n") & (Q.a > 1)) == [{"kind": "n", "a": 3}]
    assert memory.get(Q.a > 1) == {"kind": "n", "a": 3}


def test_a_query_without_a_test_or_a_path_is_refused(memory):
    memory.insert({"a": 1})

    with pytest.raises(RuntimeError, match="Empty query was evaluated"):
        memory.search(Q)
    with pytest.raises(RuntimeError, match="Empty query was evaluated"):
        memory.search(Q.a)
    with pytest.raises(ValueError, match="Query has no path"):
        Q == 1  # noqa: B015


def test_a_pattern_that_is_none_raises_where_it_is_asked(memory):
    memory.insert({"a": 1})
    assert memory.search(Q.a.search("(")) == []
    memory.insert({"a": "text"})

    with pytest.raises(re.error):
        memory.search(Q.a.search("("))


def test_a_filter_past_the_limits_of_the_client_is_a_scan():
    class Limited(DatabaseStorage):
        client = Client(":memory:", limits=Limits(nodes=3))

    db = TinyDB(storage=Limited)
    db.insert_multiple([{"a": 1}, {"a": 2}])
    query = Q.a.one_of([2, 3, 4, 5]) & (Q.b.exists() | Q.a.exists()) & (Q.a == 2)

    assert db.search(query) == [{"a": 2}]
    assert db.get(query) == {"a": 2}


def test_a_value_is_looked_at_when_the_query_is_asked(memory):
    memory.insert_multiple([{"a": 1}, {"a": 2}])
    wanted = [1]
    query = Q.a.one_of(wanted)
    wanted.append(2)

    assert memory.count(query) == 2


# ── equality ─────────────────────────────────────────────────────────────────────

EQUAL = [
    (Q.a == 1, where("a") == 1),
    (Q.a == [1, {"b": 2}], Q.a == [1, {"b": 2}]),
    ((Q.a == 1) & (Q.b == 2), (Q.b == 2) & (Q.a == 1)),
    ((Q.a == 1) | (Q.b == 2), (Q.b == 2) | (Q.a == 1)),
    (~(Q.a == 1), ~(Q.a == 1)),
    (Q.a.any(Q.b == 1), Q.a.any(Q.b == 1)),
    (Q.a.fragment({"b": [1]}), Q.a.fragment({"b": [1]})),
    (Q.noop(), Q.noop()),
]
UNEQUAL = [
    (Q.a == 1, Q.a == 2),
    (Q.a == 1, Q.a != 1),
    (Q.a.b.exists(), Q["a.b"].exists()),
    (Q.a.search("x"), Q.a.search("x", flags=re.IGNORECASE)),
    (Q.a.fragment({"b": 1}), Q.c.fragment({"b": 1})),
    (Q.a.search("x"), Q.a.matches("x")),
]


@pytest.mark.parametrize(("left", "right"), EQUAL)
def test_queries_that_ask_the_same_are_equal(left, right):
    assert left == right
    assert hash(left) == hash(right)
    assert left.is_cacheable()


@pytest.mark.parametrize(("left", "right"), UNEQUAL)
def test_queries_that_ask_something_else_are_not_equal(left, right):
    assert left != right
    assert left != "something else"


def test_answers_of_what_python_may_change_are_not_kept():
    class Unhashable:
        __hash__ = None

    mapped = Q.a.map(len) == 1
    for query in (mapped, ~mapped, mapped & (Q.a == 1), mapped | (Q.a == 1), Q.a.any(mapped), Q.a == Unhashable()):
        assert not query.is_cacheable()


def test_a_query_describes_itself():
    assert repr(Q.a) == "Query()"
    assert repr(Q.a == "x") == "QueryImpl('==', ('a',), 'x')"


# ── extensions ───────────────────────────────────────────────────────────────────


def test_a_subclass_may_have_tests_and_paths_of_its_own(memory):
    class Mine(Query):
        def doubled(self, rhs):
            return self._generate_test(lambda value: value == rhs * 2, ("doubled", self._path, rhs))

    class Insensitive(Query):
        def _generate_test(self, test, hashval, allow_empty_path=False):
            return super()._generate_test(lambda value: test(value.lower()), hashval, allow_empty_path)

    memory.insert_multiple([{"a": "XX"}, {"a": "x"}])

    assert type(Mine().a) is Mine
    assert memory.search(Mine().a.doubled("X")) == [{"a": "XX"}]
    assert memory.search(Insensitive().a == "xx") == [{"a": "XX"}]


def test_a_query_class_with_a_call_of_its_own_is_asked_itself(memory):
    class Never(QueryInstance):
        def __call__(self, value):
            return "b" in value

    memory.insert_multiple([{"a": 1}, {"b": 1}])
    query = Never(lambda _: True, ("never",))

    assert memory.search(query) == [{"b": 1}]
    assert memory.search(~query) == [{"a": 1}]
    assert query.to_mql() is None


# ── filters ──────────────────────────────────────────────────────────────────────

NO_ARRAY = {"$not": {"$type": "array"}}


@pytest.mark.parametrize(
    ("query", "filter"),
    [
        (Q.a == "x", {"a": {"$eq": "x", **NO_ARRAY}}),
        (Q.a == 1, {"a": {"$in": [1, True], **NO_ARRAY}}),
        (Q.a == None, {"a": {"$type": "null", **NO_ARRAY}}),  # noqa: E711
        (Q.a.b > 5, {"$and": [{"a": NO_ARRAY}, {"a.b": {"$gt": 5, **NO_ARRAY}}]}),
        (Q._id == "x", {"_tinydb_id": {"$eq": "x", **NO_ARRAY}}),
        (Q.a.one_of(["x", "y"]), {"a": {"$in": ["x", "y"], **NO_ARRAY}}),
        (Q.a.any([5]), {"a": {"$type": "array", "$eq": 5}}),
        (Q.a.search("x"), {"a": {"$regex": re.compile("x"), **NO_ARRAY}}),
        (Q.noop(), {}),
        (~Q.a.exists() & Q.b.exists(), {"$and": [{"$nor": [{"a": {"$exists": True}}]}, {"b": {"$exists": True}}]}),
        (Q.fragment({"a": "x"}), {"a": {"$eq": "x", **NO_ARRAY}}),
        (Q.a == [1], None),
        (Q.a == {}, None),
        (Q.a == 2**64, None),
        (Q["a.b"] == 1, None),
        (Q["$a"] == 1, None),
        (Q.a.matches("x"), None),
        (Q.a.search("("), None),
        (Q.a.test(bool), None),
        (Q.a.map(len) == 1, None),
        ((Q.a == 1) & Q.a.test(bool), None),
        (~Q.a.test(bool), None),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_a_query_gives_a_filter_that_means_the_same_or_none(query, filter):
    assert query.to_mql() == filter


@pytest.mark.parametrize(("query", "expected"), MATCHES, ids=lambda value: repr(value)[:60])
def test_a_filter_finds_what_its_query_finds(query, expected):
    collection = Client(":memory:")["c"]
    collection.insert_many({"_id": number, **document} for number, document in enumerate(DOCUMENTS))
    filter = query.to_mql()

    assert filter is None or [document["_id"] for document in collection.find(filter)] == expected


@pytest.mark.parametrize(
    ("query", "filter"),
    [
        (Q.a == "x", {"a": {"$eq": "x"}}),
        ((Q.a == "x") & Q.b.test(bool), {"$and": [{"a": {"$eq": "x"}}, {"b": {"$exists": True}}]}),
        (Q.a.map(len) == 1, {"a": {"$exists": True}}),
        (Q.map(len) == 1, {}),
        (lambda document: True, {}),
        (Q.a.one_of([]), None),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_documents_for_which_a_query_need_not_be_asked_are_left_out(query, filter):
    assert candidates(shape_of(query)) == filter


# ── utils ────────────────────────────────────────────────────────────────────────


def test_the_cache_lets_the_least_recently_used_entry_go():
    cache = LRUCache(capacity=3)
    for key, value in (("a", 0), ("b", 1), ("c", 2), ("a", 3)):
        cache[key] = value
    assert cache["b"] == 1
    cache["d"] = 4

    assert (cache.lru, len(cache), cache.length, list(cache)) == (["a", "b", "d"], 3, 3, ["a", "b", "d"])
    assert ("c" in cache, cache.get("c"), cache.get("c", 7)) == (False, None, 7)
    with pytest.raises(KeyError):
        cache["c"]
    del cache["a"]
    cache.clear()
    assert cache.lru == []


def test_what_is_frozen_cannot_change():
    frozen = freeze({"a": [1, {2}, ({"b": 3},)]})

    assert frozen == {"a": (1, frozenset({2}), ({"b": 3},))}
    assert hash(frozen) == hash(FrozenDict(frozen))
    for change in (
        lambda: frozen.update(a=1),
        lambda: frozen.pop("a"),
        lambda: frozen.__setitem__("a", 1),
        lambda: frozen.__delitem__("a"),
        frozen.clear,
        frozen.popitem,
        lambda: frozen.setdefault("b", 1),
    ):
        with pytest.raises(TypeError, match="immutable"):
            change()
