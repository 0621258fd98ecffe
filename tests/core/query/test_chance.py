"""$rand and $sampleRate, with a source of numbers that is passed in."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from nosqlpy._core.expression.parameters import bind_parameters
from nosqlpy._core.expression.scope import RANDOM
from nosqlpy._core.query.filter import compile_filter
from nosqlpy._core.query.projection import compile_projection
from nosqlpy._core.update.compile import compile_update
from nosqlpy._core.values.codec import decode_document, encode_document
from nosqlpy.errors import NotSupportedError, QueryError

DOCUMENTS = [{"_id": n, "n": n % 2} for n in range(6)]


def drawing(numbers: Iterable[float]) -> dict[str, Any]:
    """Return variables whose source draws these numbers, one after the other."""
    source: Callable[[], float] = iter(numbers).__next__
    return {RANDOM: source}


def selected(filter: dict[str, Any], variables: dict[str, Any], documents: Iterable[Any] = DOCUMENTS) -> list[Any]:
    found = compile_filter(filter, variables).select([encode_document(document) for document in documents])
    return [decode_document(data)["_id"] for data in found]


def test_a_number_is_drawn_for_each_document() -> None:
    filter = {"$expr": {"$lt": [{"$rand": {}}, 0.5]}}

    assert selected(filter, drawing([0.1, 0.9, 0.2, 0.5, 0.4, 0.6])) == [0, 2, 4]


def test_a_number_is_drawn_for_each_document_beside_the_fields_that_the_expression_reads() -> None:
    filter = {"$expr": {"$lt": [{"$rand": {}}, {"$add": ["$n", 0.5]}]}}

    assert selected(filter, drawing([0.1, 0.9, 0.7, 0.9, 0.4, 0.9])) == [0, 1, 3, 4, 5]


def test_a_number_is_drawn_where_the_expression_reads_whole_documents() -> None:
    filter = {"$expr": {"$and": [{"$lt": [{"$rand": {}}, 0.5]}, {"$ne": ["$$ROOT", {}]}]}}

    assert selected(filter, drawing([0.1, 0.9, 0.2, 0.5, 0.4, 0.6])) == [0, 2, 4]


def test_each_rand_in_an_expression_is_a_number_of_its_own() -> None:
    apply = compile_projection({"x": [{"$rand": {}}, {"$rand": []}]}, drawing([0.1, 0.2])).apply

    assert apply({"_id": 1}) == {"_id": 1, "x": [0.1, 0.2]}


def test_an_element_of_an_array_gets_a_number_of_its_own() -> None:
    apply = compile_projection({"x": {"$map": {"input": "$a", "in": {"$rand": {}}}}}, drawing([0.1, 0.2])).apply

    assert apply({"_id": 1, "a": [5, 6]})["x"] == [0.1, 0.2]


def test_an_update_draws_for_each_document() -> None:
    updater = compile_update([{"$set": {"x": {"$rand": {}}}}], variables=drawing([0.1, 0.2]))

    assert [updater.apply({"_id": 1})["x"], updater.apply({"_id": 2})["x"]] == [0.1, 0.2]


def test_a_variable_of_let_is_drawn_once() -> None:
    variables = bind_parameters({"x": {"$rand": {}}}, drawing([0.3]))

    assert selected({"$expr": {"$eq": ["$$x", 0.3]}}, variables) == [0, 1, 2, 3, 4, 5]


def test_the_source_cannot_be_used_as_a_variable() -> None:
    for text in ("$$random.source", f"$${RANDOM}"):
        with pytest.raises(QueryError):
            compile_filter({"$expr": {"$eq": [text, 1]}}, drawing([]))


@pytest.mark.parametrize(
    ("operand", "code"), [(1, 10065), ("a", 10065), (None, 10065), ([1], 3040501), ({"a": 1}, 3040501)]
)
def test_rand_takes_no_arguments(operand: Any, code: int) -> None:
    with pytest.raises(QueryError) as caught:
        compile_filter({"$expr": {"$rand": operand}}, drawing([]))

    assert caught.value.code == code


def test_rand_without_a_source_is_refused() -> None:
    with pytest.raises(NotSupportedError, match=r"\$rand"):
        compile_filter({"$expr": {"$rand": {}}})


def test_a_sample_takes_the_documents_whose_number_is_below_the_rate() -> None:
    assert selected({"$sampleRate": 0.5}, drawing([0.1, 0.9, 0.2, 0.5, 0.4, 0.6])) == [0, 2, 4]


def test_a_sample_combines_with_other_conditions() -> None:
    numbers = [0.1, 0.9, 0.2]

    assert selected({"n": 1, "$sampleRate": 0.5}, drawing(numbers)) == [1, 5]
    assert selected({"$nor": [{"$sampleRate": 0.5}]}, drawing([0.1, 0.9] * 3)) == [1, 3, 5]


@pytest.mark.parametrize("rate", [0, 0.0])
def test_a_rate_of_zero_takes_nothing(rate: Any) -> None:
    assert selected({"$sampleRate": rate}, drawing([])) == []


@pytest.mark.parametrize("rate", [1, 1.0])
def test_a_rate_of_one_takes_everything(rate: Any) -> None:
    assert selected({"$sampleRate": rate}, drawing([])) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan"), float("inf"), "0.5", None, True, [0.5], {}])
def test_a_rate_is_a_number_from_0_to_1(rate: Any) -> None:
    with pytest.raises(QueryError, match=r"\$sampleRate") as caught:
        compile_filter({"$sampleRate": rate}, drawing([]))

    assert caught.value.code == 2


def test_a_sample_is_of_whole_documents() -> None:
    with pytest.raises(QueryError, match="top-level"):
        compile_filter({"a": {"$elemMatch": {"$sampleRate": 0}}}, drawing([]))
    with pytest.raises(QueryError, match="beside field names"):
        compile_filter({"a": {"$sampleRate": 0.5}}, drawing([]))


def test_a_sample_has_about_the_size_that_the_rate_says() -> None:
    source = random.Random(5).random
    found = selected({"$sampleRate": 0.3}, {RANDOM: source}, ({"_id": n} for n in range(10_000)))

    assert 2_600 < len(found) < 3_400
    assert len(set(found)) == len(found)
