from __future__ import annotations

from typing import Any

import pytest

from nosqlpy._core.log.operation import (
    KIND_BULK,
    KIND_OP,
    Define,
    Delete,
    Operation,
    Put,
    covered_size,
    decode_body,
    encode_body,
)
from nosqlpy._core.values.codec import encode_document
from nosqlpy._core.values.keys import equality_key

IDS = [1, "a", 2.5, {"x": 1}, b"bytes", True]


def put(*ids: Any) -> Put:
    return Put(7, [equality_key(id) for id in ids], list(ids), [encode_document({"_id": id, "v": 1}) for id in ids])


def delete(*ids: Any) -> Delete:
    return Delete(7, [equality_key(id) for id in ids], list(ids))


def there_and_back(*operations: Operation) -> list[Operation] | None:
    kind, covered, rest = encode_body(operations)
    return decode_body(kind, covered + rest)


@pytest.mark.parametrize("id", IDS, ids=repr)
def test_one_document_comes_back(id: Any) -> None:
    assert there_and_back(put(id)) == [put(id)]


@pytest.mark.parametrize("id", IDS, ids=repr)
def test_one_deleted_id_comes_back(id: Any) -> None:
    assert there_and_back(delete(id)) == [delete(id)]


@pytest.mark.parametrize(
    ("verb", "payload"),
    [("create", {"name": "ü"}), ("drop", {}), ("rename", {"name": "b"}), ("index", {"name": "i", "keys": [["a", 1]]})],
)
def test_a_change_of_the_catalogue_comes_back(verb: str, payload: dict[str, Any]) -> None:
    assert there_and_back(Define(7, verb, payload)) == [Define(7, verb, payload)]


def test_many_operations_come_back_in_their_order() -> None:
    operations = [Define(7, "create", {"name": "a"}), put(*IDS), delete(*IDS[:2]), put("z"), Define(7, "clear", {})]

    assert there_and_back(*operations) == operations


@pytest.mark.parametrize("operation", [put("a"), delete("a"), Define(1, "drop", {})], ids=lambda o: type(o).__name__)
def test_one_operation_on_one_document_is_covered_whole(operation: Operation) -> None:
    kind, covered, rest = encode_body([operation])

    assert kind == KIND_OP
    assert rest == b""
    assert covered_size(kind, covered) == len(covered)


@pytest.mark.parametrize("operations", [[put("a", "b")], [delete("a", "b")], [put("a"), put("b")]], ids=repr)
def test_anything_else_is_a_bulk_whose_columns_are_covered(operations: list[Operation]) -> None:
    kind, covered, rest = encode_body(operations)

    assert kind == KIND_BULK
    assert covered_size(kind, covered + rest) == len(covered)


def test_every_flipped_bit_of_a_document_in_a_bulk_is_noticed() -> None:
    kind, covered, rest = encode_body([put("a", "b"), put("c")])
    for bit in range(8 * len(rest)):
        damaged = bytearray(rest)
        damaged[bit >> 3] ^= 1 << (bit & 7)

        assert decode_body(kind, covered + bytes(damaged)) is None


def test_a_bulk_that_is_cut_short_is_noticed() -> None:
    kind, covered, rest = encode_body([put("a", "b")])

    assert decode_body(kind, covered + rest[:-1]) is None
