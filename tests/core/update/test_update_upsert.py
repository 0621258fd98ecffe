"""What an upsert inserts."""

from __future__ import annotations

import pytest

from nosqlpy._core.update.compile import compile_replacement, compile_update
from nosqlpy._core.update.upsert import seed_document, seed_id
from nosqlpy.errors import WriteError


@pytest.mark.parametrize(
    ("seeds", "expected"),
    [
        ([], {}),
        ([("a", 1), ("b", 2)], {"a": 1, "b": 2}),
        ([("a", 1), ("_id", 7)], {"_id": 7, "a": 1}),
        ([("a.b", 1), ("a.c", 2)], {"a": {"b": 1, "c": 2}}),
        ([("a.0", 1)], {"a": {"0": 1}}),
        ([("a", (1, 2))], {"a": [1, 2]}),
    ],
)
def test_the_seed_has_what_the_filter_asks_for(seeds, expected):
    seed = seed_document(seeds)

    assert seed == expected
    assert list(seed) == list(expected)


@pytest.mark.parametrize(
    "seeds", [[("a", 1), ("a", 1)], [("a", {}), ("a.b", 1)], [("a.b", 1), ("a", {})], [("_id", {}), ("_id.x", 1)]]
)
def test_a_path_given_twice_is_refused(seeds):
    with pytest.raises(WriteError) as caught:
        seed_document(seeds)

    assert (caught.value.code, caught.value.code_name) == (54, "NotSingleValueField")


def test_the_fields_of_the_seed_come_in_the_order_of_their_paths():
    seed = seed_document([("c", 1), ("a.z", 1), ("b", 1), ("a.b", 1), ("_id", 1), ("Z", 1)])

    assert list(seed) == ["_id", "Z", "a", "b", "c"]
    assert list(seed["a"]) == ["b", "z"]


def test_nothing_but_the_id_counts_for_a_replacement():
    assert seed_id([("a", 1), ("a", 2), ("b.c", 1), ("b", {}), ("_id", 7)]) == {"_id": 7}
    assert seed_id([("a", 1)]) == {}


@pytest.mark.parametrize(
    ("seeds", "code", "name"),
    [
        ([("_id", 1), ("_id", 2)], 54, "NotSingleValueField"),
        ([("_id.x", 1), ("_id.y", 2)], 111, "NotExactValueField"),
        ([("_id", {}), ("_id.x", 1)], 111, "NotExactValueField"),
    ],
)
def test_a_replacement_needs_the_whole_id_once(seeds, code, name):
    with pytest.raises(WriteError) as caught:
        seed_id(seeds)

    assert (caught.value.code, caught.value.code_name) == (code, name)


def test_the_filter_is_not_changed_by_the_update():
    value = [1]
    compile_update({"$push": {"a": 2}}).insert(seed_document([("a", value)]))

    assert value == [1]


def test_an_insert_applies_all_operators_and_set_on_insert():
    updater = compile_update({"$set": {"c": 1}, "$setOnInsert": {"b": 2}, "$inc": {"n": 1}, "$push": {"t": 1}})

    assert list(updater.insert({"_id": 1, "n": 5}).items()) == [("_id", 1), ("n", 6), ("b", 2), ("c", 1), ("t", [1])]


def test_an_insert_may_take_its_id_from_the_update():
    assert compile_update({"$set": {"_id": 5}}).insert({"a": 1}) == {"a": 1, "_id": 5}
    assert compile_update({"$setOnInsert": {"_id": 5}}).insert({"_id": 5}) == {"_id": 5}


def test_an_insert_cannot_change_the_id_of_the_filter():
    with pytest.raises(WriteError) as caught:
        compile_update({"$setOnInsert": {"_id": 6}}).insert({"_id": 5})

    assert caught.value.code == 66


def test_a_replacement_takes_only_the_id_of_the_filter():
    assert list(compile_replacement({"b": 2}).insert({"_id": 1, "a": 1}).items()) == [("_id", 1), ("b", 2)]
    assert compile_replacement({"b": 2, "_id": 3}).insert({"a": 1}) == {"b": 2, "_id": 3}


def test_a_replacement_with_another_id_than_the_filter_is_refused():
    with pytest.raises(WriteError) as caught:
        compile_replacement({"_id": 2}).insert({"_id": 1})

    assert caught.value.code == 66
