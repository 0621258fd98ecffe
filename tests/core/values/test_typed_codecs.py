"""Documents as objects on the core alone: what goes in as an object comes out as an equal one."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from enum import Enum
from typing import Any, TypedDict
from uuid import UUID

import msgspec
import pydantic
import pytest

from nosqlpy._core.values.codec import encode_document
from nosqlpy._core.values.typed import PLAIN, codec_for
from nosqlpy.errors import ConfigurationError, DocumentError, ValidationError


class Colour(Enum):
    RED = "red"


class Struct(msgspec.Struct):
    name: str
    id: Any = msgspec.field(name="_id", default=None)
    price: Decimal = Decimal(0)
    colour: Colour = Colour.RED
    more: list[UUID] = []


@dataclasses.dataclass
class Data:
    name: str
    _id: Any = None
    more: Any = None


class Dict(TypedDict):
    name: str


class Model(pydantic.BaseModel):
    id: Any = pydantic.Field(default=None, alias="_id")
    name: str
    colour: Colour = Colour.RED


@pytest.mark.parametrize(
    "value",
    [
        Struct("a", 5, Decimal("1.50"), more=[UUID(int=1)]),
        Data("a", 5, {"x": [1, [2]]}),
        Model(name="a", _id=5),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_object_comes_back_as_an_equal_one(value: Any) -> None:
    codec = codec_for(type(value))
    document = dict(codec.encode(value))

    assert codec.decode(encode_document(document)) == codec.convert(document) == value


def test_a_typed_dict_is_a_dict() -> None:
    codec = codec_for(Dict)

    assert codec.decode(encode_document({"_id": 1, "name": "a"})) == {"name": "a"}
    assert codec_for(None) is codec_for(dict) is PLAIN


@pytest.mark.parametrize("value", [Struct("a"), Data("a"), Model(name="a")], ids=lambda value: type(value).__name__)
def test_an_object_without_an_id_leaves_it_to_be_made(value: Any) -> None:
    assert "_id" not in codec_for(type(value)).encode(value)


@pytest.mark.parametrize("kind", [Struct, Data, Model])
def test_an_object_of_another_type_is_refused(kind: type) -> None:
    with pytest.raises(DocumentError, match=f"holds {kind.__name__}, not dict"):
        codec_for(kind).encode({"name": "a"})


@pytest.mark.parametrize("kind", [Struct, Data, Dict, Model])
def test_a_document_that_does_not_fit_says_so_without_its_values(kind: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        codec_for(kind).decode(encode_document({"_id": 7, "name": 12345}))

    assert caught.value.details == {"type": kind.__name__, "_id": 7}
    assert "12345" not in str(caught.value)
    assert "name" in str(caught.value)


@pytest.mark.parametrize("kind", [int, str, 5, list[int], object])
def test_what_no_document_can_be_is_no_type_of_documents(kind: Any) -> None:
    with pytest.raises(ConfigurationError):
        codec_for(kind)


def test_values_that_msgspec_does_not_know_are_left_to_the_documents() -> None:
    odd = complex(1, 2)
    found = codec_for(Data).encode(Data("a", 1, [odd, {"e": Colour.RED, "s": Struct("b", 2), "d": Data("c")}]))

    assert found["more"][0] == odd
    assert found["more"][1]["e"] == "red"
    assert found["more"][1]["s"]["_id"] == 2
    assert found["more"][1]["d"] == {"name": "c", "_id": None, "more": None}
