"""Importing append-only logs of JSON lines."""

from __future__ import annotations

import io

import pytest

from nosqlpy import AsyncClient, BulkWriteError, Client, Database, NosqlpyError, QueryError
from nosqlpy.compat.seed_log import import_log


@pytest.fixture
def users():
    with Client(":memory:") as client:
        yield client["users"]


def log(tmp_path, *lines):
    path = tmp_path / "users.log"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_operations_are_carried_out_in_their_order(users, tmp_path):
    path = log(
        tmp_path,
        '{"op": "insert", "doc": {"_id": 1, "name": "ada", "n": 1}}',
        '{"op": "insert", "id": 2, "doc": {"name": "bob"}}',
        "",
        '{"op": "update", "id": 1, "doc": {"$inc": {"n": 4}}}',
        '{"op": "update", "id": 1, "doc": {"_id": 1, "city": "Brno"}}',
        '{"op": "replace", "id": 2, "doc": {"name": "bobby"}}',
        '{"op": "replace", "id": 3, "doc": {"new": true}}',
        '{"op": "delete", "id": 3}',
        '{"op": "delete", "id": 4}',
    )

    assert import_log(users, path) == {"insert": 2, "update": 2, "replace": 2, "delete": 2, "missing": 1}
    assert users.find(sort="_id").to_list() == [
        {"_id": 1, "name": "ada", "n": 5, "city": "Brno"},
        {"_id": 2, "name": "bobby"},
    ]


def test_the_names_of_the_fields_may_be_others(users, tmp_path):
    path = log(tmp_path, '{"o": "insert", "k": "a", "d": {"n": 1}}', '{"o": "update", "k": "a", "d": {"n": 2}}')

    import_log(users, path, operation="o", id="k", document="d")

    assert users.get("a") == {"_id": "a", "n": 2}


@pytest.mark.parametrize("before", [0, 1500])
@pytest.mark.parametrize(
    ("line", "kind", "what"),
    [
        ('{"op": "insert", "do', QueryError, "ends inside"),
        ('{"op": "insrt", "doc": {"_id": 1}}', QueryError, "did you mean 'insert'"),
        ('{"doc": {"_id": 1}}', QueryError, "'op'"),
        ('{"op": "insert"}', QueryError, "'doc'"),
        ('{"op": "update", "id": 1, "doc": 5}', QueryError, "'doc'"),
        ('{"op": "delete"}', QueryError, "_id"),
        ('{"op": "insert", "id": "there", "doc": {}}', BulkWriteError, "already has"),
        ('{"op": "update", "id": "there", "doc": {"$st": {}}}', NosqlpyError, "set"),
    ],
)
def test_a_line_that_is_wrong_ends_the_import_and_what_is_before_it_stays(users, tmp_path, before, line, kind, what):
    users.insert({"_id": "there"})
    path = log(tmp_path, *[f'{{"op": "insert", "id": {i}, "doc": {{}}}}' for i in range(before)], line, line)

    with pytest.raises(kind, match=what) as caught:
        import_log(users, path)

    assert (caught.value.details["line"], caught.value.details["done"]) == (before + 1, before)
    assert users.count() == 1 + before


# ── the async face ───────────────────────────────────────────────────────────────


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


@pytest.mark.parametrize("kind", [AsyncClient, Database])
async def test_an_async_collection_takes_a_log_when_it_is_awaited(tmp_path, kind):
    path = log(
        tmp_path, *[f'{{"op": "insert", "id": {n}, "doc": {{}}}}' for n in range(2500)], '{"op":"delete","id":7}'
    )
    async with kind(":memory:") as client:
        counts = await import_log(client["users"], path)

        assert counts == {"insert": 2500, "update": 0, "replace": 0, "delete": 1, "missing": 0}
        assert len(await client["users"].find()) == 2499


async def test_an_async_collection_says_which_line_is_wrong_and_what_is_done(tmp_path):
    path = log(tmp_path, '{"op": "insert", "id": 1, "doc": {}}', '{"op": "insert", "id": 1, "doc": {}}')
    async with AsyncClient(":memory:") as client:
        with pytest.raises(BulkWriteError, match="line 2") as caught:
            await import_log(client["users"], path)

    assert caught.value.details["done"] == 1


def test_a_stream_is_a_log_too(users):
    assert import_log(users, io.BytesIO(b'{"op": "insert", "id": 1, "doc": {}}'))["insert"] == 1


def test_a_line_that_is_no_json_is_refused_with_its_line_and_column(tmp_path):
    log = tmp_path / "users.log"
    log.write_bytes(b'{"op": "insert", "id": "1", "doc": {}}\n\n{"op": "insert", "id": "2", "doc": {"a": }}\n')

    with Client(":memory:") as client, pytest.raises(QueryError, match=r"users\.log: line 3, column 42: ") as refused:
        import_log(client["users"], log)
    assert {key: refused.value.details[key] for key in ("line", "column", "done")} == {
        "line": 3,
        "column": 42,
        "done": 1,
    }
