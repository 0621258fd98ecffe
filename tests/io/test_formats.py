"""JSON arrays, CSV and TSV; and imports that go on behind what is refused."""

from __future__ import annotations

import io
import tracemalloc
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from nosqlpy import AsyncClient, Client, ConfigurationError, DocumentError, DuplicateKeyError, NosqlpyError, QueryError
from nosqlpy._io import formats


@pytest.fixture
def db():
    with Client(":memory:") as client:
        yield client


def read(db, text, **options):
    """Import text, and return the documents that there are then, without ids that were made."""
    data = text if isinstance(text, bytes) else text.encode()
    db["t"].import_file(io.BytesIO(data), **options)
    return [
        {name: value for name, value in document.items() if name != "_id" or type(value) is not str}
        for document in db["t"].find()
    ]


def written(db, format, **options):
    target = io.BytesIO()
    db["t"].export_file(target, format=format, **options)
    return target.getvalue().decode()


# ── JSON arrays ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("block", [1, 2, 7, 1 << 20])
@pytest.mark.parametrize(
    ("text", "documents"),
    [
        ("[]", []),
        (" [ ] \n", []),
        ('[{"_id":1}]', [{"_id": 1}]),
        ('\ufeff[\n {"_id": 1, "a": "],[{\\"\\\\"},\r\n {"_id": 2,\n "b": [[{}], [1, 2]]}\n]\n', None),
        ('[{"_id":1,"at":{"$date":"1950-08-07"}}]', [{"_id": 1, "at": datetime(1950, 8, 7, tzinfo=UTC)}]),
    ],
)
def test_the_elements_of_an_array_become_documents(db, monkeypatch, block, text, documents):
    monkeypatch.setattr(formats, "BLOCK_SIZE", max(block, 3 * text.startswith("\ufeff")))
    expected = [{"_id": 1, "a": '],[{"\\'}, {"_id": 2, "b": [[{}], [1, 2]]}] if documents is None else documents

    assert read(db, text, format="json") == expected


@pytest.mark.parametrize("block", [1, 1 << 20])
@pytest.mark.parametrize(
    ("text", "line", "column", "imported"),
    [
        ("", 1, 1, 0),
        ('{"_id": 1}', 1, 1, 0),
        (" x[]", 1, 2, 0),
        ('[{"_id": 1},\n  {"_id": tru}]', 2, 11, 1),
        ('[{"_id": 1},\n\n 7]', 3, 2, 1),
        ('[{"_id": 1}, {"_id": 1}]', 1, 1, 1),
        ('[{"_id": 1},]', 1, 13, 0),
        ('[{"_id": 1},,{}]', 1, 13, 0),
        ('[{"_id": 1}', 1, 12, 0),
        ('[{"a": [{}},\n{"b": 2}]', 1, 11, 0),
        ('[{"_id": 1},\n{"a": 2\n', 3, 1, 1),
        ("[[[[", 1, 5, 0),
        ('{"a": "' + "[" * 300, 1, 1, 0),
        ('[{"_id": 1}] 5', 1, 14, 1),
    ],
)
def test_a_bad_array_ends_the_import_with_its_place(db, monkeypatch, block, text, line, column, imported):
    monkeypatch.setattr(formats, "BLOCK_SIZE", block)
    with pytest.raises(NosqlpyError) as caught:
        db["t"].import_file(io.BytesIO(text.encode()), format="json")

    assert (caught.value.details["line"], caught.value.details["column"]) == (line, column)
    assert caught.value.details["imported"] <= imported
    assert db["t"].count() == caught.value.details["imported"]


def test_an_array_is_written_that_is_read_as_the_same(db):
    documents = [{"_id": i, "at": datetime(2026, 1, 1, tzinfo=UTC)} for i in range(1500)]
    db["t"].insert_many(documents)
    text = written(db, "json")
    db["t"].clear()

    assert read(db, text, format="json") == documents


def test_an_array_of_nothing_is_written(db):
    assert written(db, "json") == "[]\n"


def test_a_big_array_is_never_in_memory_as_a_whole(tmp_path):
    path = tmp_path / "a.json"
    with path.open("wb") as file:
        file.write(b"[")
        for i in range(40_000):
            file.write(b'%s{"_id":1,"n":%d,"text":"%s"}' % (b"," if i else b"", i, b"x" * 400))
        file.write(b"]")
    with Client(tmp_path / "db") as db:
        tracemalloc.start()
        try:
            db["t"].import_file(path, format="json", mode="upsert")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert path.stat().st_size > 16 << 20
    assert peak < 10 << 20


# ── CSV and TSV ──────────────────────────────────────────────────────────────────


def test_values_have_the_type_that_they_look_like(db):
    text = (
        "i,f,e,t,n,code,plus,big,at,text,list,doc\n"
        "-5,1.50,1e3,true,null,007,+5,99999999999999999999,2026-11-21T12:00:00Z,x y,"
        '"[1,null]","{""a"":1}"\n'
    )

    assert read(db, text, format="csv") == [
        {
            "i": -5,
            "f": 1.5,
            "e": 1000.0,
            "t": True,
            "n": None,
            "code": "007",
            "plus": "+5",
            "big": "99999999999999999999",
            "at": datetime(2026, 11, 21, 12, tzinfo=UTC),
            "text": "x y",
            "list": [1, None],
            "doc": {"a": 1},
        }
    ]


def test_columns_have_the_types_that_are_given(db):
    text = "zip,n,price,on,ok,rest\n123,1,1.10,2026-11-21,true,5\n"
    types = {"zip": "string", "n": "double", "price": "decimal", "on": "date", "ok": "bool", "*": "string"}

    assert read(db, text, format="csv", types=types) == [
        {
            "zip": "123",
            "n": 1.0,
            "price": Decimal("1.10"),
            "on": datetime(2026, 11, 21, tzinfo=UTC),
            "ok": True,
            "rest": "5",
        }
    ]


def test_dotted_names_are_nested_and_empty_cells_are_no_fields(db):
    assert read(db, "_id,at.city.name,at.zip,x\r\n1,Brno,5,\r\n\r\n2,,,y\r\n", format="csv") == [
        {"_id": 1, "at": {"city": {"name": "Brno"}, "zip": 5}},
        {"_id": 2, "x": "y"},
    ]


def test_tsv_is_told_by_the_name_of_the_file(db, tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text('_id\ta\n1\tx,"y"\n'.replace('"', ""))

    assert db["t"].import_file(path) == 1
    assert db["t"].get(1) == {"_id": 1, "a": "x,y"}


@pytest.mark.parametrize(
    ("text", "line", "column", "imported"),
    [
        ("a,b\n1,2\n3\n", 3, 2, 1),
        ("a,b\n1,2,3\n", 2, 5, 0),
        ('a,b\n"x\ny",2,3\n', 3, 6, 0),
        ('a,b\n1,"2', 2, 3, 0),
        ('a,b\n1,2\n"3\n4,5\n', 3, 1, 1),
        ('a,b\n1,"2"3\n', 2, 6, 0),
        ('a,b\n"1"2,"3"\n', 2, 4, 0),
        ('a,b\n5" pipe,2,3\n', 2, 11, 0),
        ("a,b\n1,2\r3,4\r", 2, 4, 0),
        (b"a,b\n\xb3\r\x01,2\n", 2, 1, 0),
        (b'a,b\n"x\n\xff",2\n', 3, 1, 0),
        ("a,b\n" + "x" * 200_000 + ",2\n", 2, 1, 0),
        ("a,b\0\n1,2\n", 1, 3, 0),
        (b"a,b\n1,\xff\n", 2, 3, 0),
        ("a,a\n", 1, 3, 0),
        ("a,,b\n", 1, 3, 0),
        ("a.b,a\n", 1, 1, 0),
        ("n,z\n1,2\nx,2\n", 3, 1, 1),
    ],
)
def test_a_bad_row_ends_the_import_with_its_place(db, text, line, column, imported):
    data = text if isinstance(text, bytes) else text.encode()
    types = {"n": "int"} if data.startswith(b"n") else None
    with pytest.raises(QueryError) as caught:
        db["t"].import_file(io.BytesIO(data), format="csv", types=types)

    details = caught.value.details
    assert (details["line"], details["column"], details["imported"]) == (line, column, imported)
    assert db["t"].count() == imported


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"_id": 1}\n{"_id": 2}\n', "JSON: say format='jsonl'"),
        ('\n[{"_id": 1}]\n', "JSON: say format='jsonl'"),
        ("a;b\n1;2\n", "semicolon"),
    ],
)
def test_a_sheet_that_is_none_is_told(db, text, reason):
    with pytest.raises(QueryError, match=reason):
        db["t"].import_file(io.BytesIO(text.encode()), format="csv")

    assert db["t"].count() == 0


@pytest.mark.parametrize("text", ['"a;b"\n1\n', "a;b,c\n1,2\n", "[a],b\n1,2\n"])
def test_names_with_semicolons_and_brackets_are_names(db, text):
    assert db["t"].import_file(io.BytesIO(text.encode()), format="csv") == 1


def test_a_type_that_there_is_not_is_refused_and_the_nearest_named(db):
    with pytest.raises(QueryError, match="did you mean 'string'"):
        read(db, "a\n1\n", format="csv", types={"a": "strng"})
    with pytest.raises(QueryError, match="did you mean 'age'"):
        read(db, "age\n1\n", format="csv", types={"agee": "int"})
    with pytest.raises(ConfigurationError, match="columns"):
        read(db, "{}", types={"a": "int"})


@pytest.mark.parametrize("format", ["csv", "tsv"])
def test_what_is_written_as_a_sheet_is_read_as_the_same(db, format):
    documents = [
        {"_id": 1, "a": 'x,"y"\n\tz', "at": {"b": [1, None], "c": 1.5}},
        {"_id": 2, "none": None, "on": datetime(2026, 1, 1, 5, 6, 7, 8000, tzinfo=UTC), "empty": {}, "ok": False},
        {"_id": 3, "a": " blank "},
    ]
    db["t"].insert_many(documents)
    text = written(db, format)
    db["t"].clear()

    assert read(db, text, format=format) == documents


@pytest.mark.parametrize(
    "document", [{"a": {"b": 1}, "a.b": 2}, {"a": {}, "b": {"c": {"d": 1}, "c.d": 2}}], ids=["above", "inside"]
)
def test_two_fields_of_one_dotted_name_are_no_sheet(db, tmp_path, document):
    db["t"].insert_many([{"_id": 1}, {"_id": 2, **document}])

    with pytest.raises(DocumentError, match=r"document 2: .*: two fields of the document have this dotted name"):
        db["t"].export_file(tmp_path / "a.csv")
    assert list(tmp_path.glob("*.csv")) == []


def test_a_sheet_has_every_column_of_what_is_exported(db):
    db["t"].insert_many([{"_id": 1, "a": 1}, {"_id": 2, "b": {"c": 2}}])

    assert written(db, "csv") == "_id,a,b.c\n1,1,\n2,,2\n"
    assert written(db, "csv", filter={"_id": 2}, projection=["b"]) == "_id,b.c\n2,2\n"


# ── going on ─────────────────────────────────────────────────────────────────────


def test_what_is_refused_is_handed_over_and_the_rest_goes_in(db):
    db["t"].insert({"_id": 3})
    refused = []
    lines = ['{"_id": 1}', "x", "", '{"_id": 3}', '{"_id": []}', '{"_id": 6}', '{"_id": 6.0}', "[1]"]

    count = db["t"].import_file(io.BytesIO("\n".join(lines).encode()), on_reject=refused.append)

    assert count == 2
    assert [(line["line"], line["text"]) for line in refused] == [
        (2, "x"),
        (4, '{"_id": 3}'),
        (5, '{"_id": []}'),
        (7, '{"_id": 6.0}'),
        (8, "[1]"),
    ]
    assert all(line["column"] >= 1 and line["reason"] for line in refused)
    assert sorted(document["_id"] for document in db["t"].find()) == [1, 3, 6]


@pytest.mark.parametrize("format", ["json", "csv"])
def test_other_formats_go_on_too(db, format):
    text = '[{"_id":1},7,\n{"_id":1},{"_id":2}]' if format == "json" else "_id,a\n1,x\n1\n1,y\n2,z\n"
    refused = []

    assert db["t"].import_file(io.BytesIO(text.encode()), format=format, on_reject=refused.append) == 2
    assert [line["text"] for line in refused] == (["7", '{"_id":1}'] if format == "json" else ["1", "1,y"])


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_a_rejected_line_that_is_not_utf8_is_given_as_its_bytes(db, format):
    rejected: list[Any] = []
    line = b'{"a": "\xe9"}\r' if format == "jsonl" else b"\xe9,1\r"
    head = b"" if format == "jsonl" else b"a,b\r\n"

    assert db["t"].import_file(io.BytesIO(head + line + b"\n"), format=format, on_reject=rejected.append) == 0
    assert [reject["bytes"] for reject in rejected] == [line]
    assert rejected[0]["text"] == line.decode(errors="replace")


def test_every_line_of_many_may_be_refused(db):
    db["t"].insert_many([{"_id": i} for i in range(3000)])
    refused = []
    data = "".join(f'{{"_id": {i}}}\n' for i in range(3001))

    assert db["t"].import_file(io.BytesIO(data.encode()), on_reject=refused.append) == 1
    assert [line["line"] for line in refused] == list(range(1, 3001))


def test_a_replacement_takes_no_rejections(db):
    with pytest.raises(ConfigurationError, match="on_reject"):
        db["t"].import_file(io.BytesIO(b""), mode="replace", on_reject=print)


async def test_the_async_face_has_the_formats_too(tmp_path):
    refused = []
    async with AsyncClient(":memory:") as db:
        data = io.BytesIO(b"_id,zip\n1,5\n1,6\n")
        types = {"zip": "string"}
        assert await db["t"].import_file(data, format="csv", types=types, on_reject=refused.append) == 1
        assert await db["t"].export_file(tmp_path / "a.csv") == 1
        with pytest.raises(DuplicateKeyError):
            await db["t"].import_file(io.BytesIO(b"_id\n1\n"), format="csv")

    assert len(refused) == 1
    assert (tmp_path / "a.csv").read_text() == "_id,zip\n1,5\n"
