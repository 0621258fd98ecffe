"""CSV on the core alone: cells as values and back, rows as documents, and where something is wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from nosqlpy._core.values.cells import MISSING, READERS, infer
from nosqlpy._core.values.flat import cell, encode_row, flatten
from nosqlpy._core.values.sheet import check_types, sheet_batches
from nosqlpy.errors import DocumentError, QueryError

MOMENT = datetime(2024, 1, 31, 12, 30, tzinfo=UTC)


def rows(text: str | bytes, delimiter: str = ",", **types: str) -> list[Any]:
    """Return the documents of a sheet, and what is wrong with other rows, as ``(line, column, message)``."""
    data = text.encode() if isinstance(text, str) else text
    found: list[Any] = []
    for batch in sheet_batches([data.split(b"\n")], delimiter, types):
        found += batch.documents
        if batch.error is not None:
            found.append((batch.error.details["line"], batch.error.details["column"], str(batch.error)))
    return found


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("-0", 0),
        ("007", "007"),
        ("+5", "+5"),
        ("9223372036854775808", "9223372036854775808"),
        ("1.5", 1.5),
        ("1e400", "1e400"),
        ("2e3", 2000.0),
        ("true", True),
        ("null", None),
        ("truth", "truth"),
        ("2024-01-31T12:30:00Z", MOMENT),
        ("2024-01-31 13:30+01:00", MOMENT),
        ("2024-13-31T12:30:00Z", "2024-13-31T12:30:00Z"),
        ("2024-01-31", "2024-01-31"),
        ('{"a":[1,null]}', {"a": [1, None]}),
        ('{"$numberDecimal":"1.50"}', Decimal("1.50")),
        ("[1,2]", [1, 2]),
        ("[1,2", "[1,2"),
        ('1,"x":2', '1,"x":2'),
        ("text", "text"),
    ],
    ids=str,
)
def test_a_cell_has_the_type_that_it_looks_like(text: str, value: Any) -> None:
    found = infer(text)

    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("string", "5", "5"),
        ("int", "5", 5),
        ("int", "5.5", MISSING),
        ("int", "99999999999999999999", MISSING),
        ("double", "5", 5.0),
        ("double", "inf", float("inf")),
        ("double", "1_0", MISSING),
        ("double", "x", MISSING),
        ("decimal", "1.10", Decimal("1.10")),
        ("decimal", "x", MISSING),
        ("bool", "false", False),
        ("bool", "no", MISSING),
        ("date", "2024-01-31T12:30", MOMENT),
        ("date", "2024-01-31T14:30+02:00", MOMENT),
        ("date", "yesterday", MISSING),
        ("json", "[1]", [1]),
        ("json", "{", MISSING),
        ("infer", "1", 1),
    ],
    ids=str,
)
def test_a_cell_is_read_as_its_columns_type_or_not_at_all(kind: str, text: str, value: Any) -> None:
    found = READERS[kind](text)

    assert found is value if value is MISSING else (type(found), found) == (type(value), value)


def test_names_with_dots_are_nested_and_empty_cells_no_fields() -> None:
    assert rows("_id,name.first,name.last,n\n1,Ada,,5\n\n2,,Turing,x") == [
        {"_id": 1, "name": {"first": "Ada"}, "n": 5},
        {"_id": 2, "name": {"last": "Turing"}, "n": "x"},
    ]


def test_columns_have_the_types_that_are_given() -> None:
    assert rows("a\tb\tc\n1\t2\t3", "\t", a="string", **{"*": "double"}) == [{"a": "1", "b": 2.0, "c": 3.0}]


def test_values_in_quotes_have_delimiters_and_ends_of_lines() -> None:
    assert rows('a,b\n"x,""y""\nz",2') == [{"a": 'x,"y"\nz', "b": 2}]


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        (b"a,b\n1\n", 2, 2),
        (b"a,b\n1,2,3", 2, 5),
        (b'a,b\n1,"x"y', 2, 6),
        (b'a,b\n"x', 2, 1),
        (b"a,b\n1,\xff", 2, 3),
        (b"a,b\n1,x\ry", 2, 4),
    ],
    ids=repr,
)
def test_what_is_wrong_with_a_row_is_told_with_its_place_and_the_rest_is_read(
    text: bytes, line: int, column: int
) -> None:
    (found,) = rows(text)

    assert found[:2] == (line, column)


def test_rows_behind_a_wrong_one_are_read() -> None:
    found = rows("a,b\n1,2\n1,2,3\n3,4", a="int", b="int")

    assert [each for each in found if isinstance(each, dict)] == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    assert [each[0] for each in found if isinstance(each, tuple)] == [3]


def test_a_cell_that_is_not_of_its_columns_type_is_told() -> None:
    (found,) = rows("a,b\n1,x", b="int")

    assert found[:2] == (2, 3)


@pytest.mark.parametrize("names", ["a,a", "a,,b", "a,a.b", "a.b,a", "a..b", ".a"], ids=str)
def test_a_sheet_whose_names_cannot_be_fields_is_refused(names: str) -> None:
    with pytest.raises(QueryError) as caught:
        rows(f"{names}\n1,2,3")

    assert caught.value.details["line"] == 1


def test_a_type_for_no_column_and_a_type_that_is_none_are_refused() -> None:
    with pytest.raises(QueryError, match="'b'"):
        rows("a\n1", b="int")
    with pytest.raises(QueryError, match="'integer'"):
        check_types({"a": "integer"})


def test_a_document_is_flattened_to_cells_that_are_read_back_as_the_same() -> None:
    document = {"_id": 1, "a": {"b": 2.5, "c": [1, {"d": None}], "e": {}}, "at": MOMENT, "t": 'x,"y"', "n": None}
    cells = flatten(document)
    header, line = encode_row(list(cells), ","), encode_row(list(cells.values()), ",")

    assert cells["a.b"] == "2.5"
    assert rows(header + line[:-1]) == [document]
    assert cell(MOMENT.replace(tzinfo=None)) == "2024-01-31T12:30:00Z"


def test_two_fields_of_one_dotted_name_have_no_cell() -> None:
    with pytest.raises(DocumentError, match=r"a\.b"):
        flatten({"a": {"b": 1}, "a.b": 2})


@pytest.mark.parametrize(
    ("cells", "line"), [([""], b'""\n'), (["a", " b"], b'a," b"\n'), (['x"'], b'"x"""\n'), (["a\tb"], b'"a\tb"\n')]
)
def test_a_row_is_quoted_where_it_must_be(cells: list[str], line: bytes) -> None:
    assert encode_row(cells, ",") == line
