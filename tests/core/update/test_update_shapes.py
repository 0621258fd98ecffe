"""Updates of a shape that is known are only bound to their operands; the answers are those of the first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from nosqlpy._core.update.compile import compile_update
from nosqlpy._core.values.codec import decode_document, encode_document
from nosqlpy.errors import QueryError, WriteError

SIZE_MAX = 16 << 20


def patched(update: dict[str, Any], document: dict[str, Any], **options: Any) -> dict[str, Any] | None:
    data = compile_update(update, **options).patch(encode_document(document), SIZE_MAX)
    return None if data is None else decode_document(data)


@pytest.mark.parametrize("operand", [1, 2, True, 1.5, "x", None, [1], [2], {"b": 1}, datetime(2024, 1, 1, tzinfo=UTC)])
def test_a_shape_takes_its_operand_from_each_update(operand: Any) -> None:
    assert compile_update({"$set": {"shape.a": operand}}).apply({}) == {"shape": {"a": operand}}


def test_an_operand_that_its_caller_alters_is_read_again() -> None:
    operand = [1]
    compile_update({"$set": {"altered": operand}})
    compile_update({"$set": {"altered": operand}})
    operand.append(2)

    assert compile_update({"$set": {"altered": operand}}).apply({}) == {"altered": [1, 2]}


def test_the_same_operand_under_another_operator_is_another_update() -> None:
    for _ in range(2):
        added = compile_update({"$inc": {"n": 3}}).apply({"n": 2})
        multiplied = compile_update({"$mul": {"n": 3}}).apply({"n": 2})

        assert (added, multiplied) == ({"n": 5}, {"n": 6})


def test_current_date_sets_the_time_of_each_call() -> None:
    update = {"$currentDate": {"at": True}}
    times = [datetime(2024, 1, day, tzinfo=UTC) for day in (1, 2, 3)]

    assert [compile_update(update, variables={"NOW": now}).apply({})["at"] for now in times] == times


def test_fields_of_a_known_shape_are_added_in_mongodbs_order() -> None:
    update = {"$set": {"b": 1, "a": 2}, "$setOnInsert": {"c": 3}, "$inc": {"a10": 1, "a9": 1}}
    orders = [list(compile_update(update).apply({})) for _ in range(3)]
    inserted = [list(compile_update(update).insert({})) for _ in range(3)]

    assert orders == [["a", "a10", "a9", "b"]] * 3
    assert inserted == [["a", "a10", "a9", "b", "c"]] * 3


@pytest.mark.parametrize("_turn", range(2))
def test_a_wrong_operand_of_a_known_shape_is_refused(_turn: int) -> None:
    compile_update({"$inc": {"known": 1}})
    with pytest.raises(QueryError) as caught:
        compile_update({"$inc": {"known": "x"}})

    assert caught.value.code == 14


def test_many_shapes_do_not_stay() -> None:
    for number in range(1200):
        assert compile_update({"$set": {f"field{number}": number}}).apply({}) == {f"field{number}": number}


@pytest.mark.parametrize(
    "update",
    [
        {"$set": {"a": 1}},
        {"$set": {"new": {"x": [1, 2]}}},
        {"$unset": {"a": 1}},
        {"$inc": {"n": 2}},
        {"$set": {"b.c": "x", "b.d.e": None}},
        {"$push": {"list": {"y": 2}}},
        {"$rename": {"a": "z"}},
        {"$min": {"when": datetime(2020, 1, 1, tzinfo=UTC)}},
        {"$set": {"bytes": b"\xcf\xff"}},
        {"$setOnInsert": {"a": 7}},
    ],
)
def test_an_encoded_document_is_patched_as_a_decoded_one_is_updated(update: dict[str, Any]) -> None:
    document = {
        "_id": 1,
        "a": 5,
        "b": {"c": 1},
        "n": 2**40,
        "list": [{"y": 1}],
        "when": datetime(2024, 1, 1, tzinfo=UTC),
        "last": 1.5,
    }
    updated = compile_update(update).apply(decode_document(encode_document(document)))
    found = patched(update, document)

    assert found is not None
    assert list(found.items()) == list(updated.items())


@pytest.mark.parametrize(
    ("update", "document"),
    [
        ({"$inc": {"a": 1}}, {"_id": 1, "a": "text"}),
        ({"$inc": {"a": 1}}, {"_id": 1, "a": 2**63 - 1}),
        ({"$set": {"a.b": 1}}, {"_id": 1, "a": 5}),
        ({"$set": {"\ud800": 1}}, {"_id": 1}),
    ],
)
def test_what_cannot_be_patched_is_left_to_the_update_of_a_decoded_document(
    update: dict[str, Any], document: dict[str, Any]
) -> None:
    assert patched(update, document) is None


def test_an_update_of_the_id_is_no_patch() -> None:
    assert patched({"$set": {"_id": 1}}, {"_id": 1}) is None


def test_a_document_that_becomes_too_large_is_no_patch() -> None:
    assert compile_update({"$set": {"a": "x" * 100}}).patch(encode_document({"_id": 1}), 50) is None


def test_an_error_of_a_patched_update_names_the_document() -> None:
    with pytest.raises(WriteError) as caught:
        compile_update({"$inc": {"a": 1}}).apply({"_id": 8, "a": "text"})

    assert caught.value.details["_id"] == 8
