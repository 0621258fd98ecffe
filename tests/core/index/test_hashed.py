from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nosqlpy._core.index.catalogue import IndexDefinition
from nosqlpy._core.index.hashed import HashIndex

KEYS = (1, "k", (40, True))


def index() -> HashIndex:
    return HashIndex(IndexDefinition("x_1", (("x", 1),)))


def held(made: HashIndex, *values: Any) -> list[list[Any]]:
    return [list(made.lookup(value)) for value in values]


def test_a_value_that_nobody_has_leads_nowhere() -> None:
    made = index()

    assert list(made.lookup("v")) == []
    assert made.count(["v"]) == 0
    assert len(made) == 0


def test_a_document_stands_under_each_of_its_values() -> None:
    made = index()
    made.add(["v", "w"], 1)

    assert held(made, "v", "w", "x") == [[1], [1], []]


def test_documents_that_share_a_value_stand_in_the_order_in_which_they_came() -> None:
    made = index()
    for key in (3, 1, 2):
        made.add(["v"], key)

    assert held(made, "v") == [[3, 1, 2]]


def test_a_document_that_is_entered_again_stands_there_once() -> None:
    made = index()
    for key in (1, 1, 2, 2, 1):
        made.add(["v"], key)

    assert held(made, "v") == [[1, 2]]


def test_a_document_that_has_a_value_alone_takes_no_bucket() -> None:
    made = index()
    made.add(["v"], 1)
    made.add(["v"], 1)

    assert made._entries == {"v": 1}


def test_a_document_is_removed_from_under_the_values_that_are_named() -> None:
    made = index()
    made.add(["v", "w"], 1)
    made.add(["v"], 2)
    made.discard(["v"], 1)

    assert held(made, "v", "w") == [[2], [1]]


def test_a_value_whose_last_document_is_removed_is_gone() -> None:
    made = index()
    made.add(["v", "w"], 1)
    made.add(["v"], 2)
    made.discard(["v"], 1)
    made.discard(["v", "w"], 2)
    made.discard(["w"], 1)

    assert len(made) == 0


def test_removing_what_does_not_stand_there_changes_nothing() -> None:
    made = index()
    made.add(["v"], 1)
    made.add(["w"], 1)
    made.add(["w"], 2)
    made.discard(["v", "w", "x"], 9)

    assert held(made, "v", "w") == [[1], [1, 2]]


def test_null_is_a_value_like_others() -> None:
    made = index()
    made.add([None], 1)
    made.discard([None, "x"], 2)

    assert held(made, None) == [[1]]


def test_entries_of_several_values_are_counted_together() -> None:
    made = index()
    made.add(["v", "w"], 1)
    made.add(["v"], 2)

    assert made.count(["v", "w", "x"]) == 3


def test_a_cleared_index_keeps_what_it_is() -> None:
    made = index()
    made.add(["v"], 1)
    made.clear()

    assert (len(made), made.name, made.field, made.keys) == (0, "x_1", "x", (("x", 1),))


STEPS = st.lists(
    st.tuples(st.booleans(), st.sets(st.sampled_from(["v", 0, None, (10,)])), st.sampled_from(KEYS)), max_size=20
)


@given(steps=STEPS)
def test_an_index_holds_exactly_what_was_entered_and_not_removed(steps: Any) -> None:
    made, model = index(), set()
    for adding, values, key in steps:
        for _ in range(2):  # repeating a step changes nothing
            (made.add if adding else made.discard)(values, key)
        pairs = {(value, key) for value in values}
        model = model | pairs if adding else model - pairs

    assert {(value, key) for value in ["v", 0, None, (10,)] for key in made.lookup(value)} == model
    assert len(made) == len({value for value, _ in model})
    assert made.count(["v", 0, None, (10,)]) == len(model)


WRITES = st.lists(
    st.tuples(st.sampled_from(["insert", "insert", "insert", "update", "remove", "read"]), st.integers(0, 9)),
    max_size=25,
)


@given(start=st.integers(0, 30), writes=WRITES)
def test_the_order_of_the_keys_is_natural_only_where_it_is_that_of_the_documents(start: int, writes: Any) -> None:
    made, documents = index(), {n: n for n in range(start)}
    for n, value in documents.items():
        made.enter([value], n)
    for number, (write, value) in enumerate(writes, start):
        some = next((n for n in documents if n % 10 == value), None)
        if write == "read":
            made.order()
        elif write == "insert":  # mostly greater than all before
            documents[number] = value if value < 2 else number * 10
            if number % 2:
                made.enter([documents[number]], number)
            else:
                made.enter_one(documents[number], number)
        elif some is not None:
            made.begin()
            made.discard([documents[some]], some)
            if write == "update":
                documents[some] = number * 10 + value
                made.add([documents[some]], some, moved=True)
            else:
                del documents[some]
            made.end()
    found = made.documents(made.order().everything()[0].all()) if documents else []

    assert sorted(found) == sorted(documents)
    assert not made.is_natural or found == sorted(documents)


def test_keys_that_came_in_order_are_in_natural_order_until_a_document_moves_or_an_earlier_key_comes() -> None:
    made = index()
    for n in range(5):
        made.enter([n], n)

    assert made.is_natural
    made.enter_one(9, 9)
    assert made.is_natural
    made.leave([2], 2)
    assert made.is_natural
    made.enter_one(2, 10)
    assert not made.is_natural


def test_an_array_that_comes_to_keys_in_order_ends_their_natural_order() -> None:
    made = index()
    made.enter([1], 1)
    ordered = made.is_natural
    made.enter([(-2, (25, 2, 3)), 2, 3], 2)

    assert ordered
    assert not made.is_natural


def test_a_key_of_several_documents_is_in_no_natural_order() -> None:
    made = index()
    for n, value in enumerate([1, 2, 1]):
        made.enter([value], n)

    assert not made.is_natural
