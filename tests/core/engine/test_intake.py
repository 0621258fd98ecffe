from __future__ import annotations

from typing import Any

import pytest

from core.engine.logged import finish, intake, new
from nosqlpy._core.engine.intake import CHUNK, CallNeeded, SpareId, portions
from nosqlpy._core.values.codec import decode_document
from nosqlpy.errors import DocumentError, DocumentTooLarge


def test_a_document_without_id_gets_a_new_one_before_its_fields() -> None:
    document = {"x": 1}
    taken = intake().one(document)

    assert list(decode_document(taken.data).items()) == [("_id", "new-1"), ("x", 1)]
    assert (taken.id, taken.key) == ("new-1", "new-1")
    assert document == {"x": 1}


def test_an_id_is_kept_beside_its_key() -> None:
    taken = new({"_id": True})

    assert taken.id is True
    assert taken.key != 1


@pytest.mark.parametrize("id", [None, [1], object()], ids=["null", "array", "object"])
def test_what_cannot_be_an_id_is_refused(id: Any) -> None:
    with pytest.raises(DocumentError):
        new({"_id": id})


def test_a_document_that_is_too_large_is_refused() -> None:
    with pytest.raises(DocumentTooLarge):
        intake(size_max=100).one({"x": "x" * 100})


def test_many_documents_come_in_columns() -> None:
    taken = finish(intake().many(iter([{"_id": 5.0}, {"x": 1}, {"_id": True}])))

    assert taken.ids == [5.0, "new-1", True]
    assert taken.keys[:2] == [5, "new-1"]
    assert [decode_document(blob)["_id"] for blob in taken.blobs] == taken.ids


@pytest.mark.parametrize(("size", "turns"), [(0, 0), (1, 1), (CHUNK, 1), (CHUNK + 1, 2)])
def test_others_get_their_turn_after_each_chunk(size: int, turns: int) -> None:
    assert len(list(intake().many({} for _ in range(size)))) == turns


def refused_at(position: int, bad: dict[str, Any]) -> Any:
    """Return the position that the error names for a document that cannot be stored."""
    documents = [{"_id": number} for number in range(CHUNK + 10)]
    documents[position] = bad
    with pytest.raises(DocumentError) as caught:
        finish(intake().many(documents))
    return caught.value.details["index"]


@pytest.mark.parametrize("position", [0, 3, CHUNK - 1, CHUNK, CHUNK + 5])
def test_a_document_with_a_value_that_is_refused_is_named_by_its_position(position: int) -> None:
    assert refused_at(position, {"x": object()}) == position


@pytest.mark.parametrize("position", [0, CHUNK])
def test_a_first_document_of_a_chunk_with_an_id_that_is_refused_is_named_by_its_position(position: int) -> None:
    assert refused_at(position, {"_id": [1]}) == position


@pytest.mark.parametrize("position", [3, CHUNK - 1, CHUNK + 5])
def test_any_document_with_an_id_that_is_refused_is_named_by_its_position(position: int) -> None:
    assert refused_at(position, {"_id": [1]}) == position


def test_a_spare_id_is_taken_as_often_as_it_is_planned_and_made_once() -> None:
    spare = intake().spare_id(made=True)

    assert [spare.take(), spare.take()] == ["new-1", "new-1"]


def test_a_spare_id_that_is_not_made_says_how_to_make_it() -> None:
    spare = intake().spare_id()

    with pytest.raises(CallNeeded) as needed:
        spare.take()
    needed.value.make()
    assert spare.take() == "new-1"


def test_an_id_that_is_falsy_is_an_id() -> None:
    spare = SpareId(lambda: 0)
    spare.make()

    assert spare.take() == 0


def test_a_frame_takes_a_thousand_documents_or_32_mib_of_them() -> None:
    small, large = b"x", b"x" * (1 << 20)

    assert list(portions([small] * 2500)) == [range(1000), range(1000, 2000), range(2000, 2500)]
    assert list(portions([large] * 70)) == [range(32), range(32, 64), range(64, 70)]
    assert list(portions([])) == []


def test_a_document_larger_than_a_frame_is_to_be_has_one_of_its_own() -> None:
    assert list(portions([b"x", b"x" * (33 << 20), b"x"])) == [range(1), range(1, 2), range(2, 3)]
