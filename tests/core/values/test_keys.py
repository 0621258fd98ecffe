from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from nosqlpy._core.values.codec import encode_value, inspect_value
from nosqlpy._core.values.keys import equality_key, equality_keys, ids_of
from nosqlpy._core.values.standins import ObjectId


@pytest.mark.parametrize(
    "ids",
    [["a", "", "b"], [3, "a", None, 2.5, -(1 << 63)], [ObjectId(bytes(12)), ObjectId(b"123456789012")], []],
    ids=str,
)
def test_values_of_simple_keys_have_these_keys_also_when_they_come_back_from_a_file(ids: list[Any]) -> None:
    keys = equality_keys(ids)
    found = ids_of(keys)

    assert found is not None
    assert equality_keys(inspect_value(encode_value(list(found)))) == keys


@pytest.mark.parametrize(
    "id",
    [True, b"bytes", datetime(2024, 1, 2, tzinfo=UTC), {"a": 1}, [ObjectId(bytes(12))], float("nan"), Decimal(2**70)],
)
def test_keys_of_other_values_are_not_told_back(id: Any) -> None:
    assert ids_of(equality_keys([id])) is None
    assert ids_of(equality_keys(["a", id])) is None
    assert ids_of(equality_keys([ObjectId(bytes(12)), id])) is None


def test_no_other_value_with_the_same_bytes_has_the_key_of_an_object_id() -> None:
    data = b"123456789012"
    others = [data, data.decode(), [data], {"a": data}, int.from_bytes(data, "big") >> 40, [ObjectId(data)]]

    assert equality_key(ObjectId(data)) == equality_key(ObjectId(bytes(data)))
    assert equality_key(ObjectId(data)) not in equality_keys(others)
