from __future__ import annotations

from typing import Any

import pytest

from core.engine.logged import Logged, several
from nosqlpy._core.engine.definitions import create_index
from nosqlpy._core.engine.importing import Imported, Prepared, import_batch, prepare, prepare_lines, save_many
from nosqlpy._core.index.options import define_index
from nosqlpy._core.values.codec import decode_document
from nosqlpy._core.values.json_lines import Batch, line_portions, parse_lines
from nosqlpy.errors import DocumentError, DuplicateKeyError, QueryError

SIZE_MAX = 1000


def batch(*documents: dict[str, Any], plain: bool = True, error: Any = None) -> Batch:
    """Return documents of lines 11, 12 …"""
    texts = [b"{}"] * len(documents)
    return Batch(list(documents), range(11, 11 + len(documents)), plain=plain, texts=texts, error=error)


def prepared(*documents: dict[str, Any], **options: Any) -> Prepared:
    return prepare(batch(*documents, **options), lambda: "made", SIZE_MAX)


def imported(
    db: Logged, *documents: dict[str, Any], upsert: bool = False, clear: bool = False, **options: Any
) -> Imported:
    return db.run(import_batch, "a", prepared(*documents, **options), upsert=upsert, clear=clear)


def filled() -> Logged:
    db = Logged()
    db.insert("a", {"_id": 1, "x": 1}, {"_id": 2, "x": 2})
    db.index("a", "x")
    return db


# ── preparing ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("plain", [True, False])
def test_documents_are_encoded_and_get_ids(plain: bool) -> None:
    done = prepared({"x": 1}, {"_id": 2.5, "x": [{"y": None}]}, plain=plain)

    assert [decode_document(blob) for blob in done.blobs] == [{"_id": "made", "x": 1}, {"_id": 2.5, "x": [{"y": None}]}]
    assert done.ids == done.keys == ["made", 2.5]
    assert done.error is None


def made(count: int) -> list[str]:
    return ["made"] * count


LINES = [
    b'{"_id":1}',
    b'{"x":1.5,"_id":"b"}',
    b'{"x":"' + b"y" * 300 + b'","z":[{"a":null}]}',
    b' {"_id": {"k": 1}, "t": 9223372036854775807}\r',
    b'{"_id":1e19}',
]


def test_plain_lines_are_encoded_in_groups_as_they_are_one_by_one() -> None:
    lines = LINES * 50
    short = prepare_lines(b"\n".join(lines), range(11, 11 + len(lines)), made, SIZE_MAX)

    assert short is not None
    assert short == prepare(parse_lines(lines, 11), lambda: "made", SIZE_MAX)


@pytest.mark.parametrize(
    "odd",
    [
        *(b"", b" ", b"7", b"[]", b"{", b'{"a":1}x', b'{"a":"\xff"}', b'{"_id":null}', b'{"_id":[1]}'),
        *(b'{"a":{"$oid":"x"}}', b'{"a":{"\\u0024oid":1}}', b'{"a\\u0000":1}', b'{"a":"\\ud800"}'),
        *(b'{"a":9223372036854775808}', b'{"a":[18446744073709551615]}', b'{"a":99999999999999999999}'),
        *(b'{"a":' + b"[" * 101 + b"]" * 101 + b"}", b'{"a":"' + b"x" * SIZE_MAX + b'"}'),
    ],
)
def test_lines_of_which_one_is_odd_are_left_to_the_way_that_looks_at_each(odd: bytes) -> None:
    lines = [*LINES * 30, odd, *LINES]

    assert prepare_lines(b"\n".join(lines), range(1, 1 + len(lines)), made, SIZE_MAX) is None


HEADED = [b'{"_id":"%d","x":[1.5,{"y":null}]}' % number for number in range(300)]


@pytest.mark.parametrize(
    "odd",
    [
        *(b'{"_id":1}{"_id":2}', b'{"_id":1,"a":', b"", b'{"_id":18446744073709551615}', b'{"_id":"x"', b"[]}"),
        *(b'{"_id":7,"a":9223372036854775808,"b":0.1}', b'{"_id":1,"a":' + b"[" * 300 + b"]" * 300 + b"}"),
        *(b'{"_id":1,"a":' + b"[" * 101 + b"]" * 101 + b"}", b'{"_id":1}\n{"_id":2,"a":{"b":3}\n}'),
        *(
            b'{"_id":1,"a":' + b"[" * 5000 + b"]" * 5000 + b"}",
            b'{"_id":1}{}',
            b'{"_id":1}[2]{"a":3}',
            b'{"_id":1}4{"a":3}',
        ),
    ],
)
def test_lines_that_nearly_all_look_alike_are_left_to_that_way_too(odd: bytes) -> None:
    lines = b"\n".join([*HEADED, odd, *HEADED])

    assert prepare_lines(lines, range(lines.count(b"\n") + 1), made, SIZE_MAX) is None


@pytest.mark.parametrize(
    "document", [b'{"a":{"b":1}}', b'{"x":"no","_id":3}', b'{"a":"\\u005fid"}', b'{"\\u005fid":3}']
)
def test_lines_that_do_not_begin_with_an_id_get_the_ids_that_they_get_one_by_one(document: bytes) -> None:
    lines = [document, b'{"n":-9223372036854775808,"m":9223372036854775807}'] * 200
    short = prepare_lines(b"\n".join(lines), range(400), made, SIZE_MAX)

    assert short == prepare(parse_lines(lines, 0), lambda: "made", SIZE_MAX)


def test_ids_that_a_factory_makes_are_checked() -> None:
    assert prepare_lines(b'{"a":1}\n{"a":2}', range(2), lambda count: [[1]] * count, SIZE_MAX) is None


@pytest.mark.parametrize("lines", [1, 7, 1000, 5000])
@pytest.mark.parametrize("line", [b"", b"{}", b"x" * 90, b"y" * 9000], ids=len)
def test_portions_of_lines_are_all_lines_in_their_order_and_say_how_many_they_are(line: bytes, lines: int) -> None:
    text = b"\n".join([line] * 2500)
    portions = list(line_portions(text, lines))

    assert b"\n".join(portion for portion, _ in portions) == text
    assert [count for _, count in portions] == [portion.count(b"\n") + 1 for portion, _ in portions]


def test_a_batch_without_documents_is_its_error() -> None:
    error = QueryError("no document")

    assert prepared(error=error) == Prepared([], [], [], [], error)


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize(
    "bad",
    [{"_id": [1]}, {"x": 1 << 63}, {"x": 1 << 70}, {"x": "\ud800"}, {"x": "x" * SIZE_MAX}],
    ids=["id", "wide int", "wider int", "lone surrogate", "too large"],
)
def test_a_document_that_cannot_be_stored_ends_the_batch_and_names_its_line(bad: dict[str, Any], plain: bool) -> None:
    done = prepared({"_id": 1}, {"_id": 2}, bad, {"_id": 3}, plain=plain)

    assert done.ids == [1, 2]
    assert list(done.numbers) == [11, 12]
    assert isinstance(done.error, DocumentError)
    assert done.error.details["line"] == 13


@pytest.mark.parametrize("value", [(1 << 63) - 1, 1 << 62, "\u03cf", -1], ids=["largest", "large", "text", "negative"])
def test_a_byte_that_looks_like_a_wide_int_is_no_obstacle(value: Any) -> None:
    assert decode_document(prepared({"_id": 1, "x": value}).blobs[0])["x"] == value


# ── importing ───────────────────────────────────────────────────────────────────


def test_an_import_makes_its_collection() -> None:
    db = Logged()

    assert imported(db, {"_id": 1}, {"_id": 2}) == Imported(2, 12, None)
    assert db.ids("a") == [1, 2]
    db.check()


def test_an_import_of_nothing_makes_nothing() -> None:
    db = Logged()

    assert imported(db) == Imported(0, 0, None)
    assert db.engine.collections == {}


@pytest.mark.parametrize(
    ("documents", "line"), [([{"_id": 3}, {"_id": 1}, {"_id": 4}], 12), ([{"_id": 3}, {"_id": 3}], 12)]
)
def test_an_id_that_is_taken_ends_the_import_and_names_its_line(documents: Any, line: int) -> None:
    db = filled()
    done = imported(db, *documents)

    assert isinstance(done.error, DuplicateKeyError)
    assert done.error.details["line"] == line
    assert done.count == 1
    assert db.ids("a") == [1, 2, 3]
    db.check()


def test_a_document_takes_the_place_of_the_one_with_its_id_on_request() -> None:
    db = filled()

    found = imported(db, {"_id": 2, "x": 7}, {"_id": 3, "x": 7}, {"_id": 2, "x": 8}, upsert=True)

    assert found == Imported(3, 13, None)
    assert db.find("a") == [{"_id": 1, "x": 1}, {"_id": 2, "x": 8}, {"_id": 3, "x": 7}]
    assert db.ids("a", {"x": 8}) == [2]
    db.check()


def test_all_that_was_there_goes_first_on_request() -> None:
    db = filled()

    assert imported(db, {"_id": 1, "x": 5}, {"_id": 9, "x": 5}, clear=True) == Imported(2, 12, None)
    assert db.ids("a") == [1, 9]
    assert db.ids("a", {"x": 5}) == [1, 9]
    assert db.ids("a", {"x": 1}) == []
    db.check()


def test_an_import_of_nothing_over_everything_leaves_nothing() -> None:
    db = filled()
    imported(db, clear=True)

    assert db.find("a") == []
    db.check()


def test_an_import_that_ends_early_removes_nothing_of_what_was_there() -> None:
    db = filled()
    before = db.memory()
    done = imported(db, {"_id": 5}, {"_id": 5}, clear=True)

    assert done.count == 0
    assert isinstance(done.error, DuplicateKeyError)
    assert db.memory() == before


def test_documents_before_a_line_that_is_none_go_in() -> None:
    error = QueryError("no document")
    db = Logged()

    assert imported(db, {"_id": 1}, error=error) == Imported(1, 11, error)
    assert db.ids("a") == [1]


# ── saving many ─────────────────────────────────────────────────────────────────


def saved(db: Logged, *documents: dict[str, Any]) -> Imported:
    return db.run(save_many, "a", several(*documents))


def test_many_documents_take_the_places_of_those_with_their_ids_in_one_frame() -> None:
    db = filled()
    before = db.engine.tail.end.lsn
    saved(db, {"_id": 2, "x": 3}, {"_id": 3, "x": 4}, {"_id": 1, "x": 3})

    assert db.find("a") == [{"_id": 1, "x": 3}, {"_id": 2, "x": 3}, {"_id": 3, "x": 4}]
    assert db.ids("a", {"x": 3}) == [1, 2]
    assert db.engine.tail.end.lsn == before + 1
    assert db.reopened().collections["a"].slots.count() == 3


def test_many_documents_of_which_a_unique_index_refuses_one_are_not_saved() -> None:
    db = filled()
    db.run(create_index, "a", define_index("x", "one", {"unique": True}))
    with pytest.raises(DuplicateKeyError):
        saved(db, {"_id": 1, "x": 5}, {"_id": 3, "x": 2})

    assert db.find("a") == [{"_id": 1, "x": 1}, {"_id": 2, "x": 2}]


def test_many_documents_whose_unique_keys_change_places_are_saved() -> None:
    db = filled()
    db.run(create_index, "a", define_index("x", "one", {"unique": True}))
    saved(db, {"_id": 1, "x": 2}, {"_id": 2, "x": 1})

    assert db.find("a") == [{"_id": 1, "x": 2}, {"_id": 2, "x": 1}]
