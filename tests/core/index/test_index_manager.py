from __future__ import annotations

from typing import Any

import pytest

from nosqlpy._core.index.catalogue import IndexDefinition
from nosqlpy._core.index.components import index_key, whole_key
from nosqlpy._core.index.manager import BUILD_STEP, IndexManager
from nosqlpy._core.query.sortvalues import UNDEFINED
from nosqlpy._core.values.codec import encode_document
from nosqlpy._core.values.keys import equality_key


def manager(*fields: str) -> IndexManager:
    made = IndexManager()
    for field in fields:
        made.build(IndexDefinition(field, ((field, 1),)), [], [])
    return made


def blob(**fields: Any) -> bytes:
    return encode_document({"_id": 0, **fields})


def whole(array: list[Any]) -> Any:
    return whole_key(equality_key(array))


def reached(made: IndexManager, field: str, value: Any) -> list[Any]:
    return list(made.by_name[field].lookup(equality_key(value)))


@pytest.mark.parametrize(
    ("path", "document", "values"),
    [
        ("x", {"x": 5}, [5]),
        ("x", {"x": "s"}, ["s"]),
        ("x", {}, [None]),
        ("x", {"x": None}, [None]),
        ("x", {"x": True}, [True]),
        ("x", {"x": float("nan")}, [float("nan")]),
        ("x", {"x": {"y": 1}}, [{"y": 1}]),
        ("x", {"x": [1, "s", 1]}, [1, "s", whole([1, "s", 1])]),
        ("x", {"x": []}, [UNDEFINED, whole([])]),
        ("x", {"x": [[2]]}, [[2], whole([[2]])]),
        ("x.y", {"x": {"y": 3}}, [3]),
        ("x.y", {"x": {"y": [3, 4]}}, [3, 4, whole([3, 4])]),
        ("x.y", {"x": [{"y": 3}, {"y": [4]}, {}]}, [3, 4, whole([4]), None]),
        ("x.y", {"x": {}}, [None]),
        ("x.y", {"x": 7}, [None]),
        ("x.y", {"x": [7, {"y": 8}]}, [None, 8]),
        ("x.y", {"x": []}, [None]),
        ("x.1", {"x": [5, 6]}, [6]),
    ],
    ids=repr,
)
def test_a_document_stands_under_the_values_that_its_path_reaches_and_no_others(
    path: str, document: Any, values: list[Any]
) -> None:
    made = manager(path)
    made.insert(["k"], [blob(**document)])

    assert set(made.by_name[path]._entries) == {value if type(value) is tuple else index_key(value) for value in values}


def test_a_replaced_document_stands_only_where_its_new_values_are() -> None:
    made = manager("x")
    before, after = blob(x=[1, 2]), blob(x=[2, 3])
    made.insert(["k"], [before])
    made.replace("k", before, after)

    assert [reached(made, "x", value) for value in (1, 2, 3, [1, 2], [2, 3])] == [[], ["k"], ["k"], [], ["k"]]


def test_a_document_that_keeps_its_values_keeps_its_place() -> None:
    made = manager("x")
    made.insert(["k", "l"], [blob(x=1), blob(x=1)])
    made.replace("k", blob(x=1), blob(x=1, y=2))

    assert reached(made, "x", 1) == ["k", "l"]


def test_a_removed_document_stands_nowhere() -> None:
    made = manager("x", "y")
    made.insert(["k", "l"], [blob(x=[1, 2], y=1), blob(x=1)])
    made.remove(["k"], [blob(x=[1, 2], y=1)])

    assert [reached(made, "x", value) for value in (1, 2)] == [["l"], []]
    assert reached(made, "y", 1) == []


def test_a_cleared_manager_keeps_its_indexes() -> None:
    made = manager("x")
    made.insert(["k"], [blob(x=1)])
    made.clear()

    assert reached(made, "x", 1) == []
    assert made.definitions() == [IndexDefinition("x", (("x", 1),))]


@pytest.mark.parametrize("size", [1, BUILD_STEP, BUILD_STEP + 1])
def test_an_index_is_built_over_all_documents(size: int) -> None:
    made = manager()
    made.build(IndexDefinition("x", (("x", 1),)), list(range(size)), [blob(x=n % 7) for n in range(size)])

    assert sorted(key for value in range(7) for key in reached(made, "x", value)) == list(range(size))


def test_an_index_that_is_dropped_leaves_the_others() -> None:
    made = manager("x", "y")
    made.insert(["k"], [blob(x=1, y=1)])
    made.drop("x")
    made.insert(["l"], [blob(x=1, y=1)])

    assert list(made.by_name) == ["y"]
    assert reached(made, "y", 1) == ["k", "l"]


def test_dropping_an_index_that_is_not_there_changes_nothing() -> None:
    made = manager("x")
    made.drop("y")

    assert list(made.by_name) == ["x"]


def test_a_manager_is_true_while_it_has_an_index() -> None:
    made = manager("x")

    assert made
    made.drop("x")
    assert not made


def test_a_reader_who_holds_the_indexes_sees_no_change_of_their_number() -> None:
    made = manager("x")
    before = made.by_name
    made.build(IndexDefinition("y", (("y", 1),)), [], [])
    made.drop("x")

    assert list(before) == ["x"]


def test_a_manager_without_indexes_takes_documents_and_keeps_nothing() -> None:
    made = manager()
    made.insert(["k"], [blob(x=1)])
    made.replace("k", blob(x=1), blob(x=2))
    made.remove(["k"], [blob(x=2)])

    assert made.by_name == {}
