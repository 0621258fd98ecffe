"""Importing and exporting JSON Lines: all of it, or a place and a reason."""

from __future__ import annotations

import io
import os
import re
import stat
import threading
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nosqlpy import (
    AsyncClient,
    Client,
    ConfigurationError,
    DocumentError,
    DocumentTooLarge,
    DuplicateKeyError,
    NosqlpyError,
    NotSupportedError,
    QueryError,
    ReadOnlyError,
    WriteError,
)
from nosqlpy._io import formats, transfer


@pytest.fixture
def db():
    with Client(":memory:") as client:
        yield client


def write(path: Path, *lines: str | bytes) -> Path:
    path.write_bytes(b"".join((line.encode() if isinstance(line, str) else line) + b"\n" for line in lines))
    return path


def numbered(count: int, start: int = 0) -> list[str]:
    return [f'{{"_id": {i}, "v": "{i}"}}' for i in range(start, start + count)]


# ── importing ────────────────────────────────────────────────────────────────────


def test_every_line_becomes_a_document(db, tmp_path):
    path = write(tmp_path / "a.jsonl", '{"_id": 1, "a": {"b": [1, 2.5, null, true]}}', "", "  \t", '{"_id": 2}\r')

    assert db["t"].import_file(path) == 2
    assert db["t"].find().to_list() == [{"_id": 1, "a": {"b": [1, 2.5, None, True]}}, {"_id": 2}]


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        (['{"_id":1,"a":[{"_id":2}', '{"_id":3}]}', '{"_id":4}{"_id":5}'], 1),
        (['{"_id":1,"a":{"_id":2}', '{"_id":3}}', '{"_id":4}'], 1),
        (['{"_id":1}', '{"_id":2}{"_id":3}'], 2),
        (['{"_id":1}', '{"_id":2} {"_id":3}'], 2),
        (['{"_id":1}', '{"_id":2},{"_id":3}'], 2),
    ],
)
def test_every_line_is_one_document_by_itself(db, tmp_path, lines, wrong):
    with pytest.raises(QueryError, match=f"line {wrong}, column ") as caught:
        db["t"].import_file(write(tmp_path / "a.jsonl", *lines))

    assert (caught.value.details["imported"], db["t"].count()) == (wrong - 1, wrong - 1)


@pytest.mark.parametrize("id", ["1.5", "true", '{"a":1}', "null", "[1]"])
def test_lines_that_begin_with_an_id_of_another_type_are_looked_at(db, tmp_path, id):
    path = write(tmp_path / "a.jsonl", '{"_id":1,"n":1}', f'{{"_id":{id},"n":2}}')

    if id in ("null", "[1]"):
        with pytest.raises(DocumentError, match="line 2"):
            db["t"].import_file(path)
    else:
        assert db["t"].import_file(path) == 2
        assert db["t"].find_one({"n": 2})["_id"] == msgspec.json.decode(id)


def test_a_document_without_an_id_gets_one(db, tmp_path):
    db["t"].import_file(write(tmp_path / "a.jsonl", '{"a": 1}', '{"a": 2}'))

    ids = [document["_id"] for document in db["t"].find()]
    assert len(set(ids)) == 2
    assert all(type(id) is str and len(id) == 24 for id in ids)


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 2500])
def test_any_number_of_lines_goes_in(db, tmp_path, count):
    assert db["t"].import_file(write(tmp_path / "a.jsonl", *numbered(count))) == count
    assert [document["_id"] for document in db["t"].find()] == list(range(count))


def test_the_last_line_needs_no_end_and_a_byte_order_mark_is_skipped(db, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"_id": 1}\n{"_id": 2}')

    assert db["t"].import_file(path) == 2


def test_types_are_read_from_extended_json(db, tmp_path):
    db["t"].import_file(write(tmp_path / "a.jsonl", '{"_id": 1}', '{"_id": 2, "born": {"$date": "1950-08-07"}}'))

    assert db["t"].get(2) == {"_id": 2, "born": datetime(1950, 8, 7, tzinfo=UTC)}


def test_an_import_keeps_indexes_up_to_date(db, tmp_path):
    db["t"].create_index("v")
    db["t"].import_file(write(tmp_path / "a.jsonl", *numbered(10)))
    db["t"].import_file(write(tmp_path / "b.jsonl", '{"_id": 3, "v": "x"}', '{"_id": 3, "v": "y"}'), mode="upsert")

    assert db["t"].find({"v": "3"}).to_list() == []
    assert db["t"].find({"v": "x"}).to_list() == []
    assert db["t"].find({"v": "y"}).to_list() == [{"_id": 3, "v": "y"}]


def test_upsert_replaces_and_the_last_line_with_an_id_wins(db, tmp_path):
    db["t"].insert_many([{"_id": 1, "old": True}, {"_id": 2, "old": True}])
    path = write(tmp_path / "a.jsonl", '{"_id": 1, "n": 1}', '{"_id": 3}', '{"_id": 1.0, "n": 2}')

    assert db["t"].import_file(path, mode="upsert") == 3
    assert db["t"].find(sort="_id").to_list() == [{"_id": 1.0, "n": 2}, {"_id": 2, "old": True}, {"_id": 3}]


def test_replace_empties_the_collection_and_keeps_its_indexes(db, tmp_path):
    db["t"].insert_many([{"_id": i, "v": "old"} for i in range(5)])
    db["t"].create_index("v")

    assert db["t"].import_file(write(tmp_path / "a.jsonl", *numbered(1500, 3)), mode="replace") == 1500
    assert db["t"].count() == 1500
    assert db["t"].find({"v": "old"}).to_list() == []
    assert "v_1" in db["t"].index_information()


@pytest.mark.parametrize("end", [b"", b"\n"])
@pytest.mark.parametrize("step", [7, 1 << 20])
def test_a_short_file_that_replaces_is_one_write_however_it_ends_and_comes(db, end, step):
    class Pipe(io.BytesIO):
        def read1(self, size=-1):
            return super().read1(min(size, step))

    db["t"].insert_one({"_id": "old"})
    before = db._backend.database().engine.applied
    db["t"].import_file(Pipe("\n".join(numbered(500)).encode() + end), format="jsonl", mode="replace")

    assert db["t"].count() == 500
    assert db._backend.database().engine.applied == before + 1


def test_replace_with_an_empty_file_empties(db, tmp_path):
    db["t"].insert({"_id": 1})

    assert db["t"].import_file(write(tmp_path / "a.jsonl"), mode="replace") == 0
    assert db["t"].count() == 0


def test_an_empty_file_makes_no_collection(db, tmp_path):
    assert db["t"].import_file(write(tmp_path / "a.jsonl", "", " ")) == 0
    assert db.list_collection_names() == []


@pytest.mark.parametrize("odd", ["", ', "x": {"$oid": "65f000000000000000000001"}'], ids=["plain", "extended"])
def test_an_upsert_counts_the_lines_of_one_id_before_the_line_that_an_index_refuses(db, tmp_path, odd):
    db["t"].create_index("u", unique=True)
    path = write(tmp_path / "a.jsonl", '{"_id": 1, "u": 1}', '{"_id": 1, "u": 2}', f'{{"_id": 2, "u": 2{odd}}}')
    with pytest.raises(DuplicateKeyError) as caught:
        db["t"].import_file(path, mode="upsert")

    assert (caught.value.details["line"], caught.value.details["imported"]) == (3, 2)
    assert db["t"].find().to_list() == [{"_id": 1, "u": 2}]


@pytest.mark.parametrize("odd", ["", ', "x": {"$oid": "65f000000000000000000001"}'], ids=["plain", "extended"])
def test_an_upsert_keeps_what_comes_behind_a_line_that_an_index_refuses_out_of_a_document_before_it(db, tmp_path, odd):
    db["t"].insert({"_id": 9, "u": 9})
    db["t"].create_index("u", unique=True)
    lines = ['{"_id": 1, "u": 1}', f'{{"_id": 2, "u": 9{odd}}}', '{"_id": 1, "u": 3}']
    with pytest.raises(DuplicateKeyError) as caught:
        db["t"].import_file(write(tmp_path / "a.jsonl", *lines), mode="upsert")

    assert (caught.value.details["line"], caught.value.details["imported"]) == (2, 1)
    assert db["t"].find().to_list() == [{"_id": 9, "u": 9}, {"_id": 1, "u": 1}]


def test_an_upsert_with_a_reject_function_goes_on_behind_the_line_that_an_index_refuses(db, tmp_path):
    db["t"].insert({"_id": 9, "u": 9})
    db["t"].create_index("u", unique=True)
    lines = ['{"_id": 1, "u": 1}', '{"_id": 2, "u": 9}', '{"_id": 1, "u": 3}', '{"_id": 3, "u": 1}']
    rejected = []
    imported = db["t"].import_file(write(tmp_path / "a.jsonl", *lines), mode="upsert", on_reject=rejected.append)

    assert (imported, [line["line"] for line in rejected]) == (3, [2])
    assert db["t"].find().to_list() == [{"_id": 9, "u": 9}, {"_id": 1, "u": 3}, {"_id": 3, "u": 1}]


class Interrupted(io.BytesIO):
    """A stream behind whose bytes somebody presses Ctrl-C."""

    def read1(self, size=-1, /):
        found = super().read1(size)
        if not found:
            raise KeyboardInterrupt
        return found


@pytest.mark.parametrize(
    ("format", "mode", "text", "note"),
    [
        ("jsonl", "insert", b'{"a": 1}\n\n{"a": 2}\n{"a"', "2 .* before it, up to line 3; tail -n .4 gives the rest$"),
        ("jsonl", "replace", b"{}\n" + b" " * (300 << 10), "1 .* line 1; tail -n .2 gives the rest, .* mode='insert'"),
        ("jsonl", "insert", b'{"a', "^0 imported before it$"),
        ("csv", "insert", b"a\n" + b"1\n" * 1500, "1000 .* up to line 1001; where .* have an _id, .* mode='upsert'"),
        ("bson", "insert", b"\5\0\0\0\0" * 1500, "^1000 imported before it; where"),
    ],
    ids=["lines", "replacing", "nothing", "sheet", "bson"],
)
def test_an_interrupted_import_has_a_note_of_how_far_it_came(db, format, mode, text, note):
    with pytest.raises(KeyboardInterrupt) as caught:
        db["t"].import_file(Interrupted(text), format=format, mode=mode)

    (told,) = caught.value.__notes__
    assert re.search(note, told)
    assert db["t"].count() == int(told.split()[0])


def test_a_document_that_no_index_can_hold_is_told_with_its_line(db):
    db["t"].create_index([("a", 1), ("b", 1)])
    text = b'{"_id":1,"a":1}\n{"_id":2,"a":[1],"b":[2]}\n{"_id":3}\n'
    with pytest.raises(WriteError, match=r"line 2, column 1: .* different arrays .1 imported before it") as caught:
        db["t"].import_file(io.BytesIO(text))

    assert caught.value.details["imported"] == db["t"].count() == 1


@pytest.mark.parametrize("mode", ["insert", "upsert"])
@pytest.mark.parametrize("before", [0, 2, 1500])
@pytest.mark.parametrize(
    ("line", "column", "kind"),
    [
        ('{"a": tru}', 7, QueryError),
        ('["a"]', 1, QueryError),
        ("7", 1, QueryError),
        (b'{"a": "\xff"}', 8, QueryError),
        ('{"a": 1} {"b": 2}', 10, QueryError),
        ('{"a"', 5, QueryError),
        ('{"a": {"$date": "x"}}', 1, QueryError),
        ('{"a": {"$symbol": "x"}}', 1, NotSupportedError),
        ('{"a": 9223372036854775808}', 1, DocumentError),
        ('{"a": 99999999999999999999999}', 1, DocumentError),
        ('{"a\\u0000b": 1}', 1, DocumentError),
        ('{"_id": [1]}', 1, DocumentError),
        ('{"_id": null}', 1, DocumentError),
        ('{"a": ' + "[" * 100 + "]" * 100 + "}", 1, DocumentError),
        ('{"a": ' + "[" * 300 + "]" * 300 + "}", 206, DocumentError),
    ],
    ids=str,
)
def test_a_bad_line_ends_the_import_with_its_place_and_what_is_before_it_stays(
    db, tmp_path, mode, before, line, column, kind
):
    path = write(tmp_path / "a.jsonl", *numbered(before), "", line, *numbered(5, before))

    with pytest.raises(kind) as caught:
        db["t"].import_file(path, mode=mode)

    error = caught.value
    assert {name: error.details[name] for name in ("line", "column", "imported")} == {
        "line": before + 2,
        "column": column,
        "imported": before,
    }
    assert str(error).startswith(f"{path}: line {before + 2}, column {column}: ")
    assert db["t"].count() == before


def test_an_id_that_is_taken_ends_an_insert_with_its_line(db, tmp_path):
    db["t"].insert({"_id": 1200, "mine": True})

    with pytest.raises(DuplicateKeyError, match="line 1201") as caught:
        db["t"].import_file(write(tmp_path / "a.jsonl", *numbered(1500)))

    assert caught.value.details["imported"] == 1200
    assert caught.value.details["keyValue"] == {"_id": 1200}
    assert db["t"].count() == 1201
    assert db["t"].get(1200) == {"_id": 1200, "mine": True}


@pytest.mark.parametrize("mode", ["insert", "replace"])
def test_an_id_that_stands_twice_ends_the_import(db, tmp_path, mode):
    with pytest.raises(DuplicateKeyError, match="line 3"):
        db["t"].import_file(write(tmp_path / "a.jsonl", '{"_id": 1}', '{"_id": 2}', '{"_id": 1.0}'), mode=mode)


@pytest.mark.parametrize("bad", ["x", '{"_id": 0}', '{"_id": []}'])
def test_replace_with_a_bad_beginning_changes_nothing(db, tmp_path, bad):
    db["t"].insert({"_id": "old"})

    with pytest.raises(NosqlpyError) as caught:
        db["t"].import_file(write(tmp_path / "a.jsonl", *numbered(10), bad), mode="replace")

    assert caught.value.details["imported"] == 0
    assert db["t"].find().to_list() == [{"_id": "old"}]


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"\xff\xfe{\x00", "UTF-16"),
        ("{}".encode("utf-32"), "UTF-32"),
        ("{}".encode("utf-16-be"), "UTF-16"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"PK\x03\x04", "zip"),
        (b"\x89NQD\r\n", "dump"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
    ],
)
def test_what_is_no_text_is_refused_by_name(db, tmp_path, head, what):
    path = tmp_path / "a.jsonl"
    path.write_bytes(head + b"rest")

    with pytest.raises(QueryError, match=what):
        db["t"].import_file(path)


def test_a_line_longer_than_any_document_is_refused(db, tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "LINE_SIZE_MAX", 3 << 20)
    path = write(tmp_path / "a.jsonl", '{"_id": 1}', '{"a": "' + "x" * (5 << 20) + '"}')

    with pytest.raises(DocumentTooLarge, match="line 2") as caught:
        db["t"].import_file(path)

    assert caught.value.details["imported"] == 1


def test_a_document_larger_than_the_limit_is_refused_with_its_line(tmp_path):
    with Client(":memory:", max_document_size=1000) as db:
        with pytest.raises(DocumentTooLarge, match="line 3"):
            db["t"].import_file(write(tmp_path / "a.jsonl", *numbered(2), '{"a": "' + "x" * 1000 + '"}'))

        assert db["t"].count() == 2


def test_lines_that_span_blocks_are_put_together(db, tmp_path, monkeypatch):
    monkeypatch.setattr(formats, "BLOCK_SIZE", 7)

    assert db["t"].import_file(write(tmp_path / "a.jsonl", *numbered(50))) == 50
    assert db["t"].get(49) == {"_id": 49, "v": "49"}


def test_a_big_file_is_never_in_memory_as_a_whole(tmp_path):
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        for i in range(60_000):
            file.write(b'{"_id": 1, "n": %d, "text": "%s"}\n' % (i, b"x" * 400))
    with Client(tmp_path / "db", durability="safe") as db:
        tracemalloc.start()
        try:
            db["t"].import_file(path, mode="upsert")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert path.stat().st_size > 24 << 20
    assert peak < 10 << 20


def test_a_stream_is_imported_and_exported(db):
    target = io.BytesIO()
    source: Any = io.BytesIO(b'{"_id":1,"a":2.0}\n{"_id":2}\n')

    assert db["t"].import_file(source) == 2
    assert db["t"].export_file(target) == 2
    assert target.getvalue() == source.getvalue()


class ByteByByte(io.RawIOBase):
    """A stream that gives a byte at a time, as a pipe may."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._data.readinto(memoryview(buffer)[:1])


@pytest.mark.parametrize("text", [b"", b"{}", b'\xef\xbb\xbf{"_id":1}\n', b'\xef\xbb\xbf{"_id":"\xc3\xa9"}'])
def test_the_byte_order_mark_may_come_in_pieces(db, text):
    assert db["t"].import_file(ByteByByte(text)) == bool(text)


def test_what_is_no_text_is_refused_by_name_though_it_comes_in_pieces(db):
    with pytest.raises(QueryError, match="zstd"):
        db["t"].import_file(ByteByByte(b"\x28\xb5\x2f\xfdrest"))


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        (b'[{"_id": 1}]', "one JSON array, say format='json'"),
        (b"[\n", "one JSON array, say format='json'"),
        (b'{\n "_id": 1\n}\n', "a whole document on each line"),
    ],
)
def test_lines_that_look_like_another_format_are_told(db, text, advice):
    with pytest.raises(QueryError, match=advice):
        db["t"].import_file(io.BytesIO(text))


def test_a_pipe_is_imported_as_it_fills(db):
    reader, writer = os.pipe()
    seen: list[int] = []

    def feed():
        with os.fdopen(writer, "wb", buffering=0) as pipe:
            pipe.write(b'{"_id":1}\n{"_id"')
            while not db["t"].exists({"_id": 1}):
                threading.Event().wait(0.01)
            seen.append(db["t"].count())
            pipe.write(b":2}\n")

    thread = threading.Thread(target=feed)
    thread.start()
    with os.fdopen(reader, "rb") as pipe:
        imported = db["t"].import_file(pipe)
    thread.join()

    assert imported == 2
    assert seen == [1]


def test_a_stream_of_text_is_refused(db):
    with pytest.raises(ConfigurationError, match="binary"):
        db["t"].import_file(io.StringIO('{"_id":1}'))


def test_an_unknown_mode_is_refused_and_the_nearest_named(db, tmp_path):
    with pytest.raises(ConfigurationError, match="upsert"):
        db["t"].import_file(write(tmp_path / "a.jsonl"), mode="upsrt")


@pytest.mark.parametrize(
    ("format", "name", "what"),
    [
        (None, "a.avro", "avro"),
        (None, "dump.archive", "archive"),
        (None, "a.PARQUET", "parquet"),
        ("xml", "a", "jsonl"),
        ("jsnl", "a.jsonl", "did you mean 'jsonl'"),
    ],
)
def test_another_format_is_refused_by_name(db, tmp_path, format, name, what):
    path = write(tmp_path / name, '{"_id": 1}')

    with pytest.raises(NotSupportedError, match=what):
        db["t"].import_file(path, format=format)
    with pytest.raises(NotSupportedError, match=what):
        db["t"].export_file(path, format=format)

    assert db.list_collection_names() == []
    assert path.read_text() == '{"_id": 1}\n'


def test_a_named_format_counts_more_than_the_name_of_the_file(db, tmp_path):
    assert db["t"].import_file(write(tmp_path / "a.csv", '{"_id": 1}'), format="jsonl") == 1


def test_a_file_that_is_not_there_is_pythons_own_error(db, tmp_path):
    with pytest.raises(FileNotFoundError):
        db["t"].import_file(tmp_path / "none.jsonl", mode="replace")


def test_a_reader_cannot_import(tmp_path):
    Client(tmp_path / "db").open().close()
    with Client(tmp_path / "db", read_only=True) as db, pytest.raises(ReadOnlyError):
        db["t"].import_file(write(tmp_path / "a.jsonl", '{"_id": 1}'))


@pytest.mark.parametrize("durability", ["fast", "safe", "durable"])
def test_what_was_imported_is_there_after_reopening(tmp_path, durability):
    with Client(tmp_path / "db") as db:
        db["t"].import_file(write(tmp_path / "a.jsonl", *numbered(2500)), durability=durability)
    with Client(tmp_path / "db") as db:
        assert db["t"].count() == 2500
        assert db["t"].get(2499) == {"_id": 2499, "v": "2499"}


async def test_the_async_face_imports_and_exports_too(tmp_path):
    path = write(tmp_path / "a.jsonl", *numbered(3))
    async with AsyncClient(":memory:") as db:
        assert await db["t"].import_file(path) == 3
        assert await db["t"].export_file(tmp_path / "b.jsonl", filter={"_id": {"$gt": 0}}) == 2

    assert (tmp_path / "b.jsonl").read_text() == '{"_id":1,"v":"1"}\n{"_id":2,"v":"2"}\n'


# ── exporting ────────────────────────────────────────────────────────────────────


def test_an_export_is_what_an_import_reads(db, tmp_path):
    documents = [
        {"_id": i, "at": datetime(2026, 1, 1, tzinfo=UTC), "b": b"\0", "n": [1.5, float("inf")]} for i in range(1500)
    ]
    db["t"].insert_many(documents)

    assert db["t"].export_file(tmp_path / "a.jsonl") == 1500
    assert db["u"].import_file(tmp_path / "a.jsonl") == 1500
    assert db["u"].find().to_list() == documents


def test_an_export_can_be_filtered_and_projected(db, tmp_path):
    db["t"].insert_many([{"_id": i, "a": i, "b": i} for i in range(4)])

    assert db["t"].export_file(tmp_path / "a.jsonl", filter={"a": {"$gte": 2}}, projection=["b"]) == 2
    assert [msgspec.json.decode(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()] == [
        {"_id": 2, "b": 2},
        {"_id": 3, "b": 3},
    ]


def test_an_export_takes_the_place_of_a_file_and_keeps_its_permissions(db, tmp_path):
    path = write(tmp_path / "a.jsonl", "old")
    path.chmod(0o640)
    link = tmp_path / "link.jsonl"
    link.symlink_to(path)
    db["t"].insert({"_id": 1})

    db["t"].export_file(link)

    assert path.read_text() == '{"_id":1}\n'
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert link.is_symlink()


def test_a_failed_export_leaves_the_old_file_and_nothing_else(db, tmp_path):
    path = write(tmp_path / "a.jsonl", "old")
    db["t"].insert_many([{"_id": 1}, {"_id": 2, "a": {"$date": "plain text"}}])

    with pytest.raises(DocumentError, match=r"document 2: a: .*\$date"):
        db["t"].export_file(path)

    assert path.read_text() == "old\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.jsonl"]


def test_an_export_where_no_file_can_be_names_the_target(db, tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        db["t"].export_file(tmp_path / "none" / "a.jsonl")

    assert caught.value.filename == str(tmp_path / "none" / "a.jsonl")


def test_an_export_is_written_into_what_is_no_regular_file(db, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    db["t"].insert({"_id": 1})
    read: list[bytes] = []
    thread = threading.Thread(target=lambda: read.append(fifo.read_bytes()))
    thread.start()

    db["t"].export_file(fifo)
    thread.join()

    assert read == [b'{"_id":1}\n']
    assert stat.S_ISFIFO(fifo.stat().st_mode)
