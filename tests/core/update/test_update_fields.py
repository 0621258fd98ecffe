"""Operators on whole fields, paths, and what is refused when an update is compiled."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from bson import Int64, Timestamp

from nosqlpy._core.update.compile import compile_replacement, compile_update
from nosqlpy.errors import DocumentError, QueryError, WriteError

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def updated(document, update, **options):
    """The document after the update, with the order of its fields."""
    return compile_update(update, **options).apply(copy.deepcopy(document))


def fails(document, update):
    """The error of an update that is impossible on the document."""
    updater = compile_update(update)
    with pytest.raises(WriteError) as caught:
        updater.apply(copy.deepcopy(document))
    return caught.value


def refusal(update, **options):
    """The error of an update that means nothing."""
    with pytest.raises(QueryError) as caught:
        compile_update(update, **options)
    return caught.value


@pytest.mark.parametrize(
    ("document", "update", "expected"),
    [
        ({"a": 1}, {"$set": {"a": 2}}, {"a": 2}),
        ({"a": 1}, {"$set": {"b": None}}, {"a": 1, "b": None}),
        ({}, {"$set": {"a.b.c": 1}}, {"a": {"b": {"c": 1}}}),
        ({"a": {"b": 1}}, {"$set": {"a.c": 2}}, {"a": {"b": 1, "c": 2}}),
        ({"a": [1, 2]}, {"$set": {"a.1": 9}}, {"a": [1, 9]}),
        ({"a": [1]}, {"$set": {"a.3": 9}}, {"a": [1, None, None, 9]}),
        ({"a": []}, {"$set": {"a.1.b": 9}}, {"a": [None, {"b": 9}]}),
        ({"a": [{"b": 1}]}, {"$set": {"a.0.c": 2}}, {"a": [{"b": 1, "c": 2}]}),
        ({"a": {"0": 1}}, {"$set": {"a.0": 2}}, {"a": {"0": 2}}),
        ({}, {"$set": {"a.0": 2}}, {"a": {"0": 2}}),
        ({"a": 1}, {"$set": {}}, {"a": 1}),
        ({"a": 1}, {"$set": {"a": (1, {"b": ()})}}, {"a": [1, {"b": []}]}),
        ({"a": 1, "b": 2}, {"$unset": {"a": ""}}, {"b": 2}),
        ({"a": 1}, {"$unset": {"b": 1, "c.d": 1}}, {"a": 1}),
        ({"a": 1}, {"$unset": {"a.b": 1}}, {"a": 1}),
        ({"a": [1]}, {"$unset": {"a.x": 1, "a.5": 1}}, {"a": [1]}),
        ({"a": [1, 2, 3]}, {"$unset": {"a.1": 1}}, {"a": [1, None, 3]}),
        ({"a": {"b": 1, "c": 2}}, {"$unset": {"a.b": 1}}, {"a": {"c": 2}}),
        ({"a": 5}, {"$min": {"a": 3}}, {"a": 3}),
        ({"a": 5}, {"$min": {"a": 7}}, {"a": 5}),
        ({"a": 5}, {"$min": {"a": 5.0}}, {"a": 5}),
        ({"a": 5}, {"$min": {"a": "x"}}, {"a": 5}),
        ({"a": 5}, {"$min": {"a": None}}, {"a": None}),
        ({"a": 5}, {"$max": {"a": "x"}}, {"a": "x"}),
        ({"a": 5}, {"$max": {"a": 4}}, {"a": 5}),
        ({}, {"$max": {"a.b": 4}}, {"a": {"b": 4}}),
        ({"a": 1, "b": 2}, {"$rename": {"a": "c"}}, {"b": 2, "c": 1}),
        ({"a": 1, "b": 2}, {"$rename": {"a": "b"}}, {"b": 1}),
        ({"a": {"x": 1}}, {"$rename": {"a.x": "b.y"}}, {"a": {}, "b": {"y": 1}}),
        ({"a": 1}, {"$rename": {"x": "y", "a2.z": "q"}}, {"a": 1}),
        ({"a": 1}, {"$setOnInsert": {"b": 1}}, {"a": 1}),
        ({"_id": 1, "a": 1}, {"$set": {"_id": 1, "a": 2}}, {"_id": 1, "a": 2}),
        ({"_id": {"x": 1}}, {"$set": {"_id.x": 1}}, {"_id": {"x": 1}}),
    ],
)
def test_an_operator_changes_fields_as_in_mongodb(document, update, expected):
    assert updated(document, update) == expected
    assert list(updated(document, update)) == list(expected)


def test_new_fields_come_in_order_of_their_names_and_numbers_by_size():
    result = updated({"z": 1}, {"$set": {"b": 1, "10": 1, "9": 1, "a.d": 1}, "$inc": {"a.c": 1, "B": 1, "02": 1}})

    assert list(result) == ["z", "02", "9", "10", "B", "a", "b"]
    assert list(result["a"]) == ["c", "d"]


def test_the_operand_is_copied_when_it_is_compiled():
    value = {"list": [1]}
    updater = compile_update({"$set": {"a": value}})
    value["list"].append(2)

    assert updater.apply({}) == {"a": {"list": [1]}}


def test_the_current_date_is_the_time_that_the_caller_gives():
    update = {"$currentDate": {"a": True, "b": {"$type": "date"}}}

    assert updated({"a": 1}, update, variables={"NOW": NOW}) == {"a": NOW, "b": NOW}


def test_the_current_date_may_be_a_timestamp():
    result = updated({}, {"$currentDate": {"a": {"$type": "timestamp"}}}, variables={"NOW": NOW})

    assert result == {"a": Timestamp(int(NOW.timestamp()), 1)}


@pytest.mark.parametrize("operand", [1, "date", {"$type": "x"}, {"$type": 1}, {"type": "date"}, {}, None])
def test_a_current_date_of_anything_else_is_refused(operand):
    assert refusal({"$currentDate": {"a": operand}}, variables={"NOW": NOW}).code == 2


@pytest.mark.parametrize(
    ("document", "update"),
    [
        ({"a": 1}, {"$set": {"a.b": 1}}),
        ({"a": None}, {"$set": {"a.b": 1}}),
        ({"a": [1]}, {"$set": {"a.b": 1}}),
        ({"a": [1]}, {"$set": {"a.-1": 1}}),
        ({"a": [1]}, {"$inc": {"a.0.b": 1}}),
        ({"a": "x"}, {"$push": {"a.b": 1}}),
        ({"a": 1}, {"$pull": {"a.b": 1}}),
        ({"a": 1}, {"$pop": {"a.b": 1}}),
        ({"a": 1}, {"$rename": {"a.b": "c"}}),
        ({"a": 1, "c": 1}, {"$rename": {"c": "a.b"}}),
    ],
)
def test_a_path_through_a_value_without_fields_is_not_viable(document, update):
    error = fails({"_id": 7, **document}, update)

    assert (error.code, error.code_name) == (28, "PathNotViable")
    assert error.details == {"_id": 7}


def test_an_error_names_path_and_type_but_no_value():
    assert (
        str(fails({"a": {"b": "secret"}}, {"$set": {"a.b.c": 1}}))
        == "cannot reach 'c' of 'a.b.c': 'a.b' is of type string"
    )


def test_an_array_is_not_padded_without_limit():
    error = fails({"a": []}, {"$set": {"a.1500001": 1}})

    assert error.code == 34
    assert len(updated({"a": []}, {"$set": {"a.1500000": 1}})["a"]) == 1_500_001


@pytest.mark.parametrize(
    ("document", "update"),
    [({"a": [{"b": 1}]}, {"$rename": {"a.0.b": "c"}}), ({"a": [{"b": 1}], "c": 1}, {"$rename": {"c": "a.0.b"}})],
)
def test_a_rename_does_not_reach_into_arrays(document, update):
    assert fails(document, update).code == 2


@pytest.mark.parametrize("operand", [1, "a", "a.b", "", "x..y", "x\0y"])
def test_a_rename_needs_another_valid_path(operand):
    assert refusal({"$rename": {"a": operand}}).code in (2, 56)


@pytest.mark.parametrize(
    "update",
    [
        {"$set": {"_id": 2}},
        {"$set": {"_id": 1.0}},
        {"$unset": {"_id": 1}},
        {"$inc": {"_id": 1}},
        {"$rename": {"_id": "x"}},
        {"$rename": {"a": "_id"}},
    ],
)
def test_the_id_cannot_be_changed(update):
    error = fails({"_id": 1, "a": 2}, update)

    assert (error.code, error.code_name) == (66, "ImmutableField")


@pytest.mark.parametrize(
    ("update", "at"),
    [
        ({"$set": {"a": 1}, "$inc": {"a": 1}}, "a"),
        ({"$set": {"a": 1, "a.b": 1}}, "a"),
        ({"$set": {"a.b.c": 1}, "$unset": {"a.b": 1}}, "a.b"),
        ({"$rename": {"a": "b"}, "$set": {"a.x": 1}}, "a"),
        ({"$rename": {"a": "b"}, "$set": {"b": 1}}, "b"),
        ({"$rename": {"a": "b", "b": "c"}}, "b"),
        ({"$set": {"a": 1}, "$setOnInsert": {"a": 2}}, "a"),
    ],
)
def test_two_operators_on_one_path_conflict(update, at):
    error = refusal(update)

    assert (error.code, error.code_name) == (40, "ConflictingUpdateOperators")
    assert str(error).endswith(f"would create a conflict at {at!r}")


def test_paths_that_only_begin_alike_do_not_conflict():
    assert updated({}, {"$set": {"a.b": 1, "a.bc": 2, "ab": 3}}) == {"a": {"b": 1, "bc": 2}, "ab": 3}


@pytest.mark.parametrize(
    ("update", "message"),
    [
        ({"$sett": {"a": 1}}, "unknown update operator '$sett'; did you mean '$set'?"),
        ({"$set": {"a": 1}, "b": 2}, "field 'b' stands beside update operators; put it under one, such as $set"),
        ({"a": 1}, "an update needs operators such as $set; to replace whole documents use replace_one"),
        ({}, "an update needs operators such as $set; to replace whole documents use replace_one"),
        ({"$set": 1}, "$set takes a document of fields, {'$set': {field: ...}}, not int"),
        ("$set", "an update is a document of operators, not str"),
        ({"$set": {1: 1}}, "$set names fields by str, not int"),
    ],
)
def test_a_malformed_update_is_refused_with_the_way_out(update, message):
    error = refusal(update)

    assert str(error) == message
    assert error.code == 9


@pytest.mark.parametrize("path", ["", ".a", "a.", "a..b"])
def test_a_path_with_an_empty_part_is_refused(path):
    assert refusal({"$set": {path: 1}}).code == 56


@pytest.mark.parametrize("path", ["$", "$[].a", "$[x]"])
def test_a_path_does_not_begin_with_a_positional_part(path):
    assert refusal({"$set": {path: 1}}, array_filters=[{"x": 1}]).code == 2


def test_an_operand_that_cannot_be_stored_is_refused_with_its_path():
    with pytest.raises(DocumentError, match=r"^a\.b\.0: a set cannot be stored"):
        compile_update({"$set": {"a.b": [{1}]}})


def test_a_dollar_field_can_be_removed_but_not_set():
    assert updated({"$a": 1, "b": {}}, {"$unset": {"$a": 1}, "$set": {"b.$x": 1}}) == {"b": {"$x": 1}}
    assert fails({}, {"$set": {"$a": 1}}).code == 52
    assert compile_update({"$set": {"$a": 1}}).insert({}) == {"$a": 1}


@pytest.mark.parametrize(
    ("value", "update", "expected"),
    [
        (1, {"$inc": {"a": 2}}, 3),
        (1, {"$inc": {"a": 2.5}}, 3.5),
        (1.5, {"$inc": {"a": 1}}, 2.5),
        (Int64(1), {"$inc": {"a": 2}}, Int64(3)),
        (1, {"$inc": {"a": Int64(2)}}, Int64(3)),
        (Int64(1), {"$inc": {"a": 0.5}}, 1.5),
        (Decimal("1.10"), {"$inc": {"a": 1}}, Decimal("2.10")),
        (Decimal(1), {"$inc": {"a": 0.1}}, Decimal("1.100000000000000")),
        (1, {"$inc": {"a": Decimal("0.5")}}, Decimal("1.5")),
        (2**63 - 2, {"$inc": {"a": 1}}, 2**63 - 1),
        (3, {"$mul": {"a": 4}}, 12),
        (3, {"$mul": {"a": 0.5}}, 1.5),
        (Int64(3), {"$mul": {"a": 2}}, Int64(6)),
        (Decimal("1.5"), {"$mul": {"a": 2}}, Decimal("3.0")),
        (1e308, {"$mul": {"a": 10}}, float("inf")),
        (13, {"$bit": {"a": {"and": 10}}}, 8),
        (3, {"$bit": {"a": {"or": 5}}}, 7),
        (1, {"$bit": {"a": {"xor": 5}}}, 4),
        (Int64(1), {"$bit": {"a": {"xor": 5, "or": 8}}}, Int64(12)),
    ],
)
def test_arithmetic_widens_types_as_in_mongodb(value, update, expected):
    result = updated({"a": value}, update)["a"]

    assert result == expected
    assert type(result) is type(expected)
    assert str(result) == str(expected)


@pytest.mark.parametrize(
    ("update", "expected"),
    [
        ({"$inc": {"a": 2}}, 2),
        ({"$inc": {"a": Decimal("1.50")}}, Decimal("1.50")),
        ({"$mul": {"a": 2}}, 0),
        ({"$mul": {"a": 2.5}}, 0.0),
        ({"$mul": {"a": Int64(2)}}, Int64(0)),
        ({"$bit": {"a": {"or": 5}}}, 5),
        ({"$bit": {"a": {"and": 5}}}, 0),
    ],
)
def test_arithmetic_on_a_missing_field_begins_at_zero(update, expected):
    result = updated({}, update)["a"]

    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    "update", [{"$inc": {"a": "1"}}, {"$mul": {"a": None}}, {"$inc": {"a": True}}, {"$inc": {"a": [1]}}]
)
def test_arithmetic_with_what_is_no_number_is_refused(update):
    error = refusal(update)

    assert (error.code, error.code_name) == (14, "TypeMismatch")


@pytest.mark.parametrize("value", ["1", True, None, [1], {}])
@pytest.mark.parametrize("update", [{"$inc": {"a": 1}}, {"$mul": {"a": 1}}])
def test_arithmetic_on_what_is_no_number_fails(value, update):
    assert fails({"a": value}, update).code == 14


@pytest.mark.parametrize("value", [2**63 - 1, Int64(2**63 - 1)])
def test_a_result_past_64_bits_fails(value):
    assert fails({"a": value}, {"$inc": {"a": 1}}).code == 2
    assert fails({"a": value}, {"$mul": {"a": 2}}).code == 2


@pytest.mark.parametrize("operand", [1, {}, {"not": 1}, {"and": 1.5}, {"and": True}])
def test_a_bit_operand_other_than_and_or_xor_of_whole_numbers_is_refused(operand):
    assert refusal({"$bit": {"a": operand}}).code == 2


def test_bits_of_a_double_cannot_be_combined():
    assert fails({"a": 1.0}, {"$bit": {"a": {"and": 1}}}).code == 2


@pytest.mark.parametrize(
    ("document", "replacement", "expected"),
    [
        ({"_id": 1, "a": 1}, {"b": 2}, {"_id": 1, "b": 2}),
        ({"_id": 1, "a": 1}, {"b": 2, "_id": 1}, {"_id": 1, "b": 2}),
        ({"_id": 1, "a": 1}, {}, {"_id": 1}),
        ({"_id": 1, "a": 1}, {"_id": 1.0}, {"_id": 1.0}),
        ({"_id": 1}, {"a": {"$x": 1}, "b.c": (1,)}, {"_id": 1, "a": {"$x": 1}, "b.c": [1]}),
    ],
)
def test_a_replacement_keeps_the_id_and_nothing_else(document, replacement, expected):
    result = compile_replacement(replacement).apply(document)

    assert result == expected
    assert list(result) == list(expected)


def test_a_replacement_cannot_have_another_id():
    with pytest.raises(WriteError) as caught:
        compile_replacement({"_id": 2}).apply({"_id": 1})

    assert caught.value.code == 66


def test_a_replacement_has_no_dollar_fields():
    with pytest.raises(QueryError, match="to use operators call update_one") as caught:
        compile_replacement({"$set": {"a": 1}})

    assert caught.value.code == 9


def test_a_replacement_is_not_changed_by_what_is_made_of_it():
    replacement = {"_id": 1, "a": [1]}
    compile_replacement(replacement).apply({"_id": 1})["a"].append(2)

    assert replacement == {"_id": 1, "a": [1]}
